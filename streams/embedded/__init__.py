"""Embedded services: a real PostgreSQL, Apache Kafka and Valkey for the demo and the tests, without Docker."""

from .debian import debian_postgres
from .kafka import EmbeddedKafka
from .postgres import EmbeddedPostgres
from .process import MissingToolError
from .redis import EmbeddedRedis
from .services import EmbeddedServices, ServicesState, read_state

__all__ = [
    "EmbeddedKafka",
    "EmbeddedPostgres",
    "EmbeddedRedis",
    "EmbeddedServices",
    "MissingToolError",
    "ServicesState",
    "debian_postgres",
    "read_state",
]
