"""What the embedded registry holds: subjects, their versions, and every schema by id and GUID."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import fastavro
import jsonschema_rs
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError

TYPES = ("JSON", "PROTOBUF", "AVRO")
MODES = ("READWRITE", "READONLY", "IMPORT")


class RegistryAnswerError(Exception):
    """What the registry answers instead; the first three digits of ``code`` are the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSchema:
    """A schema, whatever its subjects."""

    id: int
    guid: str
    kind: str
    text: str
    references: tuple[Mapping[str, Any], ...]
    """Each with ``name``, ``subject`` and ``version``."""

    def facts(self) -> dict[str, Any]:
        """As Confluent's registry writes it: Avro is not said."""
        shown: dict[str, Any] = {"id": self.id, "guid": self.guid, "schema": self.text}
        if self.kind != "AVRO":
            shown["schemaType"] = self.kind
        if self.references:
            shown["references"] = list(self.references)
        return shown


class RegistryStore:
    """All of it, in memory. Compatibility is not checked, and so no other level than NONE can be set."""

    def __init__(self) -> None:
        self._by_id: dict[int, StoredSchema] = {}
        self._by_identity: dict[str, StoredSchema] = {}
        self.versions: dict[str, list[StoredSchema]] = {}
        """By subject; version 1 is the first."""
        self.modes: dict[str, str] = {"": "READWRITE"}
        """By subject; the empty one is everybody's."""

    def register(self, subject: str, request: Mapping[str, Any]) -> tuple[int, StoredSchema]:
        """(version, schema), as it was registered before if it was. Raises ``RegistryAnswerError``."""
        kind, text, references = _said(request)
        versions = self.versions.get(subject, [])
        identity = _identity(kind, text, references)
        known = self._by_identity.get(identity)
        if known in versions:
            return versions.index(known) + 1, known
        if self.modes.get(subject, self.modes[""]) == "READONLY":
            raise RegistryAnswerError(42205, f"Subject {subject} is in read-only mode")
        if known is None:
            self._check(kind, text, references)
            guid = str(UUID(bytes=hashlib.md5(identity.encode(), usedforsecurity=False).digest()))
            known = StoredSchema(id=len(self._by_id) + 1, guid=guid, kind=kind, text=text, references=references)
            self._by_id[known.id] = self._by_identity[identity] = known
        self.versions[subject] = [*versions, known]
        return len(versions) + 1, known

    def lookup(self, subject: str, request: Mapping[str, Any]) -> tuple[int, StoredSchema]:
        """(version, schema) where ``subject`` has it."""
        versions = self.versions_of(subject)
        known = self._by_identity.get(_identity(*_said(request)))
        if known not in versions:
            raise RegistryAnswerError(40403, "Schema not found")
        return versions.index(known) + 1, known

    def versions_of(self, subject: str) -> list[StoredSchema]:
        """At least one."""
        if subject not in self.versions:
            raise RegistryAnswerError(40401, f"Subject '{subject}' not found.")
        return self.versions[subject]

    def version(self, subject: str, version: str) -> tuple[int, StoredSchema]:
        """``version`` is a number, ``latest`` or -1."""
        versions = self.versions_of(subject)
        if version in ("latest", "-1"):
            return len(versions), versions[-1]
        if not version.isdecimal() or not int(version):
            raise RegistryAnswerError(42202, f"The specified version '{version}' is not a valid version id.")
        if int(version) > len(versions):
            raise RegistryAnswerError(40402, f"Version {version} not found.")
        return int(version), versions[int(version) - 1]

    def by_id(self, text: str) -> StoredSchema:
        """The schema of an id."""
        found = self._by_id.get(int(text)) if text.isdecimal() else None
        if found is None:
            raise RegistryAnswerError(40403, f"Schema {text} not found")
        return found

    def by_guid(self, guid: str) -> StoredSchema:
        """The schema of a GUID."""
        for schema in self._by_id.values():
            if schema.guid == guid.lower():
                return schema
        raise RegistryAnswerError(40403, f"Schema {guid} not found")

    def places_of(self, schema: StoredSchema) -> list[dict[str, Any]]:
        """Subjects and versions that are ``schema``."""
        return [
            {"subject": subject, "version": at + 1}
            for subject, versions in self.versions.items()
            for at, known in enumerate(versions)
            if known is schema
        ]

    def _check(self, kind: str, text: str, references: tuple[Mapping[str, Any], ...]) -> None:
        """Raises ``RegistryAnswerError`` where ``text`` is no schema of its kind."""
        try:
            if kind == "AVRO":
                named: dict[str, Any] = {}
                for needed in self._needed(references).values():
                    fastavro.parse_schema(json.loads(needed.text), named_schemas=named)
                fastavro.parse_schema(json.loads(text), named_schemas=named)
            elif kind == "JSON":
                jsonschema_rs.meta.validate(json.loads(text))
            else:
                self._check_protobuf(text, references)
        except (ValueError, TypeError, KeyError, fastavro.schema.SchemaParseException, DecodeError) as error:
            raise RegistryAnswerError(42201, f"Invalid {kind} schema: {type(error).__name__}: {error}") from None

    def _check_protobuf(self, text: str, references: tuple[Mapping[str, Any], ...]) -> None:
        pool = descriptor_pool.DescriptorPool()
        for name, needed in self._needed(references).items():
            pool.Add(_file(needed.text, name))
        file = _file(text, "checked.proto")
        for path in file.dependency:
            if path.startswith("google/protobuf/"):
                pool.AddSerializedFile(descriptor_pool.Default().FindFileByName(path).serialized_pb)
        pool.Add(file)
        pool.FindFileByName(file.name)

    def _needed(self, references: tuple[Mapping[str, Any], ...]) -> dict[str, StoredSchema]:
        """Every schema that ``references`` lead to, by name; what one needs stands before it."""
        found: dict[str, StoredSchema] = {}
        for reference in references:
            _, schema = self.version(str(reference["subject"]), str(reference["version"]))
            found |= {**self._needed(schema.references), str(reference["name"]): schema}
        return found


def _said(request: Mapping[str, Any]) -> tuple[str, str, tuple[Mapping[str, Any], ...]]:
    """(kind, text, references) of a request."""
    kind, text = request.get("schemaType") or "AVRO", request.get("schema")
    if kind not in TYPES:
        raise RegistryAnswerError(42201, f"Invalid schema: its type is none of {', '.join(TYPES)}")
    if not isinstance(text, str) or not text:
        raise RegistryAnswerError(42201, "Empty schema")
    return kind, text, tuple(request.get("references") or ())


def _identity(kind: str, text: str, references: tuple[Mapping[str, Any], ...]) -> str:
    """White space makes no other schema."""
    if kind != "PROTOBUF":
        try:
            text = json.dumps(json.loads(text), separators=(",", ":"))
        except ValueError:
            raise RegistryAnswerError(42201, f"Invalid {kind} schema: not JSON") from None
    return json.dumps([kind, text, list(references)])


def _file(text: str, name: str) -> descriptor_pb2.FileDescriptorProto:
    """A serialized descriptor, which clients send; ``.proto`` text would need Protobuf's compiler."""
    file = descriptor_pb2.FileDescriptorProto()
    try:
        file.ParseFromString(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise RegistryAnswerError(
            501, "This registry takes Protobuf as the base64 of a FileDescriptorProto, not as .proto text"
        ) from None
    file.name = name
    return file
