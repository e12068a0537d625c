"""Registry: schemas by the id or the GUID that framed records name.

An id and a GUID mean one schema for ever, so what was found once is kept. Where the registry lives is behind
``SchemaSource``: ``streams.contracts.registry_http`` asks one over HTTP, ``MemoryRegistry`` is one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol
from uuid import UUID

from streams.errors import UnregisteredSchemaError

MANY_KEPT = 10_000
"""Schemas that a source remembers; a topic has a few, and only nonsense names more."""


class SchemaKind(Enum):
    """What a schema is written in; the value is the registry's ``schemaType``."""

    AVRO = "AVRO"
    JSON = "JSON"
    PROTOBUF = "PROTOBUF"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredSchema:
    """One schema as the registry has it."""

    kind: SchemaKind
    text: str
    """JSON of an Avro or JSON Schema; for Protobuf the base64 of a serialized ``FileDescriptorProto``."""
    id: int | None = None
    guid: UUID | None = None
    """``None`` where the registry was not asked by it and did not say it."""
    references: Mapping[str, RegisteredSchema] = field(default_factory=dict)
    """Every schema it refers to, also through others, by the name it is referred to with; what a schema needs
    stands before it: an Avro type's name, a Protobuf import's path, a JSON Schema ``$ref``."""


class RegistryUnavailableError(Exception):
    """The registry does not answer, or not as a registry; no record is to blame. Holds no credentials."""

    again: Callable[[], object] | None = None
    """Asks once more for what was wanted, and keeps it: for who can wait, and not where it is wanted."""
    is_unasked = False
    """The registry was not asked yet: ``again`` asks for the first time."""


class RegistryRefusedError(Exception):
    """The registry takes a schema not: it is incompatible with the subject's last one, or invalid."""

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(f"the schema registry refuses the schema of {subject}: {why}")
        self.subject = subject


class SchemaSource(Protocol):
    """Where a reader finds the schemas that records name.

    Both raise ``UnregisteredSchemaError`` (the record's fault) where the registry has no such schema, and
    ``RegistryUnavailableError`` (nobody's: stop and come back) where it could not be asked.
    """

    def by_id(self, schema_id: int) -> RegisteredSchema:
        """The schema of a V0 frame."""

    def by_guid(self, guid: UUID) -> RegisteredSchema:
        """The schema of a V1 frame."""


class SchemaRegistry(SchemaSource, Protocol):
    """Where a writer also leaves its schemas."""

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        """The schema with its id, new or as it was registered before.

        Raises ``RegistryRefusedError`` and ``RegistryUnavailableError``.
        """


def find_schema(source: SchemaSource, schema: int | UUID) -> RegisteredSchema:
    """What a frame names, by whichever it names it."""
    return source.by_guid(schema) if isinstance(schema, UUID) else source.by_id(schema)


class MemoryRegistry:
    """A registry of this process, for tests and the ``Driver``; it refuses nothing."""

    def __init__(self) -> None:
        self._by_id: dict[int, RegisteredSchema] = {}
        self._by_guid: dict[UUID, RegisteredSchema] = {}

    def by_id(self, schema_id: int) -> RegisteredSchema:
        """See ``SchemaSource``."""
        try:
            return self._by_id[schema_id]
        except KeyError:
            raise UnregisteredSchemaError(schema_id) from None

    def by_guid(self, guid: UUID) -> RegisteredSchema:
        """See ``SchemaSource``."""
        try:
            return self._by_guid[guid]
        except KeyError:
            raise UnregisteredSchemaError(guid) from None

    def register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        """See ``SchemaRegistry``; one schema has one id, whatever its subjects."""
        guid = guid_of(kind, text)
        return self._by_guid.get(guid) or self.add(
            RegisteredSchema(kind=kind, text=text, id=max(self._by_id, default=0) + 1, guid=guid)
        )

    def add(self, schema: RegisteredSchema) -> RegisteredSchema:
        """Put in a schema under the id and GUID it already has, such as one of a recorded registry."""
        if schema.id is not None:
            self._by_id[schema.id] = schema
        if schema.guid is not None:
            self._by_guid[schema.guid] = schema
        return schema


class DeferredSource:
    """A registry that is asked by ``again`` alone, for who must not wait where a schema is wanted.

    What it has said is known at once; that a schema is not there holds for one question, as it may be there next time.
    """

    def __init__(self, registry: SchemaSource) -> None:
        self._registry = registry
        self._found: dict[int | UUID, RegisteredSchema] = {}
        self._missing: set[int | UUID] = set()

    def by_id(self, schema_id: int) -> RegisteredSchema:
        """See ``SchemaSource``."""
        return self._known(schema_id)

    def by_guid(self, guid: UUID) -> RegisteredSchema:
        """See ``SchemaSource``."""
        return self._known(guid)

    def _known(self, name: int | UUID) -> RegisteredSchema:
        found = self._found.get(name)
        if found is not None:
            return found
        if name in self._missing:
            self._missing.discard(name)
            raise UnregisteredSchemaError(name)
        error = RegistryUnavailableError(f"the schema registry was not asked yet for {name}")
        error.is_unasked, error.again = True, lambda: self._ask(name)
        raise error

    def _ask(self, name: int | UUID) -> None:
        try:
            found = find_schema(self._registry, name)
        except UnregisteredSchemaError:
            _make_room(self._missing)
            self._missing.add(name)
        else:
            _make_room(self._found)
            self._found[name] = found


def _make_room(kept: dict[int | UUID, RegisteredSchema] | set[int | UUID]) -> None:
    if len(kept) >= MANY_KEPT:
        kept.clear()


def guid_of(kind: SchemaKind, text: str) -> UUID:
    """The same for the same schema."""
    return UUID(bytes=hashlib.md5(f"{kind.value}\n{text}".encode(), usedforsecurity=False).digest())
