"""Parts: what Karapace takes a schema for. It looks at one kind of value in each, and at the words of draft 7.

Sources: its compatibility checks and the tests beside them. A schema that names no type is of objects, whatever else
is in it; ``type`` as a list is ``anyOf`` of copies, and wins over all that stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..references import References

Schema = Any
"""A schema with its references followed: an object, ``True`` or ``False``."""
COMBINED = ("allOf", "anyOf", "oneOf")
_NOT_JUDGED = frozenset(
    {"$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "unevaluatedProperties",
     "unevaluatedItems", "$vocabulary"}
)  # fmt: skip
_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired")
_DATA = ("enum", "const", "default", "examples")


class Reader:
    """Follows the references of one document. ``$ref`` stands alone, in every draft."""

    def __init__(self, document: Any, resources: Mapping[str, object]) -> None:
        self._references = References(document, resources)
        self._copies: dict[int, tuple[Any, tuple[Any, ...]]] = {}

    def read(self, schema: Any) -> Schema:
        """What ``schema`` refers to, else itself."""
        seen: set[int] = set()
        while isinstance(schema, dict) and "$ref" in schema:
            if id(schema) in seen:
                return {}
            seen.add(id(schema))
            schema = self._references.target(schema["$ref"], schema)
        return schema

    def parts(self, schema: Schema) -> tuple[str, tuple[Schema, ...]] | None:
        """``allOf``, ``anyOf``, ``oneOf`` or ``not``, and what stands under it; ``None`` where it is none of them."""
        if not isinstance(schema, dict):
            return None
        if isinstance(schema.get("type"), list):
            return "anyOf", self._by_type(schema)
        for word in COMBINED:
            if word in schema:
                return word, tuple(map(self.read, schema[word]))
        return ("not", (self.read(schema["not"]),)) if "not" in schema else None

    def _by_type(self, schema: Mapping[str, Any]) -> tuple[Schema, ...]:
        if id(schema) not in self._copies:
            self._copies[id(schema)] = (schema, tuple({**schema, "type": name} for name in schema["type"]))
        return self._copies[id(schema)][1]

    def kind(self, schema: Schema) -> str:
        """The one kind of value that ``schema`` is taken to speak of."""
        if not isinstance(schema, dict):
            return "any or none"
        if (parts := self.parts(schema)) is not None:
            return parts[0]
        return str(schema.get("type") or ("enum" if "enum" in schema else "object"))

    def covering(self, schema: Mapping[str, Any], name: str) -> Schema | None:
        """What an object says of a property that it does not name; ``None`` where it says nothing."""
        for pattern, held in schema.get("patternProperties", {}).items():
            if _starts_with(pattern, name):
                return self.read(held)
        return self.read(schema.get("additionalProperties"))


def is_open(schema: Mapping[str, Any]) -> bool:
    """Whether an object leaves all that it does not name alone."""
    return not schema.get("patternProperties") and schema.get("additionalProperties", True) is True


def positions(schema: Mapping[str, Any]) -> list[Any] | None:
    """The items of a tuple; ``None`` where ``schema`` is of arrays whose items are all alike."""
    held = schema["prefixItems"] if "prefixItems" in schema else schema.get("items")
    return held if isinstance(held, list) else None


def after_positions(schema: Mapping[str, Any]) -> Any:
    """What a tuple says of the items behind it."""
    word = "items" if "prefixItems" in schema and "items" in schema else "additionalItems"
    return schema.get("additionalItems", schema.get(word, True))


def dependencies(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Properties that ask for others."""
    return {**schema.get("dependentRequired", {}), **schema.get("dependencies", {})}


def not_judged(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Places of keywords that Karapace does not understand, and therefore refuses."""
    if isinstance(schema, list):
        for place, held in enumerate(schema):
            yield from not_judged(held, (*path, str(place)))
    if not isinstance(schema, dict):
        return
    for word, held in schema.items():
        if word in _NOT_JUDGED:
            yield (*path, word)
        if word in _BY_NAME and isinstance(held, dict):
            for name, part in held.items():
                yield from not_judged(part, (*path, word, name))
        elif word not in _DATA:
            yield from not_judged(held, (*path, word))


def _starts_with(pattern: str, name: str) -> bool:
    try:
        return re.match(pattern, name) is not None
    except re.error:
        return False
