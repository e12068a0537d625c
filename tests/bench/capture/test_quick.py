"""The quick profile of the benchmark: every change once, whatever the time it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka, EmbeddedPostgres
from tests.capture.process import CapturedDatabase

from .bench import QUICK, Bench

pytestmark = pytest.mark.integration


def test_a_capture_killed_again_and_again_loses_nothing_and_tells_nothing_twice(
    postgres: EmbeddedPostgres, kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> None:
    name = unique("bench").replace("-", "_")
    with CapturedDatabase(postgres=postgres, kafka=kafka, name=name, folder=tmp_path) as database:
        history, results = Bench(database, tmp_path, QUICK, print).run(("pg_recvlogical", "capture", "killed"))

    assert (history.count, max(history.size_by_xid.values())) == (QUICK.changes, QUICK.largest)
    assert {result.reader: {kind: n for kind, n in result.wrong.items() if n} for result in results} == {
        "pg_recvlogical": {}, "capture": {}, "killed": {}
    }  # fmt: skip
    assert [bool(result.wrong) for result in results] == [False, True, True], "Kafka was looked at"
    assert [result.outcome.kills > 1 for result in results] == [False, False, True]
