"""Catalog: what the store holds, in memory, so that look-ups touch no disk.

It changes by ``apply`` alone, after the store has kept the change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import refusals
from .model import Change, Contents, Place, Reference, Scope, StoredSchema, StoredVersion

LATEST = ("latest", "-1")
LARGEST_NUMBER = (1 << 31) - 1


class Catalog:
    """Schemas by id, GUID and identity; versions by subject. Its questions raise ``RefusalError``."""

    def __init__(self, contents: Contents) -> None:
        self.last_id = 0
        self.settings: dict[Scope, Any] = {}
        self._schemas: dict[int, StoredSchema] = {}
        self._by_identity: dict[str, StoredSchema] = {}
        self._by_guid: dict[str, StoredSchema] = {}
        self._subjects: dict[str, dict[int, StoredVersion]] = {}
        self._places: dict[int, set[Place]] = {}
        self._referrers: dict[Place, set[int]] = {}
        self.changes = 0
        """Counts what was applied: who keeps something made of it sees by this that it is old."""
        for version in sorted(contents.versions, key=lambda held: held.version):
            self._subjects.setdefault(version.subject, {})[version.version] = version
            self._places.setdefault(version.schema_id, set()).add((version.subject, version.version))
        self.apply(Change(schemas=contents.schemas, settings=contents.settings, last_id=contents.last_id))

    def apply(self, change: Change) -> None:
        """Take over what the store has kept."""
        for schema in change.schemas:
            self._add_schema(schema)
        for version in change.versions:
            self._put_version(version)
        for place in change.forgotten:
            self._drop_version(place)
        for schema_id in change.forgotten_schemas:
            self._drop_schema(schema_id)
        for scope, value in change.settings.items():
            self.settings.pop(scope, None)
            if value is not None:
                self.settings[scope] = value
        self.last_id = max(self.last_id, change.last_id or 0)
        self.changes += 1

    def _add_schema(self, schema: StoredSchema) -> None:
        self._schemas[schema.id] = self._by_identity[schema.identity] = self._by_guid[schema.guid] = schema
        for reference in schema.references:
            self._referrers.setdefault((reference.subject, reference.version), set()).add(schema.id)

    def _drop_schema(self, schema_id: int) -> None:
        schema = self._schemas.pop(schema_id)
        del self._by_identity[schema.identity], self._by_guid[schema.guid]
        for reference in schema.references:
            self._referrers[reference.subject, reference.version].discard(schema_id)

    def _put_version(self, version: StoredVersion) -> None:
        held = self._subjects.get(version.subject, {})
        before = held.get(version.version)
        if before is not None:
            self._places[before.schema_id].discard((before.subject, before.version))
        # In place of the old one: a thread that judges may be on its way through that.
        self._subjects[version.subject] = dict(sorted({**held, version.version: version}.items()))
        self._places.setdefault(version.schema_id, set()).add((version.subject, version.version))

    def _drop_version(self, place: Place) -> None:
        held = dict(self._subjects[place[0]])
        gone = held.pop(place[1])
        self._places[gone.schema_id].discard(place)
        self._subjects[place[0]] = held
        if not held:
            del self._subjects[place[0]]

    @property
    def is_used(self) -> bool:
        """Something was registered or set, and is not gone for good."""
        return bool(self._subjects or self.settings)

    def subjects(self, *, deleted: bool = False, only_deleted: bool = False) -> list[str]:
        """In alphabetical order. A subject is deleted when all its versions are."""
        return sorted(
            subject
            for subject, held in self._subjects.items()
            if _is_wanted(all(version.is_deleted for version in held.values()), deleted, only_deleted)
        )

    def versions(self, subject: str, *, deleted: bool = False, only_deleted: bool = False) -> list[StoredVersion]:
        """Oldest first; empty where the subject is not there."""
        held = self._subjects.get(subject, {}).values()
        return [version for version in held if _is_wanted(version.is_deleted, deleted, only_deleted)]

    def known_versions(self, subject: str, *, deleted: bool = False) -> list[StoredVersion]:
        """At least one."""
        found = self.versions(subject, deleted=deleted)
        if not found:
            raise refusals.no_subject(subject)
        return found

    def version(self, subject: str, name: str, *, deleted: bool = False) -> StoredVersion:
        """``name`` is a number, ``latest`` or -1."""
        number = version_number(name)
        found = self.versions(subject, deleted=deleted)
        if number is None and found:
            return found[-1]
        for version in found:
            if version.version == number:
                return version
        raise refusals.no_version(name) if found else refusals.no_subject(subject)

    def find(self, identity: str) -> StoredSchema | None:
        """The schema that is equal."""
        return self._by_identity.get(identity)

    def has_schema(self, schema_id: int) -> bool:
        """Whether an id is given."""
        return schema_id in self._schemas

    def schema(self, schema_id: int) -> StoredSchema:
        """Of an id."""
        try:
            return self._schemas[schema_id]
        except KeyError:
            raise refusals.no_schema(schema_id) from None

    def has_guid(self, guid: str) -> bool:
        """Whether a schema is here."""
        return guid.lower() in self._by_guid

    def schema_of_guid(self, guid: str) -> StoredSchema:
        """Of a GUID."""
        try:
            return self._by_guid[guid.lower()]
        except KeyError:
            raise refusals.no_schema(guid) from None

    def schema_of(self, version: StoredVersion) -> StoredSchema:
        """What a version is."""
        return self._schemas[version.schema_id]

    def places(self, schema_id: int, *, deleted: bool = False) -> list[StoredVersion]:
        """The versions that a schema is, by subject and number."""
        found = (self._subjects[subject][version] for subject, version in sorted(self._places.get(schema_id, ())))
        return [version for version in found if deleted or not version.is_deleted]

    def referrers(self, subject: str, version: int, *, deleted: bool = False) -> list[int]:
        """Ids of the schemas that refer to a version and are a version themselves."""
        found = self._referrers.get((subject, version), ())
        return sorted(schema_id for schema_id in found if self.places(schema_id, deleted=deleted))

    def needed(self, references: tuple[Reference, ...]) -> dict[str, StoredSchema]:
        """Every schema that ``references`` lead to, by name; what one needs stands before it."""
        found: dict[str, StoredSchema] = {}
        for reference in references:
            held = self._subjects.get(reference.subject, {}).get(reference.version)
            if held is None:
                place = f'subject "{reference.subject}" and version {reference.version}'
                raise refusals.bad_schema(f"No schema reference found for {place}")
            schema = self.schema_of(held)
            found |= {**self.needed(schema.references), reference.name: schema}
        return found

    def all_versions(self, *, deleted: bool = False) -> Iterator[StoredVersion]:
        """By subject, oldest first."""
        for subject in sorted(self._subjects):
            yield from self.versions(subject, deleted=deleted)


def _is_wanted(is_deleted: bool, deleted: bool, only_deleted: bool) -> bool:
    return is_deleted if only_deleted else deleted or not is_deleted


def version_number(name: str) -> int | None:
    """The number in ``name``, ``None``: the newest."""
    if name in LATEST:
        return None
    if not (name.isascii() and name.isdecimal()) or not 0 < int(name) <= LARGEST_NUMBER:
        raise refusals.bad_version(name)
    return int(name)
