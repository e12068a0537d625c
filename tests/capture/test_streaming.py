"""Streaming: transactions larger than the server's memory come while they are open, and are told when they end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest

from .process import CapturedDatabase, table_of

pytestmark = pytest.mark.integration

ROWS, LARGE = 20_000, 60_000
"""Many enough to wait on the disk; and so many that a signal comes while they are told."""
INSERT = "INSERT INTO bulk SELECT i, '{word}', repeat('x', 200) FROM generate_series({first}, {last}) i"


@pytest.fixture
def bulk(database: CapturedDatabase) -> CapturedDatabase:
    """A table, and a server that keeps next to nothing of an open transaction in memory."""
    database.sql(
        "CREATE TABLE bulk(id bigint PRIMARY KEY, word text, filler text)",
        f"ALTER DATABASE {database.name} SET logical_decoding_work_mem = '64kB'",
    )
    return database


@contextmanager
def session(database: CapturedDatabase) -> Iterator[Any]:
    """A transaction that stays open until the test ends it."""
    with closing(psycopg2.connect(database.dsn)) as connection, connection.cursor() as cursor:
        yield cursor


def insert(cursor: Any, word: str, first: int, last: int) -> None:
    cursor.execute(INSERT.format(word=word, first=first, last=last))


def spooled(database: CapturedDatabase) -> int:
    """Bytes of open transactions that wait on the capture's disk."""
    return sum(path.stat().st_size for path in (database.folder / "data").rglob("*") if path.is_file())


def words(database: CapturedDatabase) -> dict[str, list[int]]:
    """Rows by word, in the order in which Kafka was told of them, each partition behind the other."""
    found: dict[str, list[int]] = {}
    for record in database.told("bulk"):
        found.setdefault(record.value["after"]["word"], []).append(record.value["after"]["id"])
    return found


def numbers(database: CapturedDatabase) -> dict[int, list[int]]:
    """Places in their transactions, by transaction."""
    found: dict[int, list[int]] = {}
    for record in database.told("bulk"):
        found.setdefault(record.value["source"]["txId"], []).append(record.value["transaction"]["total_order"])
    return {xid: sorted(places) for xid, places in found.items()}


def test_open_transactions_in_turns_are_told_when_they_end_without_what_was_rolled_back(bulk: CapturedDatabase) -> None:
    capture = bulk.started("bulk")
    with session(bulk) as first, session(bulk) as second, session(bulk) as third:
        insert(first, "first", 1, 5_000)
        insert(second, "second", 10_001, 15_000)
        first.execute("SAVEPOINT gone")
        insert(first, "gone", 5_001, 9_000)
        insert(third, "third", 20_001, 24_000)
        first.execute("ROLLBACK TO gone")
        insert(first, "first", 5_001, 6_000)
        bulk.wait_until(lambda: spooled(bulk) > 2_000_000, "they come while they are open", capture)
        bulk.sql("INSERT INTO bulk VALUES (30000, 'small', '')")
        bulk.flush(capture)
        assert list(words(bulk)) == ["small"], "nobody hears of what is open"

        second.connection.commit()
        third.connection.rollback()
        first.connection.commit()
        bulk.flush(capture)

    told = words(bulk)
    assert {word: sorted(ids) for word, ids in told.items()} == {
        "small": [30_000],
        "second": list(range(10_001, 15_001)),
        "first": list(range(1, 6_001)),
    }
    assert sorted(map(len, numbers(bulk).values())) == [1, 5_000, 6_000]
    assert all(places == list(range(1, len(places) + 1)) for places in numbers(bulk).values())
    assert spooled(bulk) == 0
    assert bulk.stop(capture) == 0


def test_killed_while_a_transaction_is_open_and_while_it_is_told_it_is_told_once(bulk: CapturedDatabase) -> None:
    capture = bulk.started("bulk")
    with session(bulk) as large, session(bulk) as other:
        insert(large, "large", 1, ROWS)
        insert(other, "other", LARGE + 1, LARGE + 3_000)
        bulk.wait_until(lambda: spooled(bulk) > 1_000_000, "it comes while it is open", capture)
        bulk.kill(capture)
        assert bulk.told("bulk") == []
        assert spooled(bulk) > 0, "it was killed with something on its disk"

        insert(large, "large", ROWS + 1, LARGE)
        large.connection.commit()
        capture = bulk.start("bulk")
        bulk.wait_until(lambda: bulk.size("bulk"), "it is being told", capture)
        bulk.kill(capture)
        cut = len(bulk.told("bulk"))
        capture = bulk.started("bulk")
        other.connection.commit()
        bulk.flush(capture)

    assert 0 < cut < LARGE, "it was killed inside of the transaction"
    assert {word: sorted(ids) for word, ids in words(bulk).items()} == {
        "large": list(range(1, LARGE + 1)),
        "other": list(range(LARGE + 1, LARGE + 3_001)),
    }
    assert list(numbers(bulk).values()) == [list(range(1, LARGE + 1)), list(range(1, 3_001))]


def test_a_stop_inside_of_a_large_transaction_is_heeded_at_once_and_it_goes_on_there(bulk: CapturedDatabase) -> None:
    bulk.stop(bulk.started("bulk"))
    bulk.sql(INSERT.format(word="large", first=1, last=LARGE))
    capture = bulk.start("bulk")
    bulk.wait_until(lambda: bulk.size("bulk"), "it is being told", capture)

    assert bulk.stop(capture) == 0
    cut = len(bulk.told("bulk"))
    assert 0 < cut < LARGE
    bulk.flush(bulk.started("bulk"))
    assert numbers(bulk) == {xid: list(range(1, LARGE + 1)) for xid in numbers(bulk)}
    assert len(table_of(bulk.told("bulk"))) == LARGE
