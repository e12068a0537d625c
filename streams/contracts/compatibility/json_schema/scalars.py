"""Limits of strings and numbers, enumerations and constants, as Confluent's rules tell their changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from .found import Found
from .shapes import Shape

_WORDS = {
    "minLength": "MIN_LENGTH", "maxLength": "MAX_LENGTH", "minimum": "MINIMUM", "maximum": "MAXIMUM",
    "exclusiveMinimum": "EXCLUSIVE_MINIMUM", "exclusiveMaximum": "EXCLUSIVE_MAXIMUM",
    "minItems": "MIN_ITEMS", "maxItems": "MAX_ITEMS", "minContains": "MIN_CONTAINS", "maxContains": "MAX_CONTAINS",
    "minProperties": "MIN_PROPERTIES", "maxProperties": "MAX_PROPERTIES",
}  # fmt: skip
_NOTES = (
    ("$id", "ID_CHANGED"), ("id", "ID_CHANGED"), ("title", "TITLE_CHANGED"), ("description", "DESCRIPTION_CHANGED"),
    ("default", "DEFAULT_CHANGED"),
)  # fmt: skip


def limit_changes(old: Shape, new: Shape, *keywords: str) -> Iterator[Found]:
    """Limits that came, went, grew or shrank."""
    yield from limits_of(old.rules, new.rules, keywords)


def limits_of(old: Mapping[str, Any], new: Mapping[str, Any], keywords: Iterable[str]) -> Iterator[Found]:
    """The same of two schemas' keywords."""
    for keyword in keywords:
        before, after = old.get(keyword), new.get(keyword)
        if before == after:
            continue
        if before is None or after is None:
            change = "ADDED" if before is None else "REMOVED"
        else:
            change = "INCREASED" if before < after else "DECREASED"
        yield Found(f"{_WORDS[keyword]}_{change}", (keyword,))


def note_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Found]:
    """Of what says nothing of documents."""
    return (Found(code) for note, code in _NOTES if old.get(note) != new.get(note))


def string_changes(old: Shape, new: Shape) -> Iterator[Found]:
    """Of lengths and the pattern; formats are not compared."""
    yield from text_changes(old.rules, new.rules)


def text_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Found]:
    """The same of two schemas' keywords."""
    yield from limits_of(old, new, ("maxLength", "minLength"))
    before, after = old.get("pattern"), new.get("pattern")
    if before != after:
        change = "ADDED" if before is None else "REMOVED" if after is None else "CHANGED"
        yield Found(f"PATTERN_{change}", ("pattern",))


def number_changes(old: Shape, new: Shape) -> Iterator[Found]:
    """Of limits, steps, and between whole and any numbers."""
    yield from amount_changes(old.rules, new.rules)
    if ("integer" in old.rules) != ("integer" in new.rules):
        yield Found("TYPE_EXTENDED" if "integer" in old.rules else "TYPE_NARROWED")


def amount_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Found]:
    """Of limits and steps in two schemas' keywords."""
    yield from limits_of(old, new, ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"))
    yield from _step_changes(old, new)


def _step_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Found]:
    before, after = old.get("multipleOf"), new.get("multipleOf")
    if before == after:
        return
    if before is None or after is None:
        yield Found("MULTIPLE_OF_ADDED" if before is None else "MULTIPLE_OF_REMOVED", ("multipleOf",))
        return
    small, large = sorted((Decimal(str(before)), Decimal(str(after))))
    change = "CHANGED" if large % small else "EXPANDED" if before < after else "REDUCED"
    yield Found(f"MULTIPLE_OF_{change}", ("multipleOf",))


def enum_changes(old: Shape, new: Shape) -> Iterator[Found]:
    """Of the listed values; their order says nothing."""
    yield from listed_changes(old.rules["enum"], new.rules["enum"])


def listed_changes(old: Iterable[Any], new: Iterable[Any]) -> Iterator[Found]:
    """The same of two lists."""
    before, after = ([json_key(value) for value in values] for values in (old, new))
    if set(before) != set(after):
        extended, narrowed = set(before) < set(after), set(after) < set(before)
        yield Found(f"ENUM_ARRAY_{'EXTENDED' if extended else 'NARROWED' if narrowed else 'CHANGED'}", ("enum",))


def const_changes(old: Shape, new: Shape) -> Iterator[Found]:
    """Of the one value."""
    if json_key(old.rules["const"]) != json_key(new.rules["const"]):
        yield Found("ENUM_ARRAY_CHANGED", ("const",))


def json_key(value: Any) -> object:
    """``value`` so that two are equal as JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, dict):
        return frozenset((name, json_key(held)) for name, held in value.items())
    if isinstance(value, list):
        return tuple(map(json_key, value))
    return (isinstance(value, bool), value)
