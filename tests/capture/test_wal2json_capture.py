"""A capture through wal2json on Debian's PostgreSQL: exactly once as through pgoutput, whatever happens to it."""

from __future__ import annotations

import json

import pytest

from .process import CapturedDatabase, changes_by_key, table_of
from .test_faults import SCHEMA, remembered, rows_of, transact, wait_for_more
from .writers import writing

pytestmark = pytest.mark.integration

ROWS = 60_000


@pytest.mark.parametrize("version", ["1", "2"])
def test_killed_under_load_it_tells_every_change_once_in_order(
    wal2json_database: CapturedDatabase, version: str
) -> None:
    database, options = wal2json_database, ("--plugin", "wal2json", "--wal2json-format", version)
    database.sql(SCHEMA)
    capture = database.started("accounts", *options)
    with writing(database, transact) as done:
        for _ in range(2):
            wait_for_more(lambda: database.size("accounts"), 300, database)
            database.kill(capture)
            wait_for_more(done, 50, database)
            capture = database.started("accounts", *options)
    database.flush(capture)

    told = database.told("accounts")
    assert changes_by_key(told) == remembered(database)
    assert table_of(told) == rows_of(database)
    assert database.sql("SELECT pubname FROM pg_publication") == [], "it needs none"
    assert database.stop(capture) == 0


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_large_transaction_killed_in_the_middle_is_told_once(
    wal2json_database: CapturedDatabase, version: str
) -> None:
    database, options = wal2json_database, ("--plugin", "wal2json", "--wal2json-format", version)
    database.sql("CREATE TABLE bulk(id bigint PRIMARY KEY, word text)")
    database.stop(database.started("bulk", *options))
    database.sql(f"INSERT INTO bulk SELECT i, repeat('x', 400) FROM generate_series(1, {ROWS}) i")
    capture = database.start("bulk", *options)
    wait_for_more(lambda: len(database.told("bulk")), 1, database)
    database.kill(capture)
    cut = len(database.told("bulk"))
    database.flush(database.started("bulk", *options))

    places = [record.value["transaction"]["total_order"] for record in database.told("bulk")]
    assert 0 < cut < ROWS, "it was killed inside of the transaction"
    assert sorted(places) == list(range(1, ROWS + 1))


def test_rows_of_partitions_and_messages_come_through_wal2json_too(wal2json_database: CapturedDatabase) -> None:
    database, options = wal2json_database, ("--plugin", "wal2json")
    database.sql(
        "CREATE TABLE parted(id bigint PRIMARY KEY, word text) PARTITION BY RANGE (id)",
        "CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE beside(id bigint PRIMARY KEY)",
    )
    capture = database.started("parted", *options)
    database.sql(
        "INSERT INTO parted VALUES (1, 'one')",
        "CREATE TABLE high PARTITION OF parted FOR VALUES FROM (10) TO (20)",
        "INSERT INTO beside VALUES (1)",
        "INSERT INTO parted VALUES (11, 'eleven')",
        "UPDATE parted SET id = 12 WHERE id = 1",
        "TRUNCATE parted",
    )
    database.flush(capture)

    told = [(record.op, record.key) for record in database.told("parted")]
    assert sorted(told, key=json.dumps) == sorted(
        [("c", {"id": 1}), ("c", {"id": 11}), ("d", {"id": 1}), (None, {"id": 1}), ("c", {"id": 12}), ("t", None)],
        key=json.dumps,
    )


def test_format_1_says_at_the_start_what_it_does_not_tell(wal2json_database: CapturedDatabase) -> None:
    database = wal2json_database
    database.sql("CREATE TABLE users(id bigint PRIMARY KEY)")

    database.stop(database.started("users", "--plugin", "wal2json", "--wal2json-format", "1"))

    assert "format 1 does not tell of TRUNCATE; --wal2json-format 2 does" in database.log
