"""Violations: where a document breaks its schema, told without a value of the document.

A path is dotted, list positions in brackets: ``user.email``, ``items[0].qty``; empty for the document itself. Of a
missing property the path names the property. Names that only the document has (keys of a map) can be values, too:
where they are hidden they are ``*``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .documents import path_text

HIDDEN = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One place where a document breaks its schema."""

    path: str
    """Dotted, such as ``user.email`` or ``items[0].qty``; empty for the document itself."""
    code: str
    """The schema's keyword: ``required``, ``type``, ``format`` …"""
    message: str
    """The rule that is broken; never the value that breaks it."""
    unknown: tuple[str, ...] = ()
    """Properties there that the schema does not know; empty where names are hidden."""


def read_violation(error: Any, known_names: frozenset[str] | None) -> Violation:
    """jsonschema-rs's ``error`` as a violation; names outside ``known_names`` are hidden, ``None``: all are shown."""
    code = str(error.kind.name)
    path = [_shown(step, known_names) for step in error.instance_path]
    if code == "required":
        path.append(error.kind.property)
    shown = sorted(getattr(error.kind, "unexpected", ())) if known_names is None else ()
    return Violation(path=path_text(tuple(path)), code=code, message=_rule(code, error.kind), unknown=tuple(shown))


def property_names(schema: object) -> Iterator[str]:
    """Every name of a property that ``schema`` speaks of, at any depth."""
    if isinstance(schema, dict):
        for keyword, held in schema.items():
            if keyword == "properties" and isinstance(held, dict):
                yield from held
            elif keyword == "required" and isinstance(held, list):
                yield from (name for name in held if isinstance(name, str))
            yield from property_names(held)
    elif isinstance(schema, list):
        for held in schema:
            yield from property_names(held)


def _shown(step: str | int, known_names: frozenset[str] | None) -> str | int:
    return step if known_names is None or isinstance(step, int) or step in known_names else HIDDEN


def _rule(code: str, kind: Any) -> str:
    match code:
        case "required":
            return "is required"
        case "type":
            return f"must be {' or '.join(map(str, kind.types))}"
        case "format":
            return f"must be a valid {kind.format}"
        case "pattern":
            return f"must match {kind.pattern}"
        case "enum" | "const":
            return "must be one of the values that the schema lists"
        case "multipleOf":
            return f"must be a multiple of {kind.multiple_of}"
        case "additionalProperties" | "unevaluatedProperties":
            return "has properties that the schema does not know"
        case "anyOf" | "oneOf" | "not":
            return "has none of the shapes that the schema allows"
        case "falseSchema":
            return "must not be there"
        case _:
            limit = getattr(kind, "limit", None)
            return f"breaks the schema's {code}" if limit is None else f"breaks {code} {limit}"
