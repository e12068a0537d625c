"""Registered: a registry that says no, or nothing, ends the capture with what to do."""

from __future__ import annotations

from uuid import UUID

import pytest
from confluent_kafka.schema_registry import (
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
    topic_subject_name_strategy,
)
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.capture.options import CaptureError
from streams.capture.serialize.avro import AvroCodec
from streams.capture.serialize.json_schema import JsonCodec
from streams.capture.serialize.protobuf import ProtobufCodec
from streams.capture.serialize.registered import MakeCodec
from streams.capture.serialize.subjects import Subjects
from streams.contracts.registry import (
    MemoryRegistry,
    RegisteredSchema,
    RegistryRefusedError,
    RegistryUnavailableError,
    SchemaKind,
)

from .builders import TARGET, Written, a_fact

COLUMNS = (a_fact("id", 23, is_required=True, number=1), a_fact("x", 25, number=2))
TYPE = "shopavro.public.types_demo"


class Refusing:
    """A registry that answers every registration with an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def by_id(self, schema_id: int) -> RegisteredSchema:
        raise self._error

    def by_guid(self, guid: UUID) -> RegisteredSchema:
        raise self._error

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        raise self._error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RegistryRefusedError("t-value", "409 incompatible"), "409 incompatible; set the subject's compatibility"),
        (RegistryUnavailableError("the registry is away"), "the registry is away; nothing is lost, start the capture"),
    ],
)
def test_a_registry_that_does_not_take_a_schema_ends_the_capture(error: Exception, says: str) -> None:
    with pytest.raises(CaptureError, match=says):
        Written(AvroCodec, COLUMNS, registry=Refusing(error)).change("c", None, {"id": 1, "x": "a"})


class Listening(MemoryRegistry):
    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[str] = []

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        self.subjects.append(subject)
        return super().register(subject, kind, text)


def test_subjects_are_named_after_the_topic_and_asked_for_once_a_version_of_the_table() -> None:
    registry = Listening()
    written = Written(AvroCodec, COLUMNS, registry=registry)

    for number in range(3):
        written.change("c", None, {"id": number, "x": "a"})

    assert registry.subjects == ["cdc.types_demo.v1-value", "cdc.types_demo.v1-key"]


CONFLUENTS = {
    Subjects.TOPIC: topic_subject_name_strategy,
    Subjects.RECORD: record_subject_name_strategy,
    Subjects.TOPIC_RECORD: topic_record_subject_name_strategy,
}


@pytest.mark.parametrize("make", [AvroCodec, JsonCodec, ProtobufCodec])
@pytest.mark.parametrize("strategy", list(Subjects))
def test_subjects_are_those_that_confluents_serializers_would_take(make: MakeCodec, strategy: Subjects) -> None:
    registry = Listening()

    Written(make, COLUMNS, registry=registry, subjects=strategy).change("c", None, {"id": 1, "x": "a"})

    named = ((MessageField.VALUE, f"{TYPE}.Envelope"), (MessageField.KEY, f"{TYPE}.Key"))
    expected = {CONFLUENTS[strategy](SerializationContext(TARGET.topic, field), name) for field, name in named}
    assert set(registry.subjects) == expected
