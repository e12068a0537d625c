"""Protobuf: messages of a table's columns that confluent-kafka's reader reads with what the registry holds."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.json_format import MessageToDict

from streams.capture.options import CaptureError
from streams.capture.outgoing.envelope import UNAVAILABLE
from streams.capture.serialize.protobuf import ProtobufCodec
from streams.contracts.framing import FIRST_MESSAGE, read_frame, read_message_path
from streams.contracts.registry import SchemaKind, find_schema
from streams.contracts.registry_http import HttpRegistry
from streams.embedded.registry import EmbeddedRegistry

from .builders import ROW_1, ROW_2, TYPES, Written, a_fact


def read(written: Written, data: bytes | None) -> Any:
    """By the registry alone: the schema's file, the message that the frame names."""
    assert data is not None
    frame = read_frame(data)
    path, body = read_message_path(frame)
    schema = find_schema(written.registry, frame.schema)
    assert (path, schema.kind) == (FIRST_MESSAGE, SchemaKind.PROTOBUF)
    return message_class(schema.text)().FromString(body)


def message_class(text: str) -> Any:
    """The first message of a registered file."""
    file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(text))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    first = pool.FindMessageTypeByName(f"{file.package}.{file.message_type[0].name}")
    return message_factory.GetMessageClass(first)


def row_of(written: Written, row: Any) -> Any:
    (record,) = written.change("c", None, row)
    return read(written, record.value).after


def test_a_row_of_every_type() -> None:
    written = Written(ProtobufCodec, TYPES)

    after = row_of(written, written.shape.image(ROW_1, {}))

    assert (after.id, after.n_fixed, after.n_free) == (1, "1234567890.12", "3.14159265358979323846")
    assert (after.f4, after.f8, after.b, after.i2) == (1.5, 2.5e100, True, -32768)
    assert (after.d, after.t, after.ts) == ("2026-03-29", "23:59:59.123456", "2026-03-29T02:30:00.123456Z")
    assert (after.by, after.m, after.bits, after.jb) == (b"\x00\xff\x10", "happy", "10110", '{"a": 2, "z": 1}')
    assert [item.value if item.HasField("value") else None for item in after.arr.items] == ["a", None, "c d"]
    assert [item.value for item in after.iarr.items] == [1, 2, 3]
    assert not after.HasField("nul")


def test_null_and_an_empty_array_and_zero_are_three_things() -> None:
    written = Written(ProtobufCodec, TYPES)

    after = row_of(written, written.shape.image(ROW_2, {}))

    assert (after.HasField("iarr"), after.HasField("arr"), len(after.arr.items)) == (False, True, 0)
    assert (after.HasField("i2"), after.i2, after.HasField("u")) == (True, 0, False)
    assert (str(after.f4), after.f8) == ("nan", float("-inf"))


def test_the_envelope_says_what_json_says() -> None:
    written = Written(ProtobufCodec, (a_fact("id", 23, number=1), a_fact("x", 25, number=3)))
    delete, tombstone = written.change("d", {"id": 7, "x": "gone"}, None)

    value = read(written, delete.value)

    assert MessageToDict(value, preserving_proto_field_name=True) == {
        "before": {"id": 7, "x": "gone"},
        "source": {
            "version": "contract-streams-0.1", "connector": "postgresql", "name": "shopavro",
            "ts_ms": "1790000000123", "snapshot": "false", "db": "postgres", "sequence": '["90","100"]',
            "ts_us": "1790000000123456", "ts_ns": "1790000000123456000", "schema": "public", "table": "types_demo",
            "txId": "7", "lsn": "100",
        },
        "transaction": {"id": "7:100", "total_order": "1", "data_collection_order": "1"},
        "op": "d",
        "ts_ms": "1790000000123", "ts_us": "1790000000123456", "ts_ns": "1790000000123456000",
    }  # fmt: skip
    assert read(written, delete.key).id == 7
    assert (tombstone.key, tombstone.value) == (delete.key, None)


def test_what_was_not_sent_is_named_and_not_made_up() -> None:
    columns = (a_fact("id", 23, number=1), a_fact("x", 1700, number=2), a_fact("y", 25, number=3))
    written = Written(ProtobufCodec, columns)

    after = row_of(written, {"id": 1, "x": UNAVAILABLE, "y": UNAVAILABLE})

    assert (after.HasField("x"), after.HasField("y"), list(after.unavailable_columns)) == (False, False, ["x", "y"])


def test_a_field_has_its_columns_number_whatever_went_before_it() -> None:
    narrow = Written(ProtobufCodec, (a_fact("id", 23, number=1), a_fact("last", 25, number=7)))

    after = row_of(narrow, {"id": 1, "last": "x"})

    numbers = {field.name: field.number for field in after.DESCRIPTOR.fields}
    assert numbers == {"id": 1, "last": 7, "unavailable_columns": 1_000_000}


def test_several_dimensions_end_the_capture_without_telling_the_value() -> None:
    written = Written(ProtobufCodec, (a_fact("id", 23, number=1), a_fact("x", 1007, number=2)))

    with pytest.raises(CaptureError, match=r"types_demo\.x: it has several dimensions") as caught:
        row_of(written, {"id": 1, "x": [[4711]]})
    assert "4711" not in str(caught.value)


def test_a_name_that_protobuf_has_not_ends_the_capture() -> None:
    with pytest.raises(CaptureError, match="no names such as first name"):
        row_of(Written(ProtobufCodec, (a_fact("first name", 25, number=1),)), {"first name": "x"})


@pytest.fixture
def server() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


def test_confluents_reader_reads_keys_and_values(server: EmbeddedRegistry) -> None:
    written = Written(ProtobufCodec, TYPES, registry=HttpRegistry(server.url))
    (record,) = written.change("c", None, written.shape.image(ROW_1, {}))
    client = SchemaRegistryClient({"url": server.url})

    for data, part in ((record.key, MessageField.KEY), (record.value, MessageField.VALUE)):
        assert data is not None
        registered = client.get_latest_version(f"cdc.types_demo.v1-{part}", fmt="serialized")
        message = message_class(registered.schema.schema_str)
        reader = ProtobufDeserializer(message, {"use.deprecated.format": False}, client)

        theirs = reader(data, SerializationContext("cdc.types_demo.v1", part))

        assert theirs is not None
        assert MessageToDict(theirs) == MessageToDict(read(written, data)) != {}
