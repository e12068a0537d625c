"""Look-ups of the registry beside a bare aiohttp handler: ``python -m tests.bench.registry``."""
