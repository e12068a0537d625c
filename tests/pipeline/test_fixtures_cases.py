"""Each case of ``tests/fixtures/README.md`` in each format, by its name: what a correct consumer makes of it."""

from __future__ import annotations

import json
import sys
from collections import Counter

import pytest

from streams.testing import CommittedRecord

from .captured import (
    DEBEZIUM_FORMATS,
    FIXTURES,
    FORMATS,
    SNAPSHOT,
    TABLES,
    a_driver,
    captured_table,
    captured_topic,
    final_table,
    in_log_order,
    operations_of,
    published_by,
    rows,
    send,
    told_of,
    topic_of,
    wal2json_lines,
)

LENGTH_OF_NOTE_4, LENGTH_OF_NOTE_2 = 12_800, 9_600
"""Characters."""
WAL2JSON = "wal2json-v2"

pytestmark = pytest.mark.parametrize("format", FORMATS)


def keys(records: list[CommittedRecord]) -> list[object]:
    return [None if record.key is None else json.loads(record.key) for record in records]


def the_row(table: str, format: str, *transactions: int) -> dict[str, object]:
    """The one row that these transactions publish."""
    (row,) = rows(published_by(table, *transactions, format=format))
    assert row is not None
    return row


def letters(format: str, debezium: str, wal2json: str) -> str:
    """What was captured of one case: wal2json tells a changed key in one record, and no tombstones."""
    return wal2json if format == WAL2JSON else debezium


# -- rows that come


def test_snapshot(format: str) -> None:
    counts = {table: len(published_by(table, SNAPSHOT, format=format)) for table in TABLES}

    assert counts == {
        "users": 3, "orders": 3, "products": 3, "order_items": 2, "audit_log": 1, "types_demo": 2, "dbz_signal": 0,
    }  # fmt: skip
    assert published_by("types_demo", SNAPSHOT, format=format)[0].value == (
        b'{"id":1,"n_fixed":"1234567890.12","n_free":"3.14159265358979323846","f4":1.5,"f8":2.5E+100,"b":true,'
        b'"i2":-32768,"d":"2026-03-29","t":"23:59:59.123456","ttz":"18:29:59.123456Z",'
        b'"ts":"2026-03-29T02:30:00.123456Z","ts3":"2026-03-29T02:30:00.123000Z",'
        b'"tstz":"2026-03-29T00:30:00.123456Z","iv":37091106789000,"u":"11111111-2222-3333-4444-555555555555",'
        b'"by":"AP8Q","arr":["a",null,"c d"],"iarr":[1,2,3],"j":"{\\"z\\":1, \\"a\\":2}",'
        b'"jb":"{\\"a\\": 2, \\"z\\": 1}","m":"happy","net":"10.0.0.1/24","bits":"Fg==","nul":null}'
    )
    assert rows(published_by("types_demo", SNAPSHOT, format=format))[1] == {
        "id": 2, "n_fixed": "-0.01", "n_free": "0", "f4": "NaN", "f8": "-Infinity", "b": False, "i2": 0,
        "d": "0001-01-01", "t": "00:00:00.000000", "ttz": "00:00:00Z", "ts": "0001-01-01T00:00:00.000000Z",
        "ts3": "1969-12-31T23:59:59.999000Z", "tstz": "1969-12-31T23:59:59.999999Z", "iv": -86_400_000_000,
        "u": None, "by": "", "arr": [], "iarr": None, "j": None, "jb": None, "m": "sad", "net": None, "bits": None,
        "nul": None,
    }  # fmt: skip
    prices = {row["id"]: row["price"] for row in rows(published_by("products", SNAPSHOT, format=format)) if row}
    assert prices == {1: "9.99", 2: "12345678901234567890.123456789", 3: None}


def test_insert_single(format: str) -> None:
    assert operations_of("users", format, 789) == "c"
    assert the_row("users", format, 789) == {
        "id": 4,
        "email": "dan@example.test",
        "ssn": "000-12-0004",
        "credit_card": "378282246310005",
        "created_at": "2026-04-01T12:00:00.000001Z",
        "name": "Dan",
    }


def test_insert_toast(format: str) -> None:
    assert len(str(the_row("orders", format, 790)["note"])) == LENGTH_OF_NOTE_4


def test_insert_specials(format: str) -> None:
    row = the_row("users", format, 791)

    assert (row["email"], row["ssn"], row["credit_card"]) == ("", None, "")
    assert row["name"] == 'Zoë 😀\n\t"q" \\ end'
    assert row["created_at"] == "1969-12-31T23:59:59.999999Z"


# -- REPLICA IDENTITY DEFAULT


def test_update_default(format: str) -> None:
    assert operations_of("users", format, 792) == "u"
    assert the_row("users", format, 792)["name"] == "Robert"


def test_update_toast_unchanged_default(format: str) -> None:
    inserted, updated = the_row("orders", format, 790), the_row("orders", format, 793)

    assert updated == {**inserted, "status": "paid"}


def test_update_multi_rows(format: str) -> None:
    published = [row for row in rows(published_by("orders", 794, format=format)) if row is not None]

    assert [(row["id"], row["status"]) for row in published] == [(1, "seen"), (2, "seen"), (3, "seen")]
    assert [None if row["note"] is None else len(str(row["note"])) for row in published] == [10, LENGTH_OF_NOTE_2, None]


def test_update_noop(format: str) -> None:
    assert operations_of("users", format, 795) == "u"
    assert keys(published_by("users", 795, format=format)) == [{"id": 3}]


def test_update_pk_default(format: str) -> None:
    published = published_by("users", 796, format=format)

    assert operations_of("users", format, 796) == letters(format, "d-c", "u")
    assert keys(published) == [{"id": 1}, {"id": 101}]
    gone, moved = rows(published)
    assert gone is None
    assert moved is not None
    assert (moved["id"], moved["name"]) == (101, "Ada Löwe")


def test_update_pk_toast_default(format: str) -> None:
    paid = the_row("orders", format, 793)

    assert rows(published_by("orders", 797, format=format)) == [None, {**paid, "id": 104}]


def test_delete_default(format: str) -> None:
    published = published_by("users", 798, format=format)

    assert operations_of("users", format, 798) == letters(format, "d-", "d")
    assert [(record.key, record.value) for record in published] == [(b'{"id":3}', None)]


# -- REPLICA IDENTITY FULL


def test_replica_full(format: str) -> None:
    assert [told_of(table, format, 799) for table in TABLES] == [[]] * len(TABLES)


def test_update_full(format: str) -> None:
    updated = the_row("orders", format, 800)

    assert (updated["amount"], updated["status"]) == ("19.99", "done")


def test_update_toast_unchanged_full(format: str) -> None:
    updated = the_row("orders", format, 801)

    assert (updated["status"], len(str(updated["note"]))) == ("sent", LENGTH_OF_NOTE_2)


def test_update_pk_full(format: str) -> None:
    assert operations_of("orders", format, 802) == letters(format, "d-c", "u")
    published = published_by("orders", 802, format=format)
    assert keys(published) == [{"id": 3}, {"id": 103}]
    assert [row and row["id"] for row in rows(published)] == [None, 103]


def test_delete_full(format: str) -> None:
    published = published_by("orders", 803, format=format)

    assert [(record.key, record.value) for record in published] == [(b'{"id":1}', None)]


def test_update_jsonb_full(format: str) -> None:
    row = the_row("products", format, 804)

    assert isinstance(row["attributes"], str)
    assert '"big": 12345678901234567890' in row["attributes"]
    assert '"n": 1000' in row["attributes"]
    assert row["price"] == "9.99"


# -- transactions


def test_tx_multi_table(format: str) -> None:
    letters_by_table = {table: operations_of(table, format, 805) for table in TABLES}

    assert +Counter({table: len(found.replace("-", "")) for table, found in letters_by_table.items()}) == Counter(
        users=1, orders=3, products=1, order_items=3
    )
    assert [row and row["amount"] for row in rows(published_by("orders", 805, format=format))] == [
        "10.00", "20.00", "20.00",
    ]  # fmt: skip
    assert the_row("products", format, 805)["price"] == "10.99"


def test_tx_insert_delete_same_row(format: str) -> None:
    assert operations_of("order_items", format, 806) == letters(format, "cd-", "cd")
    assert [row is None for row in rows(published_by("order_items", 806, format=format))] == [False, True]


def test_tx_rollback(format: str) -> None:
    assert [told_of(table, format, 807) for table in TABLES] == [[]] * len(TABLES)
    assert not [record for record in captured_table("users", format) if b"ghost" in (record.value or b"")]


def test_tx_savepoint(format: str) -> None:
    assert keys(published_by("users", 808, format=format)) == [{"id": 210}, {"id": 212}]


def test_tx_interleaved(format: str) -> None:
    assert keys(published_by("users", 812, 813, format=format)) == [{"id": 251}, {"id": 250}, {"id": 252}]
    # Each partition as it was, log positions going backwards: nothing is lost.
    driver = a_driver("users", partitions=3, format=format)
    send(driver, captured_table("users", format), keeps_partition=True)
    assert {250, 251, 252} <= set(driver.table("users"))


def test_upsert(format: str) -> None:
    assert operations_of("products", format, 814, 815) == "cu"
    assert [row and row["price"] for row in rows(published_by("products", 814, 815, format=format))] == ["1", "2"]


def test_nokey_insert(format: str) -> None:
    published = published_by("audit_log", 816, format=format)

    assert [record.key for record in published] == [None, None]
    assert [row and row["what"] for row in rows(published)] == ["dup", "dup"]


def test_bulk_insert(format: str) -> None:
    published = rows(published_by("order_items", 817, format=format))

    assert [row and row["line_no"] for row in published] == list(range(1, 41))


def test_types_infinity(format: str) -> None:
    infinite, ancient = rows(published_by("types_demo", 818, format=format))

    assert infinite is not None
    assert ancient is not None
    assert {name: infinite[name] for name in ("n_fixed", "n_free", "d", "t", "ts", "tstz")} == {
        "n_fixed": "0.00",
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


# -- messages


def messages(format: str) -> list[dict[str, int]]:
    """What becomes of the messages, each alone."""
    if format == WAL2JSON:
        values = [line.encode() for line in wal2json_lines() if '"action":"M"' in line]
    else:
        topic = topic_of("users", format).split(".")[0] + ".message"
        values = [record.value or b"" for record in captured_topic(topic, format)]
    found = []
    for value in values:
        driver = a_driver("users", format=format)
        driver.send(topic_of("users", format), key=None, value=value, timestamp_ms=1)
        found.append(driver.ledger())
    return found


def test_message_tx(format: str) -> None:
    # The message and the row behind it share one log position: the row is no duplicate of it.
    assert messages(format)[0] == {"filtered": 1}
    assert [row and row["what"] for row in rows(published_by("audit_log", 819, format=format))] == ["with message"]


def test_message_nontx(format: str) -> None:
    assert messages(format)[1] == {"filtered": 1}


def test_message_nontx_rolled_back(format: str) -> None:
    assert messages(format)[2:] == [{"filtered": 1}]


# -- tables that change


def test_schema_add_column(format: str) -> None:
    published = rows(published_by("users", 821, 822, 823, format=format))

    assert [row and row["phone"] for row in published] == ["+49 30 1", "+49 30 2"]


def test_schema_add_column_default(format: str) -> None:
    assert the_row("products", format, 825)["stock"] == 7


def test_schema_change_type(format: str) -> None:
    published = rows(published_by("orders", 826, 827, 828, format=format))

    # Bytes without a schema say 12345 and 1, and the contract says scale 2.
    expected = ["123.45", "0.01"] if format == "debezium-json" else ["1.2345", "0.0001"]
    assert [row and row["amount"] for row in published] == expected


def test_schema_change_type_incompatible(format: str) -> None:
    assert the_row("order_items", format, 829, 830)["qty"] == "three"


def test_schema_rename_drop(format: str) -> None:
    assert the_row("users", format, 831) == {
        "id": 240,
        "email": "gus@example.test",
        "credit_card": None,
        "created_at": "2026-04-06T00:00:00.000000Z",
        "full_name": "Gus",
        "phone": None,
    }


# -- snapshots and truncates while streaming


def test_incremental_snapshot(format: str) -> None:
    read = [row for row in rows(published_by("products", None, format=format)) if row is not None]

    # wal2json takes none: its consumers see the signal alone.
    expected = [] if format == WAL2JSON else [(1, 7), (2, 7), (3, 7), (50, 7)]
    assert [(row["id"], row["stock"]) for row in read] == expected
    assert the_row("dbz_signal", format, 832)["type"] == "execute-snapshot"


def test_truncate_one(format: str) -> None:
    driver = a_driver("order_items", format=format)
    records = in_log_order(captured_table("order_items", format))
    place = next(index for index, record in enumerate(records) if record.operation == "t")
    send(driver, records[:place])
    before = len(driver.table("order_items")), len(driver.records("order_items.rows.v1"))

    send(driver, records[place : place + 1])

    assert before[0] > 40
    assert (len(driver.table("order_items")), len(driver.records("order_items.rows.v1"))) == (0, sum(before))


def test_truncate_many(format: str) -> None:
    truncated = ("audit_log", "order_items", "types_demo")
    assert [operations_of(table, format, 846) for table in truncated] == ["t", "tc", "t"]
    assert final_table("types_demo", format) == {}
    assert final_table("order_items", format)[400, 1] == {"order_id": 400, "line_no": 1, "product_id": 1, "qty": "9"}


def test_last(format: str) -> None:
    published = rows(published_by("audit_log", 847, 856, format=format))

    assert [row and row["what"] for row in published] == ["end-of-fixtures"] * 2


def test_copy_pk(format: str) -> None:
    published = rows(published_by("order_items", 849, format=format))

    assert [row and row["qty"] for row in published] == ["1", "2", "3", "4", "5"]


def test_copy_nokey(format: str) -> None:
    assert [row and row["what"] for row in rows(published_by("audit_log", 850, format=format))] == ["copied"] * 3


def test_replica_identity_index(format: str) -> None:
    published = published_by("products", 851, 852, 853, 854, 855, format=format)

    # The DELETEs say {"id":0}; matched by sku, they hit the rows they mean.
    assert [(record.key, record.value is None) for record in published] == [
        (b'{"id":1}', False),
        (b'{"id":1}', True),
        (b'{"id":1}', False),
        (b'{"id":2}', True),
    ]
    assert {key: row["id"] for key, row in final_table("products", format).items()} == {
        "SKU-1b": 1,
        "SKU-3": 3,
        "SKU-50": 50,
    }


def test_heartbeat(format: str) -> None:
    values: list[bytes | None] = [b'{"action":"B","xid":780}', b'{"action":"C","xid":780}']
    if format in DEBEZIUM_FORMATS:
        prefix = topic_of("users", format).split(".")[0]
        values = [record.value for record in captured_topic(f"__debezium-heartbeat.{prefix}", format)]
    driver = a_driver("users", format=format)

    for value in values:
        driver.send(topic_of("users", format), key=b"{}", value=value, timestamp_ms=1)

    assert driver.ledger() == {"filtered": len(values)}


def test_every_case_has_a_test(format: str) -> None:
    lines = (FIXTURES / "cases-pg15.jsonl").read_text("utf-8").splitlines()
    names = {json.loads(line)["case"] for line in lines} | {"snapshot", "heartbeat"}

    assert {name for name in names if not hasattr(sys.modules[__name__], f"test_{name}")} == set()
