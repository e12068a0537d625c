"""Services: who answers look-ups. Called beside the walk of a batch, with a cache, time-outs, a limit and a breaker."""
