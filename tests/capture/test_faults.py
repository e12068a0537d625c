"""Faults: whatever happens to a capture, Kafka has every change once, in order, and ends with the database's rows."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from .process import CapturedDatabase, Told, changes_by_key, table_of
from .writers import writing

pytestmark = pytest.mark.integration

SCHEMA = """
CREATE TABLE accounts(id bigint PRIMARY KEY, owner text NOT NULL, balance numeric(12,2) NOT NULL, version int NOT NULL);
ALTER TABLE accounts REPLICA IDENTITY FULL;
CREATE TABLE history(seq bigserial PRIMARY KEY, op text NOT NULL, old jsonb, new jsonb);
CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO history(op, old, new) VALUES (TG_OP, to_jsonb(OLD), to_jsonb(NEW));
  RETURN NULL;
END $$;
CREATE TRIGGER remember AFTER INSERT OR UPDATE OR DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION remember();
"""
KEYS = 60


def transact(cursor: Any, chance: random.Random, number: int) -> None:
    """Some accounts change, in the order of their keys, so that no two writers wait for each other."""
    for key in sorted(chance.sample(range(KEYS), chance.choice((1, 2, 5)))):
        change(cursor, chance, key)


def change(cursor: Any, chance: random.Random, key: int) -> None:
    """One row comes, changes, goes, or goes on under another key; its lock is held by the statement's own order."""
    kind = chance.random()
    if kind < 0.45:
        cursor.execute(
            "INSERT INTO accounts VALUES (%s, %s, %s, 1) ON CONFLICT (id) DO UPDATE"
            " SET version = accounts.version + 1, balance = excluded.balance",
            (key, f"owner {key}", chance.randrange(10_000) / 100),
        )
    elif kind < 0.75:
        cursor.execute("UPDATE accounts SET version = version + 1 WHERE id = %s", (key,))
    elif kind < 0.9:
        cursor.execute("DELETE FROM accounts WHERE id = %s", (key,))
    else:
        # Nobody else writes to the keys above, and each has one source, so this cannot collide or deadlock.
        cursor.execute("DELETE FROM accounts WHERE id = %s", (key + KEYS,))
        cursor.execute("UPDATE accounts SET id = id + %s, version = version + 1 WHERE id = %s", (KEYS, key))


def remembered(database: CapturedDatabase) -> dict[str, list[tuple[str, Any]]]:
    """What the triggers say happened, by key, in order; a change of the key is a delete and an insert."""
    found: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for op, old, new in database.sql("SELECT op, old::text, new::text FROM history ORDER BY seq"):
        before, after = (text and json.loads(text, parse_float=str) for text in (old, new))
        if op == "UPDATE" and before["id"] == after["id"]:
            found[key_of(after)].append(("u", after))
            continue
        if before is not None:
            found[key_of(before)].append(("d", before))
        if after is not None:
            found[key_of(after)].append(("c", after))
    return dict(found)


def key_of(row: Any) -> str:
    return json.dumps({"id": row["id"]})


def rows_of(database: CapturedDatabase, table: str = "accounts") -> dict[str, Any]:
    rows = [json.loads(text, parse_float=str) for (text,) in database.sql(f"SELECT to_jsonb(t)::text FROM {table} t")]
    return {key_of(row): row for row in rows}


def wait_for_more(count: Callable[[], int], more: int, database: CapturedDatabase) -> None:
    """Wait until a count has grown."""
    enough = count() + more
    database.wait_until(lambda: count() >= enough, f"{more} more")


def test_a_capture_killed_three_times_under_load_tells_every_change_once_in_order(database: CapturedDatabase) -> None:
    database.sql(SCHEMA)
    capture = database.started("accounts")
    with writing(database, transact) as done:
        for _ in range(3):
            wait_for_more(lambda: database.size("accounts"), 500, database)
            database.kill(capture)
            wait_for_more(done, 50, database)
            capture = database.started("accounts")
    database.flush(capture)

    told = database.told("accounts")
    assert changes_by_key(told) == remembered(database)
    assert table_of(told) == rows_of(database)
    assert sum(record.op == "d" for record in told) == sum(record.value is None for record in told)
    assert all(sorted(held) == list(range(1, len(held) + 1)) for held in numbers_by_transaction(told).values())
    assert database.stop(capture) == 0


def numbers_by_transaction(told: Iterable[Told]) -> dict[int, list[int]]:
    """Places of a table's changes in their transactions."""
    numbers = defaultdict(list)
    for record in told:
        if record.value is not None and record.value["transaction"] is not None:
            numbers[record.value["source"]["txId"]].append(record.value["transaction"]["data_collection_order"])
    return dict(numbers)


def test_a_snapshot_while_others_write_ends_with_the_rows_of_the_database(database: CapturedDatabase) -> None:
    database.sql(SCHEMA, "INSERT INTO accounts SELECT i, 'first', i, 0 FROM generate_series(1000, 9000) i")
    with writing(database, transact) as done:
        wait_for_more(done, 50, database)
        capture = database.started("accounts")
        wait_for_more(done, 50, database)
    database.flush(capture)

    told = database.told("accounts")
    assert table_of(told) == rows_of(database)
    assert {record.op for record in told} == {"r", "c", "u", "d", None}


def test_a_transaction_larger_than_a_chunk_killed_in_the_middle_is_told_once(database: CapturedDatabase) -> None:
    database.sql("CREATE TABLE bulk(id bigint PRIMARY KEY, word text)")
    count = 100_000
    database.stop(database.started("bulk"))
    database.sql(f"INSERT INTO bulk SELECT i, repeat('x', 400) FROM generate_series(1, {count}) i")
    topic, cut = database.topic("bulk"), [0]
    for _ in range(2):
        capture = database.start("bulk")
        # Nothing is decoded to be counted: meanwhile a quick machine would come to the end of the transaction.
        database.wait_until(lambda: len(database.committed(topic)) > cut[-1], "more comes", capture)
        database.kill(capture)
        cut.append(len(database.committed(topic)))
    capture = database.started("bulk")
    database.flush(capture)

    told = database.told("bulk")
    assert 0 < cut[1] < cut[2] < count, "it was killed inside of the transaction"
    assert sorted(record.value["after"]["id"] for record in told) == list(range(1, count + 1))
    assert sorted(record.value["transaction"]["total_order"] for record in told) == list(range(1, count + 1))


def test_a_snapshot_killed_in_the_middle_loses_nothing_also_no_delete(database: CapturedDatabase) -> None:
    count = 30_000
    database.sql(
        SCHEMA,
        f"INSERT INTO accounts SELECT i, repeat('x', 900), i, 0 FROM generate_series(1, {count}) i",
        "TRUNCATE history",
    )
    capture = database.start("accounts")
    database.wait_until(lambda: database.size("accounts") > 7_000, "chunks come", capture)
    database.kill(capture)
    read = [record.key["id"] for record in database.told("accounts")]
    database.sql(
        f"DELETE FROM accounts WHERE id IN ({', '.join(map(str, read[:50]))})",
        f"UPDATE accounts SET version = 1 WHERE id IN ({', '.join(map(str, read[50:100]))})",
        f"INSERT INTO accounts VALUES ({count + 1}, 'late', 1, 0)",
    )

    capture = database.started("accounts")
    database.flush(capture)

    told = database.told("accounts")
    assert 0 < len(read) < count, "it was killed inside of the snapshot"
    assert table_of(told) == rows_of(database)
    assert changes_by_key(told) == remembered(database)


def test_a_power_cut_of_the_database_is_survived_by_a_restart(database: CapturedDatabase) -> None:
    database.sql(SCHEMA)
    capture = database.started("accounts")
    with writing(database, transact) as done:
        wait_for_more(done, 100, database)
    ended = database.sql(
        f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{database.name}'"
    )

    assert ended == [(True,)]
    assert capture.wait(60) == 1
    assert "start the capture again" in database.log
    database.flush(database.started("accounts"))
    assert changes_by_key(database.told("accounts")) == remembered(database)
