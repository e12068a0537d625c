"""Records that name their schema: Avro, Protobuf and framed JSON, and what becomes of them when the registry fails."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from streams.contracts.framing import VALUE_HEADER, frame_prefix
from streams.contracts.registry import MemoryRegistry, RegisteredSchema, RegistryUnavailableError, SchemaKind
from streams.pipeline.formats.registered import MANY_UNKNOWN
from streams.pipeline.task import Task
from streams.records import Headers, SourceRecord
from streams.state.stores.memory import MemoryStore
from streams.testing import Driver

from .builders import (
    DEAD,
    OUT,
    TOPIC,
    a_batch,
    a_driver,
    a_pipeline,
    a_topology,
    header,
    problems_of,
    reasons_of,
    rows_of,
)

GUID = UUID("11111111-2222-3333-4444-555555555555")
AVRO_ID, OLDER_ID, PROTOBUF_ID = 7, 6, 8
FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "long"},
    {"name": "code", "type": "string"},
    {"name": "amount", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 3}]},
    {"name": "price", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 4}]},
    {"name": "at", "type": ["null", "long"]},
]
NEWER = {"type": "record", "name": "Order", "fields": FIELDS}
OLDER = {"type": "record", "name": "Order", "fields": [FIELDS[1], FIELDS[0], {"name": "was", "type": "float"}]}


class AbsentRegistry(MemoryRegistry):
    """Does not answer."""

    def by_id(self, schema_id: int) -> RegisteredSchema:
        raise RegistryUnavailableError("http://registry: no answer")


class CountingRegistry(MemoryRegistry):
    """Counts what it is asked."""

    asked = 0

    def by_id(self, schema_id: int) -> RegisteredSchema:
        self.asked += 1
        return super().by_id(schema_id)


def a_registry(registry: MemoryRegistry | None = None, **more: Any) -> MemoryRegistry:
    held = MemoryRegistry() if registry is None else registry
    held.add(RegisteredSchema(kind=SchemaKind.AVRO, text=json.dumps(NEWER), id=AVRO_ID, guid=GUID))
    held.add(RegisteredSchema(kind=SchemaKind.AVRO, text=json.dumps(OLDER), id=OLDER_ID))
    held.add(RegisteredSchema(kind=SchemaKind.PROTOBUF, text=b64encode(a_file()).decode(), id=PROTOBUF_ID))
    for name, schema in more.items():
        held.add(RegisteredSchema(kind=SchemaKind.AVRO, text=json.dumps(schema), id=int(name.removeprefix("id_"))))
    return held


def a_reader(format: str, registry: MemoryRegistry | None = None, **parts: Any) -> Driver:
    return a_driver(a_pipeline(source={"format": format}, **parts), registry=registry or a_registry())


def avro(schema: Any, **row: object) -> bytes:
    """A body, written by the library that writes such records elsewhere."""
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), row)
    return stream.getvalue()


def fed(driver: Driver, *values: bytes, headers: Headers = ()) -> Driver:
    for value in values:
        driver.send(TOPIC, key=b"k", value=value, timestamp_ms=1_000, headers=headers)
    return driver


LONG = Decimal("12345678901234567890123456789012345.678")
ROW = {"id": 1, "code": "A", "amount": LONG, "price": Decimal("1.5"), "at": 5}


def test_avro_is_read_with_the_schema_it_names_and_mapped_by_name() -> None:
    driver = fed(
        a_reader("avro"),
        frame_prefix(OLDER_ID) + avro(OLDER, id=1, code="A", was=0.1),
        frame_prefix(AVRO_ID) + avro(NEWER, **ROW),
    )

    assert [record.value for record in driver.records(OUT)] == [
        b'{"id":1,"code":"A","was":0.1}',
        b'{"id":1,"amount":12345678901234567890123456789012345.678,"price":"1.5000","code":"A","at":5}',
    ]


@pytest.mark.parametrize(
    ("prefix", "headers"),
    [
        (frame_prefix(AVRO_ID), ()),
        (frame_prefix(GUID), ()),
        (b"", ((VALUE_HEADER, frame_prefix(GUID)),)),
    ],
)
def test_an_id_a_guid_and_a_header_name_a_schema(prefix: bytes, headers: Headers) -> None:
    driver = fed(a_reader("avro"), prefix + avro(NEWER, **ROW), headers=headers)

    assert driver.ledger() == {"processed": 1}


def test_a_schema_is_asked_for_once() -> None:
    registry = CountingRegistry()
    driver = a_reader("avro", a_registry(registry))

    fed(driver, *[frame_prefix(AVRO_ID) + avro(NEWER, **ROW)] * 3)

    assert (driver.ledger(), registry.asked) == ({"processed": 3}, 1)


def test_an_unknown_schema_is_asked_for_once_a_batch() -> None:
    registry = CountingRegistry()
    (sub,) = a_topology(a_pipeline(source={"format": "avro"}), registry=registry).subtopologies
    task = Task(sub, 0, MemoryStore())
    unknown = [SourceRecord(TOPIC, 0, 0, 1_000, b"k", frame_prefix(number) + b"x") for number in (98, 99, 98, 98)]

    for offset in (0, 4):
        result = task.process(a_batch(*unknown, offset=offset), now_ms=1_000)

        assert result.ledgers["orders"].reasons() == {"registry_unknown_schema": 4}
    assert registry.asked == 4


def test_a_batch_of_garbage_asks_for_no_more_schemas_than_the_watchdog_bears() -> None:
    registry = CountingRegistry()
    (sub,) = a_topology(a_pipeline(source={"format": "avro"}), registry=registry).subtopologies
    garbage = [SourceRecord(TOPIC, 0, 0, 1_000, b"k", frame_prefix(number)) for number in range(1_000)]

    result = Task(sub, 0, MemoryStore()).process(a_batch(*garbage), now_ms=1_000)

    assert result.ledgers["orders"].reasons() == {"registry_unknown_schema": 1_000}
    assert registry.asked == MANY_UNKNOWN


def test_a_schema_that_the_registry_does_not_have_is_the_records_fault() -> None:
    driver = fed(a_reader("avro"), frame_prefix(99) + b"s3cret", frame_prefix(AVRO_ID) + avro(NEWER, **ROW))

    assert reasons_of(driver) == ["registry_unknown_schema"]
    assert driver.ledger() == {"dead": 1, "processed": 1}
    assert header(driver.records(DEAD)[0], "__connect.errors.exception.message") == (
        "the schema registry has no schema of id 99"
    )


@pytest.mark.parametrize("format", ["avro", "protobuf", "debezium-avro", "debezium-protobuf"])
def test_a_registry_that_does_not_answer_buries_nothing(format: str) -> None:
    (sub,) = a_topology(a_pipeline(source={"format": format}), registry=AbsentRegistry()).subtopologies
    task = Task(sub, 0, MemoryStore())
    record = SourceRecord(TOPIC, 0, 0, 1_000, b"k", frame_prefix(AVRO_ID, (0,) if "proto" in format else None))

    with pytest.raises(RegistryUnavailableError):
        task.process(a_batch(record), now_ms=1_000)

    assert not task.is_touched


@pytest.mark.parametrize("format", ["avro", "protobuf", "debezium-avro", "debezium-protobuf"])
def test_without_a_registry_such_formats_are_refused_with_the_line(format: str) -> None:
    (problem,) = problems_of(a_pipeline(source={"format": format}))

    assert problem.startswith("pipelines/orders.yaml:1: source.format: ")
    assert problem.endswith(f"{format} names its schemas by id: set STREAMS_REGISTRY to a registry's URL")


LINKED = {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}
NOTHINGS = {"type": "record", "name": "Z", "fields": [{"name": "z", "type": {"type": "array", "items": "null"}}]}


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (LINKED, b"\x02" * 900_000),  # reading it is a crash of the process
        (NOTHINGS, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x00"),  # and this a loop of 2^62 rounds
        ("string", b"\x02a"),
        ({"type": "enum", "name": "E", "symbols": ["a"]}, b"\x00"),
        (NEWER, b""),
        (NEWER, avro(NEWER, **ROW) + b"\x00"),
        (NEWER, avro(NEWER, **ROW)[:-1]),
        (["null", "strange"], b"\x00"),
    ],
)
def test_what_is_no_record_of_a_table_is_dead(schema: Any, body: bytes) -> None:
    driver = fed(a_reader("avro", a_registry(id_50=schema)), frame_prefix(50) + body)

    assert reasons_of(driver) == ["decode_failed"]


def test_a_schema_of_another_kind_is_dead() -> None:
    assert reasons_of(fed(a_reader("avro"), frame_prefix(PROTOBUF_ID) + b"x")) == ["decode_failed"]
    assert reasons_of(fed(a_reader("protobuf"), frame_prefix(AVRO_ID, (0,)) + b"x")) == ["decode_failed"]


@pytest.mark.parametrize("prefix", [b"", frame_prefix(99), frame_prefix(GUID)])
def test_json_may_be_framed_and_need_not_be(prefix: bytes) -> None:
    value = prefix + b'{"id":1,"code":"A","amount":1.50}'

    driver = fed(a_driver(a_pipeline(source={"format": "json"})), value)

    assert [record.value for record in driver.records(OUT)] == [b'{"id":1,"code":"A","amount":1.50}']


# -- Protobuf


def a_file() -> bytes:
    """``message Other {} message Order {...}`` with what needs words of its own."""
    file = descriptor_pb2.FileDescriptorProto(name="order.proto", package="acme", syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    file.message_type.add(name="Other")
    order = file.message_type.add(name="Order")
    text, number, double, message = 9, 3, 1, 11
    for place, (name, kind, is_optional) in enumerate(
        [("id", number, 0), ("code", text, 0), ("note", text, 1), ("amount", double, 1), ("at", number, 1)], 1
    ):
        field = order.field.add(name=name, number=place, type=kind, label=1)
        if is_optional:
            field.proto3_optional, field.oneof_index = True, len(order.oneof_decl)
            order.oneof_decl.add(name=f"_{name}")
    order.field.add(name="seen", number=9, type=message, label=1, type_name=".google.protobuf.Timestamp")
    order.field.add(name="parts", number=10, type=12, label=3)
    return file.SerializeToString()


def an_order(**fields: Any) -> bytes:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(timestamp_file()))
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(a_file()))
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("acme.Order"))(**fields)
    message.seen.seconds, message.seen.nanos = 1_700_000_000, 500_000_999
    return bytes(message.SerializeToString())


def timestamp_file() -> bytes:
    from google.protobuf import timestamp_pb2

    return bytes(timestamp_pb2.DESCRIPTOR.serialized_pb)


def test_protobuf_is_read_by_the_path_to_its_message() -> None:
    value = frame_prefix(PROTOBUF_ID, (1,)) + an_order(id=1, code="A", amount=0.1, parts=[b"\x00\xff"])

    (row,) = rows_of(fed(a_reader("protobuf"), value).records(OUT))

    # Nullable columns that were not set are null, a bytes field is base64, a timestamp RFC 3339.
    assert row == {
        "id": 1,
        "amount": Decimal("0.1"),
        "code": "A",
        "at": None,
        "note": None,
        "seen": "2023-11-14T22:13:20.500000Z",
        "parts": ["AP8="],
    }


@pytest.mark.parametrize("path", [(0,), (2,), (1, 0)])
def test_another_message_is_not_the_row(path: tuple[int, ...]) -> None:
    driver = fed(a_reader("protobuf"), frame_prefix(PROTOBUF_ID, path) + an_order(id=1, code="A"))

    assert reasons_of(driver) == ["contract_violation" if path == (0,) else "decode_failed"]
