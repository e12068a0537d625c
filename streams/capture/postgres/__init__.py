"""The database: connections, catalog, publication and slots. Start with ``database``."""
