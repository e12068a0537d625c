"""Avro: our schemas are Debezium's own, and so are the bytes of a row."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streams.capture.options import CaptureError
from streams.capture.outgoing.envelope import UNAVAILABLE
from streams.capture.postgres.facts import ColumnFacts
from streams.capture.serialize.avro import AvroCodec, avro_name, envelope_schema, record_text
from streams.contracts.registry import SchemaKind

from .builders import MOOD, NEXT, NOW, ROW_1, ROW_2, TYPES, a_fact, numeric
from .builders import Written as AnyWritten

CAPTURED = Path(__file__).parents[2] / "fixtures" / "debezium-avro"
REGISTRY = json.loads((CAPTURED / "registry.json").read_text("utf-8"))
USERS = (
    a_fact("id", 20, is_required=True, default=NEXT),
    a_fact("email", 25, is_required=True),
    a_fact("ssn", 25),
    a_fact("credit_card", 25),
    a_fact("created_at", 1184, is_required=True, default=NOW),
    a_fact("name", 25),
)
ORDERS = (
    a_fact("id", 20, is_required=True, default=NEXT),
    a_fact("user_id", 20, is_required=True),
    a_fact("amount", 1700, numeric(12, 2), is_required=True),
    a_fact("status", 25, is_required=True),
    a_fact("created_at", 1114, is_required=True, default=NOW),
    a_fact("note", 25),
)
PRODUCTS = (
    a_fact("id", 23, is_required=True, default=NEXT),
    a_fact("sku", 25, is_required=True),
    a_fact("price", 1700),
    a_fact("attributes", 3802),
)
ITEMS = tuple(a_fact(name, oid, is_required=True) for name, oid in
              (("order_id", 20), ("line_no", 23), ("product_id", 23), ("qty", 23)))  # fmt: skip
AUDIT = (a_fact("at", 1184, is_required=True), a_fact("what", 25))


def registered(number: int) -> Any:
    return json.loads(REGISTRY["ids"][str(number)])


@pytest.mark.parametrize(
    ("table", "columns", "value_id", "key_id"),
    [
        ("users", USERS, 2, 1),
        ("orders", ORDERS, 4, 3),
        ("products", PRODUCTS, 6, 5),
        ("order_items", ITEMS, 8, 7),
        ("types_demo", TYPES, 11, 10),
        ("audit_log", AUDIT, 9, None),
        ("products", (*PRODUCTS, a_fact("stock", 23, is_required=True, default="7")), 19, None),
        ("orders", tuple(a_fact("amount", 1700, numeric(14, 4), is_required=True) if c.name == "amount" else c
                         for c in ORDERS), 20, None),
    ],
)  # fmt: skip
def test_schemas_are_those_that_debezium_registered(
    table: str, columns: tuple[ColumnFacts, ...], value_id: int, key_id: int | None
) -> None:
    namespace = f"shopavro.public.{table}"

    assert json.loads(envelope_schema(namespace, columns)) == registered(value_id)
    if key_id is not None:
        keys = [held for held in columns if held.name in ("id", "order_id", "line_no")]
        assert json.loads(record_text("Key", namespace, keys)) == registered(key_id)


# -- what the very same rows become; texts as PostgreSQL sends them

ROW_3 = (
    "3", "0.00", "100000000000000000000", None, None, None, None, "infinity", "24:00:00", None, "infinity", None,
    "-infinity", *(None,) * 11,
)  # fmt: skip
ROW_4 = (
    "4", "9999999999.99", "0.000000000000000000001", None, None, None, None, "0044-03-15 BC", "12:00:00", None,
    "9999-12-31 23:59:59.999999", None, "2026-10-25 00:30:00+00", *(None,) * 11,
)  # fmt: skip


def debezium_bodies(table: str) -> Iterator[tuple[bytes | None, bytes]]:
    """(key, value) of each record that has a value, both behind their five bytes of schema id."""
    for line in (CAPTURED / f"shopavro.public.{table}.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["value"] is not None:
            key = record["key"] and b64decode(record["key"])
            yield key and key[5:], b64decode(record["value"])[5:]


class Written(AnyWritten):
    """A table's way into Avro, and what a reader with nothing but the registry makes of it."""

    def __init__(self, columns: tuple[ColumnFacts, ...], identity: str = "d") -> None:
        super().__init__(AvroCodec, columns, identity)

    def read(self, data: bytes | None) -> Any:
        assert data is not None
        schema = self.registry.by_id(int.from_bytes(data[1:5], "big"))
        return fastavro.schemaless_reader(BytesIO(data[5:]), fastavro.parse_schema(json.loads(schema.text)), None)

    def after(self, **row: object) -> Any:
        (record,) = self.change("c", None, row)
        return self.read(record.value)["after"]


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_rows_are_written_byte_for_byte_as_debezium_writes_them(number: int) -> None:
    key, value = [body for body in debezium_bodies("types_demo") if body[0] is not None][number]
    written = Written(TYPES)
    row = (ROW_1, ROW_2, ROW_3, ROW_4)[number]
    image = written.shape.image(row, {})

    (record,) = written.change("c", None, image)

    schema = fastavro.parse_schema(registered(11))
    theirs = fastavro.schemaless_reader(BytesIO(value), schema, None)
    assert record.key is not None and record.key[5:] == key
    # The envelope's bytes begin with before (null) and after: there, nothing but the row may differ.
    row_bytes = BytesIO()
    fastavro.schemaless_writer(row_bytes, schema["fields"][0]["type"][1], theirs["after"])
    assert record.value is not None and record.value[5:].startswith(b"\x00\x02" + row_bytes.getvalue())
    assert value.startswith(b"\x00\x02" + row_bytes.getvalue())


def test_a_delete_makes_up_what_debezium_makes_up() -> None:
    schema = fastavro.parse_schema(registered(4))
    events = (fastavro.schemaless_reader(BytesIO(value), schema, None) for _, value in debezium_bodies("orders"))
    made_up = next(event["before"] for event in events if event["op"] == "d" and event["before"]["user_id"] == 0)
    written = Written(ORDERS)
    image = written.shape.identity((str(made_up["id"]), None, None, None, None, None))

    record, tombstone = written.change("d", image, None)

    assert written.read(record.value)["before"] == made_up
    assert (tombstone.key, tombstone.value) == (record.key, None)


@pytest.mark.parametrize(
    ("type_oid", "sent"),
    [(25, UNAVAILABLE), (17, UNAVAILABLE.encode()), (3802, UNAVAILABLE), (1009, [UNAVAILABLE]),
     (1007, list(UNAVAILABLE.encode()))],
)  # fmt: skip
def test_what_was_not_sent_is_debeziums_placeholder(type_oid: int, sent: object) -> None:
    assert Written((a_fact("id", 23), a_fact("x", type_oid))).after(id=1, x=UNAVAILABLE) == {"id": 1, "x": sent}


def test_what_was_not_sent_and_has_no_placeholder_ends_the_capture() -> None:
    with pytest.raises(CaptureError, match=r"types_demo.x, which is large and unchanged.*REPLICA IDENTITY FULL"):
        Written((a_fact("id", 23), a_fact("x", 1700))).after(id=1, x=UNAVAILABLE)


def test_no_number_is_null_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    written = Written((a_fact("id", 23), a_fact("x", 1700), a_fact("y", 1700, numeric(5, 2))))

    assert written.after(id=1, x="NaN", y="1.50")["x"] is None
    assert written.after(id=1, x="-Infinity", y="NaN") == {"id": 1, "x": None, "y": None}
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["types_demo.x", "types_demo.y"]


def test_a_null_where_the_catalog_of_now_has_none_gets_a_schema_that_allows_it() -> None:
    written = Written((a_fact("id", 23, is_required=True), a_fact("x", 25, is_required=True)))

    first = written.change("c", None, {"id": 1, "x": "a"})[0]
    second = written.change("c", None, {"id": 2, "x": None})[0]

    assert written.read(second.value)["after"] == {"id": 2, "x": None}
    assert first.value is not None and second.value is not None and first.value[:5] != second.value[:5]
    assert written.after(id=3, x="b") == {"id": 3, "x": "b"}


def test_under_replica_identity_full_nothing_is_made_up() -> None:
    written = Written((a_fact("id", 23, is_required=True), a_fact("x", 25, is_required=True)), identity="f")

    record, _ = written.change("d", {"id": 1, "x": None}, None)

    assert written.read(record.value)["before"] == {"id": 1, "x": None}


def test_several_dimensions_end_the_capture_without_telling_the_value() -> None:
    with pytest.raises(CaptureError, match=r"types_demo.x: it has several dimensions; leave the column out") as caught:
        Written((a_fact("id", 23), a_fact("x", 1007))).after(id=1, x=[[1, 2], [3, 4711]])
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    ("fact", "value", "written"),
    [
        (a_fact("x", 1082), "5874897-12-31", 2_145_042_905),
        (a_fact("x", 1083, 3), "12:00:00.125", 43_200_125),
        (a_fact("x", 1114, 0), "2026-03-29T02:30:00.000000Z", 1_774_751_400_000),
        (a_fact("x", 1114), "-infinity", -(1 << 63)),
        (a_fact("x", 1114), "0044-03-15 12:00:00 BC", -63_517_780_800_000_000),
        (a_fact("x", 1184, 3), "2026-03-29T00:30:00.123000Z", "2026-03-29T00:30:00.123Z"),
        (a_fact("x", 1184, 0), "2026-03-29T00:30:00.000000Z", "2026-03-29T00:30:00Z"),
        (a_fact("x", 1186), "PT-0.5S", -500_000),
        (a_fact("x", 1560, 1), "1", True),
        (a_fact("x", 1562), "100000001", b"\x01\x01"),
        (a_fact("x", 1560, 8), "00000000", b"\x00"),
        (a_fact("x", 1231, numeric(6, 1)), ["1.5", None], [b"\x0f", None]),
        (a_fact("x", 1700, numeric(5, 0)), "-128", b"\x80"),
        (a_fact("x", 790), "$1.00", "$1.00"),
        (ColumnFacts(name="x", type_oid=99_998, element_oid=99_999, labels=MOOD), "{sad,NULL}", ["sad", None]),
    ],
)
def test_values_of_other_types(fact: ColumnFacts, value: object, written: object) -> None:
    codec = Written((a_fact("id", 23), fact))
    (record,) = codec.change("c", None, {"id": 1, "x": value})

    assert record.value is not None
    schema = json.loads(codec.registry.by_id(int.from_bytes(record.value[1:5], "big")).text)
    read = fastavro.schemaless_reader(BytesIO(record.value[5:]), without_decimals(schema), None)
    assert read["after"]["x"] == written


def without_decimals(schema: Any) -> Any:
    """A schema by which decimals stay bytes."""
    if isinstance(schema, dict):
        return {name: without_decimals(held) for name, held in schema.items() if name != "logicalType"}
    return [without_decimals(held) for held in schema] if isinstance(schema, list) else schema


def test_subjects_are_the_topics_and_one_schema_is_registered_once() -> None:
    written = Written(TYPES)
    written.change("c", None, written.shape.image(ROW_1, {}))
    written.change("c", None, written.shape.image(ROW_2, {}))

    assert written.registry.register("x", SchemaKind.AVRO, '"int"').id == 3


def test_a_name_that_avro_has_not_ends_the_capture() -> None:
    with pytest.raises(CaptureError, match="no names such as first name"):
        Written((a_fact("id", 23), a_fact("first name", 25))).after(**{"id": 1, "first name": "x"})
    assert avro_name("my-shop.public.2024_orders") == "my_shop.public._2024_orders"


def test_a_decimal_with_more_digits_than_the_type_of_now_gets_a_schema_that_takes_any() -> None:
    written = Written((a_fact("id", 23), a_fact("x", 1700, numeric(5, 2))))

    assert written.after(id=1, x="1.2345")["x"] == {"scale": 4, "value": b"\x30\x39"}


def test_a_type_that_has_a_name_is_spelt_out_once() -> None:
    written = Written((a_fact("id", 23), a_fact("x", 1700), a_fact("y", 1700), a_fact("z", 1231)))
    half = {"scale": 1, "value": b"\x05"}

    assert written.after(id=1, x="0.5", y="0.5", z=["0.5", None]) == {"id": 1, "x": half, "y": half, "z": [half, None]}
