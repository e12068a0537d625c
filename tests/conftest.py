"""What tests share: one broker and one database for the whole session, and names that nobody else has."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator

import pytest

from streams.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedRedis, MissingToolError, debian_postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A real broker, started when the first test asks for it."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A real PostgreSQL 18 with logical replication."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A real Valkey."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Debian's PostgreSQL with wal2json; tests that need it are skipped where it is not installed."""
    try:
        server = debian_postgres(tmp_path_factory.mktemp("debian"))
    except MissingToolError as error:
        pytest.skip(str(error))
    with server:
        yield server


@pytest.fixture(scope="session")
def stamp() -> Callable[[str], str]:
    """``unique`` for fixtures that live longer than a test."""
    session = uuid.uuid4().hex[:6]
    return lambda name: f"{name}-{session}-{next(_numbers)}"


@pytest.fixture
def unique(stamp: Callable[[str], str]) -> Callable[[str], str]:
    """``unique("orders")``: a name for a topic, a group or a slot."""
    return stamp
