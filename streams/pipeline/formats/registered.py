"""Registered schemas: what a frame names, asked for as seldom as can be."""

from __future__ import annotations

from uuid import UUID

from streams.contracts.registry import (
    RegisteredSchema,
    RegistryUnavailableError,
    SchemaKind,
    SchemaSource,
    find_schema,
)
from streams.errors import DecodeError, UnregisteredSchemaError

MANY_UNKNOWN = 64
"""Of one batch: behind so many unknown names the rest is garbage, and asking for each would outlast the watchdog."""


class BatchedSource:
    """A registry that is not asked twice in a batch for a schema that it does not have.

    In the next batch it is: the schema may have been registered since. A batch that is walked again, because the
    registry had not answered, is the same batch: what was unknown to it stays so until it has come to its end.
    """

    def __init__(self, registry: SchemaSource) -> None:
        self._registry = registry
        self._unknown: set[int | UUID] = set()
        self._told: set[int | UUID] = set()
        """What the batch that is walked was told to be unknown."""
        self._is_cut = False
        """The last walk had no answer, and comes again."""

    def start_batch(self) -> None:
        """Ask again for what was unknown."""
        if not self._is_cut:
            self._unknown -= self._told
        self._told.clear()
        self._is_cut = False

    def by_id(self, schema_id: int) -> RegisteredSchema:
        """See ``SchemaSource``."""
        return self._find(schema_id)

    def by_guid(self, guid: UUID) -> RegisteredSchema:
        """See ``SchemaSource``."""
        return self._find(guid)

    def _find(self, schema: int | UUID) -> RegisteredSchema:
        if schema in self._unknown or len(self._told) >= MANY_UNKNOWN:
            self._told.add(schema)
            raise UnregisteredSchemaError(schema)
        try:
            return find_schema(self._registry, schema)
        except UnregisteredSchemaError:
            self._unknown.add(schema)
            self._told.add(schema)
            raise
        except RegistryUnavailableError:
            self._is_cut = True
            raise


def find_of_kind(registry: SchemaSource, schema: int | UUID, kind: SchemaKind) -> RegisteredSchema:
    """The schema that a frame names; raises ``DecodeError`` where it is of another kind, and what registries raise."""
    found = find_schema(registry, schema)
    if found.kind is not kind:
        raise DecodeError(kind.value.lower(), f"the schema it names is {found.kind.value}")
    return found
