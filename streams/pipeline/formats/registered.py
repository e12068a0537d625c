"""Registered schemas: what a frame names must be written in what the pipeline reads."""

from __future__ import annotations

from uuid import UUID

from streams.contracts.registry import RegisteredSchema, SchemaKind, SchemaSource, find_schema
from streams.errors import DecodeError


def find_of_kind(registry: SchemaSource, schema: int | UUID, kind: SchemaKind) -> RegisteredSchema:
    """The schema that a frame names; raises ``DecodeError`` where it is of another kind, and what registries raise."""
    found = find_schema(registry, schema)
    if found.kind is not kind:
        raise DecodeError(kind.value.lower(), f"the schema it names is {found.kind.value}")
    return found
