"""Debezium's real records, through the whole pipeline: each case of ``tests/fixtures/README.md``."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from streams.testing import CommittedRecord

from .captured import (
    TABLES,
    a_driver,
    captured_table,
    captured_topic,
    final_rows,
    in_log_order,
    published_by,
    rows,
    send,
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
NOTE_OF_ORDER_4 = 12_800
"""Characters."""


def keys(records: list[CommittedRecord]) -> list[object]:
    """Their keys."""
    return [None if record.key is None else json.loads(record.key) for record in records]


# -- all of it


@pytest.mark.parametrize("table", TABLES)
def test_every_record_is_accounted_for_and_none_is_dead(table: str) -> None:
    driver, records = a_driver(table, partitions=3), captured_table(table)

    send(driver, records, keeps_partition=True)

    tombstones = sum(record.value is None for record in records)
    expected = {"processed": len(records) - tombstones, "filtered": tombstones}
    assert driver.ledger() == {outcome: count for outcome, count in expected.items() if count}


@pytest.mark.parametrize("table", FINAL_COLUMNS)
def test_the_table_is_the_databases_at_the_end(table: str) -> None:
    driver = a_driver(table)

    send(driver, in_log_order(captured_table(table)))

    found = sorted([str(row[column]) for column in FINAL_COLUMNS[table]] for row in driver.table(table).values())
    # Deletes of a table whose replica identity is not its key hit nothing: row 2 stays (case replica_identity_index).
    stays = [["2", "SKU-2"]] if table == "products" else []
    assert found == sorted(final_rows(table) + stays)


@pytest.mark.parametrize("table", ["users", "orders", "products"])
def test_partitions_do_not_matter_where_rows_keep_theirs(table: str) -> None:
    one, three = a_driver(table), a_driver(table, partitions=3)

    send(one, in_log_order(captured_table(table)))
    send(three, captured_table(table), keeps_partition=True)

    assert three.table(table) == one.table(table)


@pytest.mark.parametrize("table", TABLES)
def test_fed_twice_is_fed_once(table: str) -> None:
    driver, records = a_driver(table, partitions=3), captured_table(table)
    send(driver, records, keeps_partition=True)
    once, table_once = driver.records(f"{table}.rows.v1"), driver.table(table) if table in KEYED else {}

    send(driver, records, keeps_partition=True)

    more = driver.records(f"{table}.rows.v1")[len(once) :]
    assert (driver.table(table) if table in KEYED else {}) == table_once
    # Rows of a snapshot repeat where nothing identifies them: incremental ones, and those of a table without a key.
    assert len(more) == {"products": 4, "audit_log": 1}.get(table, 0)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("together", [False, True])
def test_a_crash_changes_nothing(table: str, together: bool) -> None:
    records = in_log_order(captured_table(table))
    straight, crashing = a_driver(table), a_driver(table)
    send(straight, records)

    for batch in [records] if together else [[record] for record in records]:
        send(crashing, batch, commits=False)
        crashing.restart(lose_uncommitted=True)
    crashing.commit()

    assert crashing.records(f"{table}.rows.v1") == straight.records(f"{table}.rows.v1")
    if table in KEYED:
        assert crashing.table(table) == straight.table(table)


@pytest.mark.parametrize("table", TABLES)
def test_the_placeholder_of_unsent_values_is_never_published(table: str) -> None:
    driver = a_driver(table)

    send(driver, in_log_order(captured_table(table)))

    assert not [record for record in driver.records(f"{table}.rows.v1") if PLACEHOLDER in (record.value or b"")]


@pytest.mark.parametrize("topic", ["shopjson.transaction", "shopjson.message", "__debezium-heartbeat.shopjson"])
def test_what_is_no_change_of_a_row_is_filtered(topic: str) -> None:
    driver, records = a_driver("users"), captured_topic(topic)

    for record in records:
        driver.send("shopjson.public.users", key=record.key, value=record.value, timestamp_ms=record.timestamp_ms)
    driver.commit()

    assert driver.ledger() == {"filtered": len(records)}


# -- values


def test_every_type_has_the_form_its_contract_says() -> None:
    published = published_by("types_demo", 782)

    assert published[0].value == (
        b'{"id":1,"n_fixed":"1234567890.12","n_free":"3.14159265358979323846","f4":1.5,"f8":2.5E+100,"b":true,'
        b'"i2":-32768,"d":"2026-03-29","t":"23:59:59.123456","ttz":"18:29:59.123456Z",'
        b'"ts":"2026-03-29T02:30:00.123456Z","ts3":"2026-03-29T02:30:00.123000Z",'
        b'"tstz":"2026-03-29T00:30:00.123456Z","iv":37091106789000,"u":"11111111-2222-3333-4444-555555555555",'
        b'"by":"AP8Q","arr":["a",null,"c d"],"iarr":[1,2,3],"j":"{\\"z\\":1, \\"a\\":2}",'
        b'"jb":"{\\"a\\": 2, \\"z\\": 1}","m":"happy","net":"10.0.0.1/24","bits":"Fg==","nul":null}'
    )
    assert published[1].value is not None
    assert json.loads(published[1].value) == {
        "id": 2,
        "n_fixed": "-0.01",
        "n_free": "0",
        "f4": "NaN",
        "f8": "-Infinity",
        "b": False,
        "i2": 0,
        "d": "0001-01-01",
        "t": "00:00:00.000000",
        "ttz": "00:00:00Z",
        "ts": "0001-01-01T00:00:00.000000Z",
        "ts3": "1969-12-31T23:59:59.999000Z",
        "tstz": "1969-12-31T23:59:59.999999Z",
        "iv": -86_400_000_000,
        "u": None,
        "by": "",
        "arr": [],
        "iarr": None,
        "j": None,
        "jb": None,
        "m": "sad",
        "net": None,
        "bits": None,
        "nul": None,
    }


def test_what_no_calendar_holds_keeps_postgresqls_words() -> None:
    infinite, ancient = rows(published_by("types_demo", 818))

    assert infinite is not None
    assert ancient is not None
    assert {name: infinite[name] for name in ("n_free", "d", "t", "ts", "tstz")} == {
        "n_free": "100000000000000000000",
        "d": "infinity",
        "t": "24:00:00.000000",
        "ts": "infinity",
        "tstz": "-infinity",
    }
    assert {name: ancient[name] for name in ("n_fixed", "n_free", "d", "t", "ts")} == {
        "n_fixed": "9999999999.99",
        "n_free": "0.000000000000000000001",
        "d": "0044-03-15 BC",
        "t": "12:00:00.000000",
        "ts": "9999-12-31T23:59:59.999999Z",
    }


def test_text_arrives_as_it_was_written() -> None:
    (published,) = rows(published_by("users", 791))

    assert published is not None
    assert published["email"] == ""
    assert published["name"] == 'Zoë 😀\n\t"q" \\ end'
    assert published["created_at"] == "1969-12-31T23:59:59.999999Z"


def test_numbers_inside_jsonb_keep_their_digits() -> None:
    (published,) = rows(published_by("products", 804))

    assert published is not None
    assert '"big": 12345678901234567890' in str(published["attributes"])
    assert published["price"] == "9.99"


def test_a_snapshots_price_is_exact_at_any_length() -> None:
    prices = {row["id"]: row["price"] for row in rows(published_by("products", 782)) if row is not None}

    assert prices == {1: "9.99", 2: "12345678901234567890.123456789", 3: None}


# -- updates, unsent columns, keys


def test_an_unsent_note_is_filled_from_the_known_row() -> None:
    inserted, updated, touched = rows(published_by("orders", 790, 793)) + rows(published_by("orders", 794))[1:2]

    assert inserted is not None
    assert updated is not None
    assert touched is not None
    assert len(str(inserted["note"])) == NOTE_OF_ORDER_4
    assert updated == {**inserted, "status": "paid"}
    assert (touched["id"], touched["status"], len(str(touched["note"]))) == (2, "seen", 9_600)


def test_an_update_that_changes_nothing_is_an_event() -> None:
    assert keys(published_by("users", 795)) == [{"id": 3}]


def test_a_changed_key_is_a_tombstone_and_a_row() -> None:
    published = published_by("users", 796)

    assert keys(published) == [{"id": 1}, {"id": 101}]
    gone, moved = rows(published)
    assert gone is None
    assert moved is not None
    assert moved["name"] == "Ada Löwe"


def test_a_changed_key_keeps_the_unsent_note_of_the_old_row() -> None:
    paid, gone, moved = rows(published_by("orders", 793, 797))

    assert paid is not None
    assert (gone, moved) == (None, {**paid, "id": 104})


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


def test_of_a_delete_only_the_key_is_believed() -> None:
    published = published_by("users", 798)

    assert [(record.key, record.value) for record in published] == [(b'{"id":3}', None)]


def test_replica_identity_full_changes_nothing_downstream() -> None:
    updated, resent, *moved = rows(published_by("orders", 800, 801, 802))
    gone = published_by("orders", 803)

    assert updated is not None
    assert resent is not None
    assert (updated["amount"], updated["status"]) == ("19.99", "done")
    assert (resent["status"], len(str(resent["note"]))) == ("sent", 9_600)
    assert [None if row is None else row["id"] for row in moved] == [None, 103]
    assert [(record.key, record.value) for record in gone] == [(b'{"id":1}', None)]


def test_a_delete_by_another_replica_identity_hits_no_row() -> None:
    published = published_by("products", 851, 852, 853, 854, 855)

    assert [(record.key, record.value is None) for record in published] == [
        (b'{"id":1}', False),
        (b'{"id":0}', True),
        (b'{"id":1}', False),
        (b'{"id":0}', True),
    ]


# -- transactions


def test_a_transaction_over_four_tables_arrives_whole() -> None:
    counts = Counter({table: len(published_by(table, 805)) for table in TABLES})

    assert +counts == Counter(users=1, orders=3, products=1, order_items=3)


def test_a_row_that_comes_and_goes_in_one_transaction_leaves_nothing() -> None:
    assert [row is None for row in rows(published_by("order_items", 806))] == [False, True]


def test_only_what_a_savepoint_kept_arrives() -> None:
    assert keys(published_by("users", 808)) == [{"id": 210}, {"id": 212}]


def test_positions_that_go_backwards_lose_nothing() -> None:
    driver = a_driver("users", partitions=3)

    send(driver, captured_table("users"), keeps_partition=True)

    assert {250, 251, 252} <= set(driver.table("users"))


def test_equal_rows_of_a_table_without_a_key_are_two_rows() -> None:
    assert [row and row["what"] for row in rows(published_by("audit_log", 816))] == ["dup", "dup"]
    assert [row and row["what"] for row in rows(published_by("audit_log", 850))] == ["copied"] * 3


def test_rows_of_one_statement_that_share_a_position_all_arrive() -> None:
    assert len(published_by("order_items", 817)) == 40
    assert [row and row["qty"] for row in rows(published_by("order_items", 849))] == ["1", "2", "3", "4", "5"]


# -- tables that change


def test_added_columns_are_there_from_the_next_event_on() -> None:
    assert [row and row["phone"] for row in rows(published_by("users", 822, 823))] == ["+49 30 1", "+49 30 2"]
    assert [row and row["stock"] for row in rows(published_by("products", 825))] == [7]


def test_a_changed_scale_cannot_be_seen_in_bytes_without_schema() -> None:
    # 1.2345 and 0.0001 were written; the bytes say 12345 and 1, and the contract says scale 2.
    assert [row and row["amount"] for row in rows(published_by("orders", 827, 828))] == ["123.45", "0.01"]


def test_a_column_may_become_text_where_the_contract_allows_both() -> None:
    assert [row and row["qty"] for row in rows(published_by("order_items", 830))] == ["three"]


def test_renamed_and_dropped_columns_follow_the_source() -> None:
    (published,) = rows(published_by("users", 831))

    assert published == {
        "id": 240,
        "email": "gus@example.test",
        "credit_card": None,
        "created_at": "2026-04-06T00:00:00.000000Z",
        "full_name": "Gus",
        "phone": None,
    }


def test_an_incremental_snapshot_is_an_upsert_of_every_row() -> None:
    read = [row for row in rows(published_by("products", None)) if row is not None]

    assert Counter((row["id"], row["stock"]) for row in read) == Counter([(1, 7), (2, 7), (3, 7), (50, 7)])


def test_a_truncate_empties_the_table_and_publishes_nothing() -> None:
    driver = a_driver("order_items")
    records = in_log_order(captured_table("order_items"))
    truncated = next(index for index, record in enumerate(records) if record.operation == "t")

    send(driver, records[:truncated])
    before = len(driver.table("order_items")), len(driver.records("order_items.rows.v1"))
    send(driver, records[truncated : truncated + 1])

    assert before[0] > 40
    assert (len(driver.table("order_items")), len(driver.records("order_items.rows.v1"))) == (0, before[1])
    send(driver, records[truncated + 1 : truncated + 3])
    assert driver.table("order_items") == {
        (400, 1): {"order_id": 400, "line_no": 1, "product_id": 1, "qty": "9"},
    }
