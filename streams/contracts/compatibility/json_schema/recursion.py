"""Recursion: does a recursive schema cover another? By induction over the depth of documents.

Both must recurse at the same names. Where they do, everything that stands at such a name is replaced by one and the
same set of values, a stand-in for "documents of less depth, which both admit alike"; then no body recurses, and the
algebra can answer for each. That is a proof as long as more values there never make a body admit less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .algebra import DocumentSet
from .references import References, UnknownReferenceError

_DEFINITIONS = ("$defs", "definitions")
_NOT_MONOTONE = ("not", "if", "oneOf", "maxContains", "contains", "uniqueItems", "unevaluatedProperties",
                 "unevaluatedItems")  # fmt: skip
_STAND_IN: tuple[Any, ...] = (
    "", "a", "€ no text anybody lists " * 40, 0, -1, 0.375, 10**15, -(10**15), True, False, None, [], [[], 0.375, "a"],
    {}, {"no name anybody lists": 0.375},
)  # fmt: skip
"""Values so different that only a schema that admits everything admits all of them."""


def covers_recursively(reader: Any, writer: Any, resources: Mapping[str, Any]) -> bool:
    """Whether ``reader`` covers ``writer`` for sure; ``False`` where that is not known. Both are of 2020-12."""
    try:
        names = _recursive_names(reader)
        if not names or names != _recursive_names(writer):
            return False
        ours, theirs = _bodies(reader, names), _bodies(writer, names)
    except (UnknownReferenceError, RecursionError, _NotMonotone):
        return False
    return all(
        DocumentSet(ours[name], resources).covers(DocumentSet(theirs[name], resources)) is True for name in ours
    )


class _NotMonotone(Exception):
    """A recursive reference stands where more values admit less, or where it is one condition of several."""


def _recursive_names(schema: Any) -> frozenset[str]:
    """References that lead, through others, back to themselves."""
    references = References(schema, {})
    leads_to: dict[str, set[str]] = {}
    waiting = list(_names_in(schema))
    while waiting:
        name = waiting.pop()
        if name not in leads_to:
            leads_to[name] = set(_names_in(references.target(name, schema)))
            waiting += leads_to[name]
    return frozenset(name for name in leads_to if name in _reached(name, leads_to))


def _reached(name: str, leads_to: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(leads_to[name])
    while waiting:
        other = waiting.pop()
        if other not in reached:
            reached.add(other)
            waiting += leads_to[other]
    return reached


def _names_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for held in schema:
            yield from _names_in(held)
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for word, held in schema.items():
            if word not in ("enum", "const"):
                yield from _names_in(held)


def _bodies(schema: Any, names: frozenset[str]) -> dict[str, Any]:
    """The schema itself, and what stands at each of ``names``, none of which recurses any more."""
    limits: dict[str, Any] = {}
    rest = {word: held for word, held in schema.items() if word not in (*_DEFINITIONS, "$id")}
    top, limit = _recursive_place(rest, names)
    kept = {
        word: {name: _flat(held, names, limits) for name, held in schema[word].items()}
        for word in _DEFINITIONS
        if word in schema
    }
    if top is not None:
        _limit(limits, top, limit)
        flat, bodies = kept, {}
    else:
        flat = {**kept, **_flat(rest, names, limits)}
        bodies = {"": flat}
    references = References(flat, {})
    for name in names:
        target = references.target(name, flat)
        body = {"allOf": [target, limits[name]]} if limits.get(name) else target
        bodies[name] = {**kept, **body} if isinstance(body, dict) else body
    return bodies if top is None else {"": bodies[top], **bodies}


def _flat(schema: Any, names: frozenset[str], limits: dict[str, Any]) -> Any:
    """``schema`` with the stand-in at every recursive reference; ``limits``: what is said of it besides, by name."""
    if isinstance(schema, list):
        return [_flat(held, names, limits) for held in schema]
    if not isinstance(schema, dict):
        return schema
    name, limit = _recursive_place(schema, names)
    if name is not None:
        return _stand_in(name, limit, limits)
    for word in _NOT_MONOTONE:
        if word in schema and any(held in names for held in _names_in(schema[word])):
            raise _NotMonotone
    closed = {"propertyNames": schema["propertyNames"]} if "propertyNames" in schema else None
    flat = {}
    for word, held in schema.items():
        if word == "anyOf" and closed is not None:
            # What closes the alternatives closes each of them.
            held = [_stand_in(part["$ref"], closed, limits) if _is_alone(part, names) else part for part in held]
        flat[word] = held if word in ("enum", "const") else _flat(held, names, limits)
    return flat


def _stand_in(name: str, limit: Any, limits: dict[str, Any]) -> dict[str, Any]:
    _limit(limits, name, limit)
    return {"enum": [*_STAND_IN, {"documents of": name}]}


def _limit(limits: dict[str, Any], name: str, limit: Any) -> None:
    if limits.setdefault(name, limit) != limit:
        raise _NotMonotone


def _is_alone(schema: Any, names: frozenset[str]) -> bool:
    return isinstance(schema, dict) and schema.keys() == {"$ref"} and schema["$ref"] in names


def _recursive_place(schema: dict[str, Any], names: frozenset[str]) -> tuple[str | None, Any]:
    """The name, where ``schema`` is a recursive reference alone or as a producer's view closes it."""
    if schema.get("$ref") in names:
        if len(schema) > 1:
            raise _NotMonotone
        return schema["$ref"], None
    parts = schema.get("allOf", ())
    if schema.keys() == {"allOf"} and len(parts) == 2 and _is_alone(parts[0], names):
        if parts[1].keys() != {"propertyNames"}:
            raise _NotMonotone
        return parts[0]["$ref"], parts[1]
    return None, None
