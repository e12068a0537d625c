"""JSON with a schema: the same bytes behind a frame, and a schema that they fit."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.capture.outgoing.envelope import UNAVAILABLE, EnvelopeWriter
from streams.capture.outgoing.records import Outgoing
from streams.capture.serialize.json_schema import JsonCodec
from streams.contracts.registry import MemoryRegistry, SchemaKind
from streams.contracts.registry_http import HttpRegistry
from streams.contracts.validation import compile_validator
from streams.embedded.registry import EmbeddedRegistry

from .builders import NOW_US, PLACE, ROW_1, ROW_2, TARGET, TYPES, Written


@pytest.fixture
def server() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.mark.parametrize("row", [ROW_1, ROW_2])
def test_it_is_the_json_that_is_written_without_a_registry(row: tuple[str | None, ...]) -> None:
    written = Written(JsonCodec, TYPES)
    change = ("c", None, written.shape.image(row, {}))
    plain = Outgoing(EnvelopeWriter("shopavro", "postgres"))

    (record,) = written.change(*change)
    (bare,) = plain.records(TARGET, written.shape, change, PLACE, now_us=NOW_US)

    assert record.key is not None and record.value is not None
    assert (record.key[5:], record.value[5:]) == (bare.key, bare.value)


@pytest.mark.parametrize("row", [ROW_1, ROW_2])
def test_confluents_reader_finds_it_valid(server: EmbeddedRegistry, row: tuple[str | None, ...]) -> None:
    written = Written(JsonCodec, TYPES, registry=HttpRegistry(server.url))
    client = SchemaRegistryClient({"url": server.url})

    for record in written.change("d", written.shape.identity(row), None)[:1] + written.change(
        "u", None, {**written.shape.image(row, {}), "nul": UNAVAILABLE, "arr": UNAVAILABLE, "by": UNAVAILABLE}
    ):
        for data, part in ((record.key, MessageField.KEY), (record.value, MessageField.VALUE)):
            assert data is not None
            read = JSONDeserializer(None, schema_registry_client=client)(data, SerializationContext("t", part))
            assert read == json.loads(data[5:])


def test_a_value_of_another_type_is_invalid() -> None:
    registry = MemoryRegistry()
    written = Written(JsonCodec, TYPES, registry=registry)
    (record,) = written.change("c", None, written.shape.image(ROW_1, {}))
    assert record.value is not None
    schema = registry.by_id(int.from_bytes(record.value[1:5], "big"))
    envelope = json.loads(record.value[5:])

    validator = compile_validator(json.loads(schema.text))

    assert schema.kind is SchemaKind.JSON
    assert validator.is_valid(envelope)
    for column, wrong in (("id", "7"), ("n_fixed", 1.5), ("m", "angry"), ("arr", {}), ("b", "t")):
        assert not validator.is_valid({**envelope, "after": {**envelope["after"], column: wrong}})
