"""Of a topic: what its events look like. Start with ``draft``."""
