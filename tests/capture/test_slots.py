"""Slots: listed with what they cost, dropped with all that belongs to them, and guarded by a limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from .process import CapturedDatabase

pytestmark = pytest.mark.integration


def streams_capture(database: CapturedDatabase, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"STREAMS_BROKERS": database.kafka.bootstrap, "STREAMS_APP": database.name}
    return subprocess.run(
        [sys.executable, "-m", "streams", "capture", *arguments, "--database", database.dsn],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120,
        env={**os.environ, **environment},
    )  # fmt: skip


def slots(database: CapturedDatabase) -> dict[str, dict[str, object]]:
    done = streams_capture(database, "slots", "--output", "json")
    assert done.returncode == 0, done.stderr
    return {slot["slot"]: slot for slot in json.loads(done.stdout)}


def test_a_slot_is_listed_with_its_reader_and_the_log_it_keeps(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")
    capture = database.started("users")
    active = slots(database)[database.name]
    database.stop(capture)
    database.sql("INSERT INTO users SELECT generate_series(1, 20000)")

    idle = slots(database)[database.name]

    assert (active["plugin"], active["database"], active["is_active"]) == ("pgoutput", database.name, True)
    assert (idle["is_active"], idle["status"]) == (False, "reserved")
    assert int(str(idle["kept_bytes"])) > 1_000_000


def test_dropping_asks_and_leaves_nothing_and_the_next_capture_begins_with_a_snapshot(
    database: CapturedDatabase,
) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)", "INSERT INTO users VALUES (1)")
    capture = database.started("users")
    drop = ("drop", "--slot", database.name, "--publication", "streams")

    unasked, busy = streams_capture(database, *drop), streams_capture(database, *drop, "--yes")
    database.flush(capture)
    database.stop(capture)
    done = streams_capture(database, *drop, "--yes", "--output", "json")
    again = streams_capture(database, *drop, "--yes", "--output", "json")

    assert (unasked.returncode, busy.returncode) == (1, 1)
    assert f"slot {database.name} is in use by another process" in busy.stderr
    results = [[row["result"] for row in json.loads(held.stdout)] for held in (done, again)]
    assert results == [["dropped"] * 3, ["was not there", "dropped", "was not there"]]
    assert database.sql("SELECT slot_name FROM pg_replication_slots") == []
    assert database.sql("SELECT pubname FROM pg_publication") == []
    database.flush(database.started("users"))
    assert [record.op for record in database.told("users")] == ["r", "r"]


def test_a_publication_of_somebody_else_stays(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)", "CREATE PUBLICATION theirs FOR TABLE users")

    done = streams_capture(database, "drop", "--slot", "none", "--publication", "theirs", "--yes")

    assert (done.returncode, "made by somebody else; if nobody needs it: DROP PUBLICATION" in done.stderr) == (1, True)
    assert database.sql("SELECT pubname FROM pg_publication") == [("theirs",)]


@pytest.mark.parametrize("more", [(), ("--drop-slot-beyond",)], ids=["stop", "drop"])
def test_a_lag_beyond_the_limit_that_does_not_shrink_ends_the_capture_with_its_own_code(
    database: CapturedDatabase, more: tuple[str, ...]
) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)", "CREATE TABLE noise(word text)")
    capture = database.started("users", "--max-slot-lag", "4MB", *more)
    assert capture.poll() is None

    # Nobody ends this transaction: PostgreSQL keeps the log since it began, however fast the capture is.
    with database.open_transaction("INSERT INTO noise VALUES ('x')"):
        while capture.poll() is None:
            database.sql("INSERT INTO noise SELECT repeat('x', 100) FROM generate_series(1, 2000)")
            database.flush_or_end(capture)

    assert capture.returncode == 3
    assert "a transaction that is open keeps most of it" in database.log
    left = database.sql("SELECT slot_name FROM pg_replication_slots")
    assert left == ([] if more else [(database.name,)])


def test_within_the_limit_nothing_is_said(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")
    capture = database.started("users", "--max-slot-lag", "10GB")
    database.sql("INSERT INTO users SELECT generate_series(1, 20000)")
    database.flush(capture)

    assert database.stop(capture) == 0
    assert "lags" not in database.log
