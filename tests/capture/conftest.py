"""A database of its own for each test of a capture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka, EmbeddedPostgres

from .process import CapturedDatabase


@pytest.fixture
def database(
    postgres: EmbeddedPostgres, kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> Iterator[CapturedDatabase]:
    """Empty; no capture runs yet."""
    name = unique("capture").replace("-", "_")
    with CapturedDatabase(postgres=postgres, kafka=kafka, name=name, folder=tmp_path) as held:
        yield held


@pytest.fixture
def wal2json_database(
    debian: EmbeddedPostgres, kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> Iterator[CapturedDatabase]:
    """The same on Debian's PostgreSQL, which has wal2json."""
    name = unique("capture").replace("-", "_")
    with CapturedDatabase(postgres=debian, kafka=kafka, name=name, folder=tmp_path) as held:
        yield held
