"""Columns: a model as lines of a dictionary, fields of objects behind their column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from streams.contracts.exports.types import Kind, Member, Model, Type
from streams.contracts.model import ColumnType

from .facts import ColumnFacts

_SIGNS = {"minimum": "≥", "maximum": "≤", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
Terms = Mapping[str, Any]


def columns_of(model: Model, terms: Terms) -> Iterator[ColumnFacts]:
    """All columns; a record inside of itself is told once."""
    yield from _members(model, model.row.name, terms, "", frozenset())


def _members(model: Model, record: str, terms: Terms, before: str, seen: frozenset[str]) -> Iterator[ColumnFacts]:
    listed = {held.get("name"): held for held in terms.get("properties") or ()}
    for member in model.records[record].members:
        said = listed.get(member.name, {})
        path = f"{before}{member.name}"
        yield _column(member, path, said, is_key=not before and member.name in model.contract.key)
        inside, marks = member.type, ""
        while inside.kind in (Kind.ARRAY, Kind.MAP) and inside.items is not None:
            inside, marks = inside.items, f"{marks}[]"
        if inside.kind is Kind.RECORD and inside.record not in seen | {record}:
            held = said.get("items", said) if marks else said
            yield from _members(model, inside.record, held, f"{path}{marks}.", seen | {record})


def _column(member: Member, path: str, said: Terms, *, is_key: bool) -> ColumnFacts:
    held = member.type
    source = [held.physical or ""]
    source += [f"in {held.unit}"] if held.unit and held.kind is Kind.INTEGER else []
    source += [f"scale {held.scale}"] if held.scale is not None and "(" not in (held.physical or "") else []
    lacks = [word for word, is_so in (("null", held.is_nullable), ("absent", not member.is_required)) if is_so]
    return ColumnFacts(
        path=path,
        type=type_text(held),
        may_lack=" or ".join(lacks) or "no",
        source=" ".join(part for part in source if part),
        rules=_rules(held),
        classification=member.classification or "",
        description=member.description,
        title=str(said.get("businessName") or ""),
        is_key=is_key,
    )


def type_text(held: Type) -> str:
    """What a value is, in words; what it means behind how JSON has it."""
    match held.kind:
        case Kind.ARRAY:
            return f"list of {type_text(held.items)}" if held.items else "list"
        case Kind.MAP:
            return f"map of {type_text(held.items)}" if held.items else "map"
        case Kind.UNION:
            return " or ".join(dict.fromkeys(map(type_text, held.branches))) or "null"
        case Kind.RECORD:
            return "object"
        case Kind.ANY:
            return "anything"
    plain = "text" if held.kind is Kind.TEXT else str(held.kind.value)
    meaning = str(held.meaning.value)
    is_plain = held.meaning in (ColumnType.UNKNOWN, ColumnType.TEXT, ColumnType.BOOLEAN, ColumnType.INTEGER)
    if is_plain or (held.kind is Kind.NUMBER and held.meaning is ColumnType.DECIMAL):
        return plain
    return f"{meaning} as {plain}"


def _rules(held: Type) -> str:
    told = [f"one of {', '.join(held.words)}"] if held.words else []
    for name, value in held.rules.items():
        if name in _SIGNS:
            told.append(f"{_SIGNS[name]} {value}")
        elif name != "enum":
            told.append(f"{name} {value if isinstance(value, str) else json.dumps(value)}")
    return "; ".join(told)
