"""What the registry holds, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from streams.contracts.registry import SchemaKind


class RegistryMode(Enum):
    """Who may change what."""

    READWRITE = "READWRITE"
    READONLY = "READONLY"
    READONLY_OVERRIDE = "READONLY_OVERRIDE"
    """Of all subjects at once, whatever their own modes are."""
    IMPORT = "IMPORT"
    """Schemas come with ids and versions from another registry, and are not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A schema's dependence on another one."""

    name: str
    """As the schema names it: an Avro type, a Protobuf import, a ``$ref`` of JSON Schema."""
    subject: str
    version: int

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "subject": self.subject, "version": self.version}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A schema that is asked about or to be registered."""

    kind: SchemaKind
    text: str
    references: tuple[Reference, ...] = ()
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None
    id: int | None = None
    version: int | None = None
    serialized: str | None = None
    """Of Protobuf: the base64 of the file descriptor that it came as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSchema:
    """A schema, whatever its subjects. Its id and its GUID mean it for ever."""

    id: int
    guid: str
    identity: str
    """Equal for equal schemas."""
    bare: str
    """The same without metadata and rules: what a client asks for that knows of none."""
    kind: SchemaKind
    text: str
    references: tuple[Reference, ...] = ()
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None
    serialized: str | None = None

    def facts(self, text: str | None = None) -> dict[str, Any]:
        """As Confluent's registry writes it: Avro is not said. ``text``: in another form."""
        shown: dict[str, Any] = {"id": self.id, "guid": self.guid}
        if self.kind is not SchemaKind.AVRO:
            shown["schemaType"] = self.kind.value
        if self.references:
            shown["references"] = [reference.shown() for reference in self.references]
        if self.metadata is not None:
            shown["metadata"] = self.metadata
        if self.rule_set is not None:
            shown["ruleSet"] = self.rule_set
        return {**shown, "schema": self.text if text is None else text}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """A version of a subject."""

    subject: str
    version: int
    schema_id: int
    is_deleted: bool = False
    """Softly: not listed, still found by id."""
    origin: str = ""
    """Iglu's URI of the file in ``schemas/`` that it is; empty: a client registered it."""


Place = tuple[str, int]
"""Subject and version."""
Scope = tuple[str, str]
"""Subject, empty for all of them, and ``config`` or ``mode``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one request changes: all of it is kept, or nothing."""

    schemas: tuple[StoredSchema, ...] = ()
    versions: tuple[StoredVersion, ...] = ()
    """New, or in place of what has the same subject and number."""
    forgotten: tuple[Place, ...] = ()
    forgotten_schemas: tuple[int, ...] = ()
    settings: Mapping[Scope, Any] = field(default_factory=dict)
    """``None``: no longer set."""
    last_id: int | None = None
    """The largest id ever given; none is given twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything in a registry."""

    schemas: tuple[StoredSchema, ...] = ()
    versions: tuple[StoredVersion, ...] = ()
    settings: Mapping[Scope, Any] = field(default_factory=dict)
    last_id: int = 0


def compact(value: object) -> str:
    """JSON without white space, as it is written."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
