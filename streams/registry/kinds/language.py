"""Languages: what the registry asks of a schema, whichever of the three it is written in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from streams.contracts.compatibility import SchemaTextError
from streams.contracts.compatibility.compare import Kind
from streams.contracts.registry import SchemaKind

from ..model import Draft, StoredSchema
from . import avro, json_schema, protobuf

Needed = Mapping[str, StoredSchema]
"""Schemas that one refers to, by name; what one of them needs stands before it."""
Field = tuple[str, Mapping[str, Any]]
"""Path and definition."""


class Language(Protocol):
    """One way to write schemas."""

    word: Kind
    """As ``compare`` names it."""

    def read(self, draft: Draft) -> Draft:
        """``draft`` in the form that is kept."""

    def check(self, draft: Draft, needed: Needed) -> None:
        """Raises ``SchemaTextError`` where it is no schema, or refers to what is not there."""

    def identity(self, draft: Draft) -> str:
        """Equal for equal schemas; raises ``SchemaTextError``."""

    def normalized(self, draft: Draft, needed: Needed) -> Draft:
        """The same schema in the one form that says it."""

    def resources(self, schema: Draft | StoredSchema, needed: Needed) -> Mapping[str, object]:
        """``needed`` as ``compare`` wants it."""

    def fields(self, schema: StoredSchema) -> Iterator[Field]:
        """What there is to find in it."""


class _Avro:
    word: Kind = "avro"

    def read(self, draft: Draft) -> Draft:
        return draft

    def check(self, draft: Draft, needed: Needed) -> None:
        avro.check(draft.text, _texts(needed))

    def identity(self, draft: Draft) -> str:
        return avro.identity(draft.text)

    def normalized(self, draft: Draft, needed: Needed) -> Draft:
        return replace(draft, text=avro.normalized(draft.text))

    def resources(self, schema: Draft | StoredSchema, needed: Needed) -> Mapping[str, object]:
        return _texts(needed)

    def fields(self, schema: StoredSchema) -> Iterator[Field]:
        return avro.fields(schema.text)


class _Json:
    word: Kind = "json"

    def read(self, draft: Draft) -> Draft:
        return draft

    def check(self, draft: Draft, needed: Needed) -> None:
        json_schema.check(draft.text, _texts(needed))

    def identity(self, draft: Draft) -> str:
        return json_schema.identity(draft.text)

    def normalized(self, draft: Draft, needed: Needed) -> Draft:
        return replace(draft, text=json_schema.normalized(draft.text))

    def resources(self, schema: Draft | StoredSchema, needed: Needed) -> Mapping[str, object]:
        return json_schema.resources(schema.text, _texts(needed))

    def fields(self, schema: StoredSchema) -> Iterator[Field]:
        return json_schema.fields(schema.text)


class _Protobuf:
    word: Kind = "protobuf"

    def read(self, draft: Draft) -> Draft:
        """Text, beside the descriptor where it came as one."""
        file = protobuf.read_serialized(draft.text)
        if file is None:
            return draft
        return replace(draft, text=protobuf.to_text(file), serialized=draft.text)

    def check(self, draft: Draft, needed: Needed) -> None:
        protobuf.resolve(_file(draft), _files(needed))

    def identity(self, draft: Draft) -> str:
        file = None if draft.serialized is None else protobuf.read_serialized(draft.serialized)
        return protobuf.identity(draft.text, file)

    def normalized(self, draft: Draft, needed: Needed) -> Draft:
        return replace(draft, text=protobuf.to_text(protobuf.resolve(_file(draft), _files(needed))))

    def resources(self, schema: Draft | StoredSchema, needed: Needed) -> Mapping[str, object]:
        return _texts(needed)

    def fields(self, schema: StoredSchema) -> Iterator[Field]:
        return ((path, {}) for path in protobuf.fields(_file(schema)))


LANGUAGES: Mapping[SchemaKind, Language] = {
    SchemaKind.JSON: _Json(),
    SchemaKind.PROTOBUF: _Protobuf(),
    SchemaKind.AVRO: _Avro(),
}


def serialized(schema: StoredSchema, needed: Needed) -> str:
    """A Protobuf schema as the base64 of its descriptor."""
    if schema.serialized is not None:
        return schema.serialized
    try:
        return protobuf.to_serialized(protobuf.resolve(_file(schema), _files(needed)))
    except SchemaTextError:  # it was accepted; a file that every client knew then is not installed here now
        return protobuf.to_serialized(_file(schema))


def _texts(needed: Needed) -> dict[str, str]:
    return {name: schema.text for name, schema in needed.items()}


def _file(schema: Draft | StoredSchema) -> FileDescriptorProto:
    return protobuf.read_any(schema.text, schema.serialized)


def _files(needed: Needed) -> dict[str, FileDescriptorProto]:
    return {name: _file(schema) for name, schema in needed.items()}
