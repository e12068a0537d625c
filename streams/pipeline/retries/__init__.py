"""Retries: events that cannot go on now wait in topics, later events of their rows wait behind them in the state."""
