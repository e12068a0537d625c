"""Quality rules of a pipeline: fitted to its contract and compiled into checks and claims. Start with ``build``."""
