"""Search: subjects by what is in them and what is said of them.

``email`` finds it anywhere; ``field:email class:pii`` asks in one place; all words must be found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .about import FieldFacts, SubjectFacts, fields_of, title_of
from .catalog import Catalog
from .model import StoredSchema, StoredVersion

PLACES = ("field", "tag", "owner", "class", "type", "subject")
OF_FIELDS = ("field", "tag", "class")
NOTHING_SAID = SubjectFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The newest version of a subject, as it is found."""

    version: StoredVersion
    schema: StoredSchema
    title: str
    description: str
    owner: str
    tags: tuple[str, ...]
    fields: tuple[FieldFacts, ...]

    def shown(self, fields: tuple[FieldFacts, ...]) -> dict[str, Any]:
        """As JSON, with those ``fields`` that a search is about."""
        return {
            "subject": self.version.subject,
            "version": self.version.version,
            "id": self.schema.id,
            "schemaType": self.schema.kind.value,
            "uri": self.version.origin,
            "title": self.title,
            "description": self.description,
            "owner": self.owner,
            "tags": list(self.tags),
            "classes": sorted({held.classification for held in self.fields if held.classification}),
            "fieldCount": len(self.fields),
            "fields": [held.shown() for held in fields],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One word of a question."""

    place: str
    """One of ``PLACES``; empty: anywhere."""
    word: str
    """In small letters."""

    def matches_field(self, held: FieldFacts) -> bool:
        """Whether a field is what it asks for."""
        told = {
            "field": (held.path,),
            "tag": held.tags,
            "class": (held.classification,),
            "": (held.path, held.description, held.classification, *held.tags),
        }
        return any(self.word in text.lower() for text in told.get(self.place, ()))

    def matches_subject(self, entry: Entry) -> bool:
        """Whether what is said of the whole subject is what it asks for."""
        told = {
            "subject": (entry.version.subject, entry.version.origin),
            "owner": (entry.owner,),
            "tag": entry.tags,
            "type": (entry.schema.kind.value,),
            "": (entry.version.subject, entry.version.origin, entry.title, entry.description, entry.owner, *entry.tags),
        }
        return any(self.word in text.lower() for text in told.get(self.place, ()))


def read_question(text: str, places: Mapping[str, str]) -> list[Term]:
    """The words of ``text``, and of ``places``, which say theirs by name.

    >>> [(term.place, term.word) for term in read_question("Email class:pii iglu:x", {})]
    [('', 'email'), ('class', 'pii'), ('', 'iglu:x')]
    """
    found = []
    for word in text.lower().split():
        place, colon, rest = word.partition(":")
        found.append(Term(place=place, word=rest) if colon and place in PLACES else Term(place="", word=word))
    return [*found, *(Term(place=place, word=word.lower()) for place, word in places.items() if word)]


def answer_question(entries: tuple[Entry, ...], terms: list[Term]) -> list[dict[str, Any]]:
    """What is found; subjects that are called what is asked for come first."""
    found = []
    for entry in entries:
        fields = _meant(entry, terms)
        if fields is not None:
            is_called = any(term.word in entry.version.subject.lower() for term in terms)
            found.append((not is_called, entry.version.subject, entry.shown(fields)))
    return [shown for _, _, shown in sorted(found, key=lambda one: one[:2])]


def _meant(entry: Entry, terms: list[Term]) -> tuple[FieldFacts, ...] | None:
    """Fields that are asked for, ``None`` where ``entry`` is not what is asked for.

    ``field:email class:pii`` is one field that is both; words without a place may be in several.
    """
    exact = [term for term in terms if term.place in OF_FIELDS and not term.matches_subject(entry)]
    both = [held for held in entry.fields if exact and all(term.matches_field(held) for term in exact)]
    if exact and not both:
        return None
    others = [term for term in terms if term not in exact]
    matched = [[held for held in entry.fields if term.matches_field(held)] for term in others]
    if not all(held or term.matches_subject(entry) for term, held in zip(others, matched, strict=True)):
        return None
    about = {held.path: held for part in (both, *matched) for held in part}
    return tuple(about.values())


class Index:
    """Entries of all subjects; those whose newest schema is the same are kept."""

    def __init__(self, abouts: Mapping[str, SubjectFacts]) -> None:
        self._abouts = abouts
        self._entries: dict[str, Entry] = {}
        self._seen = -1

    def entries(self, catalog: Catalog) -> tuple[Entry, ...]:
        """Of every subject that is not deleted."""
        if self._seen != catalog.changes:
            newest = {subject: catalog.versions(subject)[-1] for subject in catalog.subjects()}
            self._entries = {subject: self._entry(catalog, version) for subject, version in newest.items()}
            self._seen = catalog.changes
        return tuple(self._entries.values())

    def entry_of(self, catalog: Catalog, version: StoredVersion) -> Entry:
        """Of one version."""
        return self._entry(catalog, version)

    def _entry(self, catalog: Catalog, version: StoredVersion) -> Entry:
        known = self._entries.get(version.subject)
        if known is not None and known.version == version:
            return known
        schema = catalog.schema_of(version)
        facts = self._abouts.get(version.subject, NOTHING_SAID)
        title, description = title_of(schema, _value(schema))
        properties = (schema.metadata or {}).get("properties") or {}
        return Entry(
            version=version,
            schema=schema,
            title=title,
            description=facts.description or description,
            owner=facts.owner or str(properties.get("owner") or properties.get("team") or ""),
            tags=facts.tags,
            fields=fields_of(schema, facts),
        )


def _value(schema: StoredSchema) -> Any:
    try:
        return json.loads(schema.text)
    except ValueError:
        return None
