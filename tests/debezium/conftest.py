"""One run of all cases for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from streams.embedded import EmbeddedKafka, EmbeddedPostgres, MissingToolError
from tests.capture.process import CapturedDatabase

from .sides import Sides, run_both
from .workload import lay_out


@pytest.fixture(scope="module")
def sides(
    postgres: EmbeddedPostgres,
    kafka: EmbeddedKafka,
    tmp_path_factory: pytest.TempPathFactory,
    stamp: Callable[[str], str],
) -> Iterator[Sides]:
    """All cases, run once while both read."""
    name, folder = stamp("side").replace("-", "_"), tmp_path_factory.mktemp("debezium")
    with CapturedDatabase(postgres=postgres, kafka=kafka, name=name, folder=folder) as database:
        lay_out(database.dsn)
        # Without it ours does not start: in a published table without a key, UPDATE and DELETE would fail.
        database.sql("ALTER TABLE audit_log REPLICA IDENTITY FULL")
        try:
            yield run_both(database, folder, f"debezium_{name}")
        except MissingToolError as error:
            pytest.skip(f"no real Debezium to compare with: {error}")
