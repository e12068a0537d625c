"""Pipelines whose contract is an Avro or a Protobuf schema: what such writers send is valid, and nothing else."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fastavro
import pytest
from google.protobuf import json_format, message_factory

from streams.contracts.compatibility.protobuf.compile import compile_text
from streams.contracts.compatibility.protobuf.pool import build_file
from streams.contracts.framing import FIRST_MESSAGE, frame_prefix
from streams.contracts.registry import MemoryRegistry, RegisteredSchema, SchemaKind
from streams.registry.kinds.protobuf import resolve, to_serialized
from streams.testing import Driver
from tests.contracts.builders import a_contract, a_folder
from tests.contracts.test_rows import KEY

from .captured import a_registry, captured_table, registered_schemas, topic_of

TOPIC, OUT, DEAD = "things", "things.v1", "things-things-dlt"
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}
INNER = {"type": "record", "name": "Inner", "fields": [{"name": "day", "type": {"type": "int", "logicalType": "date"}}]}
FIELDS: tuple[tuple[str, Any, tuple[object, ...]], ...] = (
    ("id", "long", (1, -(1 << 63), (1 << 63) - 1)),
    ("small", "int", (0, -(1 << 31), (1 << 31) - 1)),
    ("ratio", "double", (0.1, -1e300, 0.0)),
    ("single", "float", (0.5, -2.0, 0.0)),
    ("amount", DECIMAL, (Decimal("0.00"), Decimal("-9999.99"), Decimal("1234.50"))),
    ("note", ["null", "string"], (None, "", "é")),
    ("flag", "boolean", (True, False, True)),
    ("raw", "bytes", (b"", b"\x00", b"abcdef")),
    ("four", {"type": "fixed", "name": "Four", "size": 4}, (b"abcd", b"\x00" * 4, b"\xff" * 4)),
    ("at", {"type": "long", "logicalType": "timestamp-micros"}, (datetime(2026, 1, 2, 3, 4, 5, 6, UTC),) * 3),
    ("ms", {"type": "long", "logicalType": "local-timestamp-millis"}, (datetime(1, 1, 1), datetime(9999, 12, 31),
                                                                       datetime(1970, 1, 1))),
    ("clock", {"type": "long", "logicalType": "time-micros"}, (time(), time(23, 59, 59, 999_999), time(1))),
    ("word", {"type": "enum", "name": "Word", "symbols": ["A", "B"]}, ("A", "B", "A")),
    ("list", {"type": "array", "items": ["null", DECIMAL]}, ([], [None], [Decimal("1.00")])),
    ("map", {"type": "map", "values": "long"}, ({}, {"a": 1}, {"b": -1})),
    ("inner", INNER, ({"day": date(2026, 1, 2)}, {"day": date(1, 1, 1)}, {"day": date(9999, 12, 31)})),
    ("either", ["null", "string", DECIMAL], (None, "x", Decimal("1.00"))),
)  # fmt: skip
SCHEMA = {"type": "record", "name": "Thing", "fields": [{"name": name, "type": kind} for name, kind, _ in FIELDS]}
PROTO = """syntax = "proto3";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/type/date.proto";
message Thing {
  uint64 id = 1;
  optional int32 small = 2;
  double ratio = 3;
  bytes raw = 4;
  google.protobuf.Timestamp at = 5;
  google.protobuf.Duration took = 6;
  google.type.Date day = 7;
  google.protobuf.Value any = 8;
  repeated Inner inner = 9;
  map<int32, State> states = 10;
  oneof paid { string card = 11; bool cash = 12; }
  message Inner { optional string sku = 1; sint64 count = 2; Thing thing = 3; }
  enum State { OPEN = 0; PAID = 1; }
}
"""
EMPTY = {"id": "1"}
FULL = {
    "id": str((1 << 64) - 1), "small": -1, "ratio": 0.25, "raw": "AAE=", "at": "2026-01-02T03:04:05.000006Z",
    "took": "1.5s", "day": {"year": 2026, "month": 1, "day": 2}, "any": {"a": [1, None]}, "states": {"7": "PAID"},
    "inner": [{}, {"sku": "x", "count": "-5", "thing": {"id": "3"}}], "cash": True,
}  # fmt: skip


def a_driver(kind: str, text: str, *, source: str, registered: str) -> Driver:
    """A pipeline whose contract is ``text``, of records that were written with it, or with ``registered``."""
    registry = MemoryRegistry()
    registry.add(RegisteredSchema(kind=SchemaKind(kind.upper()), text=registered, id=7))
    pipeline = {
        "pipeline": "things",
        "source": {"topic": TOPIC, "format": source, "contract": f"iglu:com.acme/things/{kind}/1-*-*"},
        "route": [{"to": OUT}],
    }  # fmt: skip
    files = {
        f"com.acme/things/{kind}/1-0-0": text,
        "com.acme/things/contract.yaml": a_contract(KEY),
        "pipelines/things.yaml": json.dumps(pipeline),
    }
    with TemporaryDirectory() as folder:
        return Driver(a_folder(Path(folder), files), registry=registry)


def send(driver: Driver, value: bytes) -> None:
    driver.send(TOPIC, key=b"k", value=value, timestamp_ms=1_000)


def avro(schema: Any, row: Mapping[str, object]) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), row)
    return frame_prefix(7) + stream.getvalue()


def proto(text: str, row: Mapping[str, object]) -> bytes:
    kind = build_file(compile_text(text), {}).message_types_by_name["Thing"]
    message = json_format.ParseDict(dict(row), message_factory.GetMessageClass(kind)())
    return frame_prefix(7, FIRST_MESSAGE) + message.SerializeToString()


def serialized(text: str) -> str:
    return to_serialized(resolve(compile_text(text), {}))


def rows(driver: Driver) -> list[Any]:
    return [json.loads(record.value or b"null", parse_float=Decimal) for record in driver.records(OUT)]


def test_every_record_of_an_avro_schema_is_a_row_of_its_contract() -> None:
    driver = a_driver("avro", json.dumps(SCHEMA), source="avro", registered=json.dumps(SCHEMA))
    for place in range(3):
        send(driver, avro(SCHEMA, {name: values[place] for name, _, values in FIELDS}))

    assert driver.ledger() == {"processed": 3}
    last = rows(driver)[-1]
    assert (last["amount"], last["at"], last["raw"], last["either"]) == (
        "1234.50", "2026-01-02T03:04:05.000006Z", "YWJjZGVm", "ZA=="
    )  # fmt: skip
    assert (last["list"], last["inner"]["day"], last["ratio"]) == (["1.00"], "9999-12-31", Decimal("0.0"))


def test_every_message_of_a_protobuf_schema_is_a_row_of_its_contract() -> None:
    driver = a_driver("protobuf", PROTO, source="protobuf", registered=serialized(PROTO))
    for row in (EMPTY, FULL):
        send(driver, proto(PROTO, row))

    assert driver.ledger() == {"processed": 2}
    empty, full = rows(driver)
    assert (empty["small"], empty["ratio"], empty["inner"], empty["card"]) == (None, 0, [], None)
    assert (full["id"], full["at"], full["day"]) == ((1 << 64) - 1, "2026-01-02T03:04:05.000006Z", "2026-01-02")
    assert (full["states"], full["cash"], full["inner"][1]["count"]) == ({"7": "PAID"}, True, -5)


def test_older_writers_are_read_and_what_is_no_row_is_told_with_its_place() -> None:
    fields: list[dict[str, Any]] = [{"name": "id", "type": "long"}, {"name": "code", "type": "string"}]
    contract = {"type": "record", "name": "Thing", "fields": [*fields, {"name": "n", "type": "int", "default": 1}]}
    older = {"type": "record", "name": "Thing", "fields": fields}
    driver = a_driver("avro", json.dumps(contract), source="avro", registered=json.dumps(older))
    send(driver, avro(older, {"id": 1, "code": "a"}))
    other = {**older, "fields": [{"name": "id", "type": "long"}, {"name": "n", "type": "long"}]}
    strange = a_driver("avro", json.dumps(contract), source="avro", registered=json.dumps(other))
    send(strange, avro(other, {"id": 1, "n": 1 << 40}))

    assert (driver.ledger(), rows(driver)) == ({"processed": 1}, [{"id": 1, "code": "a"}])
    assert strange.ledger() == {"dead": 1}
    (dead,) = strange.records(DEAD)
    told = dict(dead.headers)["__contract.errors.path"].decode()
    assert sorted(told.split(",")) == ["code", "n"]


def test_rows_that_come_as_json_are_held_to_the_same_schema() -> None:
    driver = a_driver("protobuf", PROTO, source="debezium-json", registered=serialized(PROTO))
    for after in ({"id": 1, "at": 0}, {"id": 2, "small": 1 << 40}, {"id": 3, "states": {"1": "LOST"}}, {"small": 1}):
        change = {"op": "c", "after": after, "source": {"lsn": 1}, "ts_ms": 1}
        driver.send(TOPIC, key=json.dumps({"id": after.get("id")}).encode(), value=json.dumps(change).encode(),
                    timestamp_ms=1_000)  # fmt: skip

    assert driver.ledger() == {"processed": 1, "dead": 3}
    assert rows(driver)[0]["at"] == "1970-01-01T00:00:00.000000Z"


def the_row(schema: Any) -> Any:
    """What a connector's schema says of the table's rows, as a schema of its own."""
    fields = {field["name"]: field["type"] for field in schema["fields"]}
    return {**next(kind for kind in fields["before"] if kind != "null"), "namespace": schema["namespace"]}


@pytest.mark.parametrize("table", ["users", "orders", "products"])
def test_rows_of_a_real_connector_are_rows_of_the_schema_that_it_registered(table: str) -> None:
    topic = topic_of(table, "debezium-avro")
    held = [json.loads(text) for text in registered_schemas().values()]
    *_, newest = (one for one in held if (one.get("namespace"), one["name"]) == (topic, "Envelope"))
    pipeline = {
        "pipeline": "things", "route": [{"to": OUT}],
        "source": {"topic": topic, "format": "debezium-avro", "contract": "iglu:com.acme/things/avro/1-*-*"},
    }  # fmt: skip
    files = {
        "com.acme/things/avro/1-0-0": json.dumps(the_row(newest)),
        "com.acme/things/contract.yaml": a_contract(KEY),
        "pipelines/things.yaml": json.dumps(pipeline),
    }
    with TemporaryDirectory() as folder:
        driver = Driver(a_folder(Path(folder), files), registry=a_registry())
    for record in captured_table(table, "debezium-avro"):
        driver.send(topic, key=record.key, value=record.value, timestamp_ms=record.timestamp_ms, headers=record.headers)

    ledger = driver.ledger()
    assert (ledger["processed"] > 10, ledger.keys() - {"processed", "filtered"}) == (True, set())
