"""Real records of every format through the whole pipeline: what holds for all of a capture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.testing import CommittedRecord

from .captured import (
    DEBEZIUM_FORMATS,
    FORMATS,
    TABLES,
    a_driver,
    captured_table,
    captured_topic,
    final_rows,
    final_table,
    in_log_order,
    published_by,
    rows,
    send,
    told,
    topic_of,
)

PLACEHOLDER = b"__debezium_unavailable_value"
KEYED = tuple(table for table in TABLES if table != "audit_log")
FINAL_COLUMNS = {
    "users": ("id", "email"),
    "orders": ("id", "status", "user_id"),
    "products": ("id", "sku"),
    "order_items": ("order_id", "line_no", "qty"),
    "types_demo": ("id",),
}
# A DELETE of a table with another replica identity finds its row in one partition only.
PARTITIONS = {"products": 1}
SCALE_CHANGES = {827, 828}
"""JSON without schema does not say the new scale, so the contract's holds."""

every_format = pytest.mark.parametrize("format", FORMATS)
every_debezium = pytest.mark.parametrize("format", DEBEZIUM_FORMATS)
every_table = pytest.mark.parametrize("table", TABLES)


@every_format
@every_table
def test_every_event_is_accounted_for_and_none_is_dead(table: str, format: str) -> None:
    for held in told(table, format):
        is_tombstone = held.record.value is None
        moves = format == "wal2json-v2" and [record.value is None for record in held.published] == [True, False]
        assert held.ledger == ({"filtered": 1} if is_tombstone else {"processed": 2 if moves else 1})


@every_format
@pytest.mark.parametrize("table", FINAL_COLUMNS)
def test_the_table_is_the_databases_at_the_end(table: str, format: str) -> None:
    columns = FINAL_COLUMNS[table]

    found = sorted([str(row[column]) for column in columns] for row in final_table(table, format).values())

    assert found == final_rows(table)


@every_format
def test_a_table_without_a_key_holds_the_databases_rows_at_the_end(format: str) -> None:
    left: list[list[str]] = []
    for held in told("audit_log", format):
        left = [] if held.record.operation == "t" else left
        left += [[str(row["what"])] for row in rows(held.published) if row is not None]

    assert sorted(left) == final_rows("audit_log")


@every_format
@pytest.mark.parametrize("table", KEYED)
def test_final_tables_are_the_same_whatever_carried_the_changes(table: str, format: str) -> None:
    table_of_schema = dict(final_table(table, "debezium-json-schema"))

    found = dict(final_table(table, format))

    if table == "orders" and format == "debezium-json":
        assert (found.pop(230)["amount"], table_of_schema.pop(230)["amount"]) == ("0.01", "0.0001")
    if table == "products" and format == "wal2json-v2":  # an incremental snapshot, Debezium's alone, told its stock
        table_of_schema["SKU-3"] = {name: held for name, held in table_of_schema["SKU-3"].items() if name != "stock"}
    assert found == table_of_schema


@every_format
@every_table
def test_what_is_published_is_the_same_bytes_whatever_carried_it(table: str, format: str) -> None:
    def published(format: str, *, without: set[int | None]) -> list[tuple[int | None, bytes | None, bytes | None]]:
        return [
            (held.record.transaction, record.key, record.value)
            for held in told(table, format)
            if held.record.transaction not in without
            for record in held.published
        ]

    without: set[int | None] = set(SCALE_CHANGES) if format == "debezium-json" else set()
    if format == "wal2json-v2":
        without.add(None)  # an incremental snapshot is Debezium's

    assert published(format, without=without) == published("debezium-json-schema", without=without)


@pytest.mark.parametrize("table", ["users", "orders"])
@every_debezium
def test_partitions_do_not_matter_where_rows_keep_theirs(table: str, format: str) -> None:
    three = a_driver(table, partitions=3, format=format)

    # In Avro and with schemas the old and the new key of order 4 are in two partitions: see the next test.
    records = [record for record in captured_table(table, format) if table != "orders" or record.transaction != 797]
    send(three, records, keeps_partition=True)

    one = a_driver(table, format=format)
    send(one, in_log_order(records))
    assert three.table(table) == one.table(table)


def test_a_changed_key_in_another_partition_publishes_no_made_up_note() -> None:
    driver = a_driver("orders", partitions=2)

    for record in in_log_order(captured_table("orders")):
        place = 1 if record.key == b'{"id":104}' else 0
        send(driver, [replace(record, partition=place)], keeps_partition=True)

    moved = driver.table("orders")[104]
    # The note is in a partition that this task does not have: it is left out, not invented.
    assert moved == {
        "id": 104,
        "user_id": 1,
        "amount": "99.90",
        "status": "paid",
        "created_at": "2026-04-01T12:00:01.000000Z",
    }


@every_format
@every_table
def test_fed_twice_is_fed_once(table: str, format: str) -> None:
    driver = a_driver(table, partitions=PARTITIONS.get(table, 3), format=format)
    records = in_log_order(captured_table(table, format))
    for record in records:
        send(driver, [record])
    once, table_once = driver.records(f"{table}.rows.v1"), driver.table(table) if table in KEYED else {}

    # Rows of an incremental snapshot have no log position: they pass again, and may bring back what went since.
    send(driver, [record for record in records if record.operation != "r" or record.transaction is not None])

    more = driver.records(f"{table}.rows.v1")[len(once) :]
    # Nothing identifies a snapshot's rows of a table without a key, and wal2json's rows of one never.
    repeated = {"audit_log": 9 if format == "wal2json-v2" else 1}
    assert len(more) == repeated.get(table, 0)
    assert (driver.table(table) if table in KEYED else {}) == table_once


@pytest.mark.parametrize("format", ["debezium-json", "debezium-avro", "wal2json-v2"])
@every_table
@pytest.mark.parametrize("together", [False, True])
def test_a_crash_changes_nothing(table: str, together: bool, format: str) -> None:
    records = in_log_order(captured_table(table, format))
    straight, crashing = a_driver(table, format=format), a_driver(table, format=format)
    send(straight, records)

    for batch in [records] if together else [[record] for record in records]:
        send(crashing, batch, commits=False)
        crashing.restart(lose_uncommitted=True)
    crashing.commit()

    # Of rows that a TRUNCATE takes, which go first depends on where checkpoints are; the order of each row does not.
    published, wanted = (sorted(held.records(f"{table}.rows.v1"), key=_key_of) for held in (crashing, straight))
    assert published == wanted
    if table in KEYED:
        assert crashing.table(table) == straight.table(table)


def _key_of(record: CommittedRecord) -> bytes:
    return record.key or b""


@every_format
@every_table
def test_the_placeholder_of_unsent_values_is_never_published(table: str, format: str) -> None:
    published = [record for held in told(table, format) for record in held.published]

    assert not [record for record in published if PLACEHOLDER in (record.value or b"")]


@every_debezium
@pytest.mark.parametrize("kind", ["transaction", "message", "heartbeat"])
def test_what_is_no_change_of_a_row_is_filtered(kind: str, format: str) -> None:
    prefix = topic_of("users", format).split(".")[0]
    topic = f"__debezium-heartbeat.{prefix}" if kind == "heartbeat" else f"{prefix}.{kind}"
    driver, records = a_driver("users", format=format), captured_topic(topic, format)

    for record in records:
        driver.send(topic_of("users", format), key=record.key, value=record.value, timestamp_ms=record.timestamp_ms)

    assert driver.ledger() == {"filtered": len(records)}


def test_one_published_row_is_what_an_independent_reader_finds() -> None:
    (record,) = published_by("orders", 828, format="debezium-avro")

    assert record.value == (
        b'{"id":230,"user_id":2,"amount":"0.0001","status":"new","created_at":"2026-04-05T00:00:00.000000Z","note":null}'
    )
