"""About: what there is to know of a schema beside its text, from contracts, metadata and tags in the schema itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from streams.contracts import Column, Contracts
from streams.contracts.registry import SchemaKind

from .files import subject_of
from .kinds.language import LANGUAGES
from .model import StoredSchema

_INLINE_TAGS = "confluent:tags"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFacts:
    """A field of a schema."""

    path: str
    type: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    classification: str = ""
    """Privacy class, as the contract says."""

    def shown(self) -> dict[str, Any]:
        """As JSON; what is not known is left out."""
        facts = {"path": self.path, "type": self.type, "description": self.description, "tags": list(self.tags),
                 "class": self.classification}  # fmt: skip
        return {name: value for name, value in facts.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectFacts:
    """What a contract says of a subject."""

    owner: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    classes: Mapping[str, str] = field(default_factory=dict)
    """Privacy class by path of a field."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    field_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_abouts(contracts: Contracts | None) -> Mapping[str, SubjectFacts]:
    """By subject, what the contracts of ``schemas/`` say."""
    if contracts is None:
        return {}
    return {
        subject_of(family.subject, leads=leads): _subject_facts(contracts, family.subject, family.newest.columns)
        for leads, families in ((True, contracts.families), (False, contracts.beside))
        for family in families.values()
    }


def _subject_facts(contracts: Contracts, subject: str, columns: Mapping[str, Column]) -> SubjectFacts:
    document = contracts.document_of(subject)
    told: Mapping[str, Any] = document.value if document is not None else {}
    listed = {str(one.get("name")): one for part in told.get("schema") or () for one in part.get("properties") or ()}
    purpose = told.get("description") or {}
    return SubjectFacts(
        owner=_owner(told.get("team")),
        description=str(purpose.get("purpose") or "") if isinstance(purpose, dict) else str(purpose),
        tags=tuple(map(str, told.get("tags") or ())),
        classes=dict(_classes(columns, "")),
        descriptions={name: str(one["description"]) for name, one in listed.items() if one.get("description")},
        field_tags={name: tuple(map(str, one["tags"])) for name, one in listed.items() if one.get("tags")},
    )


def _owner(team: Any) -> str:
    """A team has a name; in the older form it is a list of people."""
    if isinstance(team, dict):
        return str(team.get("name") or "")
    people = team if isinstance(team, list) else ()
    return ", ".join(str(one.get("name") or one.get("username")) for one in people)


def _classes(columns: Mapping[str, Column], path: str) -> Iterator[tuple[str, str]]:
    for name, column in columns.items():
        if column.classification:
            yield path + name, column.classification
        yield from _classes(column.fields, f"{path}{name}.")


def fields_of(schema: StoredSchema, facts: SubjectFacts) -> tuple[FieldFacts, ...]:
    """Every field, once, in the order of the schema."""
    tags = (schema.metadata or {}).get("tags") or {}
    found: dict[str, FieldFacts] = {}
    for path, definition in LANGUAGES[schema.kind].fields(schema):
        # Of Protobuf a path begins with its message, and what contracts speak of is a column.
        column = path.partition(".")[2] if schema.kind is SchemaKind.PROTOBUF else path
        told = (*_inline(definition), *facts.field_tags.get(column, ()), *_tagged(tags, path))
        found.setdefault(
            path,
            FieldFacts(
                path=path,
                type=_type(definition.get("type")),
                description=_text(definition, facts.descriptions.get(column)),
                tags=tuple(dict.fromkeys(told)),
                classification=facts.classes.get(column, ""),
            ),
        )
    return tuple(found.values())


def title_of(schema: StoredSchema, value: Any) -> tuple[str, str]:
    """(title, description) as the schema's own words say; ``value``: its JSON, ``None`` where it is none."""
    if not isinstance(value, dict):
        return "", ""
    return str(value.get("title") or value.get("name") or ""), str(value.get("description") or value.get("doc") or "")


def _text(definition: Mapping[str, Any], told: str | None) -> str:
    return told or str(definition.get("description") or definition.get("doc") or "")


def _type(held: Any) -> str:
    """In a few words: a union's branches, a named type's name."""
    if isinstance(held, list):
        return " or ".join(filter(None, map(_type, held)))
    if isinstance(held, dict):
        logical = held.get("logicalType")
        return str(logical or held.get("name") or _type(held.get("type")))
    return str(held or "")


def _inline(definition: Mapping[str, Any]) -> Iterator[str]:
    held = definition.get(_INLINE_TAGS)
    yield from map(str, held if isinstance(held, list) else ())


def _tagged(tags: Any, path: str) -> Iterator[str]:
    """Tags of the metadata: ``User.ssn`` names a field of a record, ``**.ssn`` fields at any depth."""
    for pattern, names in tags.items() if isinstance(tags, dict) else ():
        last = pattern.replace("**", "*")
        if any(fnmatchcase(known, last) for known in (path, f".{path}", f"_.{path}")) or pattern.endswith(f".{path}"):
            yield from map(str, names if isinstance(names, list) else ())
