"""Registered: a registry that says no, or nothing, ends the capture with what to do."""

from __future__ import annotations

from uuid import UUID

import pytest

from streams.capture.options import CaptureError
from streams.capture.serialize.avro import AvroCodec
from streams.contracts.registry import (
    MemoryRegistry,
    RegisteredSchema,
    RegistryRefusedError,
    RegistryUnavailableError,
    SchemaKind,
)

from .builders import Written, a_fact

COLUMNS = (a_fact("id", 23, is_required=True), a_fact("x", 25))


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


def test_subjects_are_named_after_the_topic_and_asked_for_once_a_version_of_the_table() -> None:
    class Listening(MemoryRegistry):
        subjects: list[str] = []  # noqa: RUF012

        def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
            self.subjects.append(subject)
            return super().register(subject, kind, text)

    registry = Listening()
    written = Written(AvroCodec, COLUMNS, registry=registry)

    for number in range(3):
        written.change("c", None, {"id": number, "x": "a"})

    assert registry.subjects == ["cdc.types_demo.v1-value", "cdc.types_demo.v1-key"]
