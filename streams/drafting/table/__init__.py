"""Of a PostgreSQL table: what its catalog says. Start with ``draft``."""
