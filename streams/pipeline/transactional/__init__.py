"""Transactions of the source: what one of them changed is released together."""
