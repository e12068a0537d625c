"""Capture: the changes of a PostgreSQL database become records of Kafka, each once. Start with ``run``."""
