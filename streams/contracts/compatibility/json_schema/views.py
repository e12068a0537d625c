"""Views: what a producer writes under a schema, as against what a consumer must bear.

A schema that leaves an object open says "ignore what you do not know"; it does not say "I will write it". So a
producer writes the properties that are declared, unless the schema says itself what else there may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .references import References

_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("then", "else")
_LOCATIONS = ("items", "contains", "additionalProperties", "unevaluatedProperties", "unevaluatedItems")
_BY_NAME = ("properties", "patternProperties")
_DEFINITIONS = ("$defs", "definitions")
_SAY_WHAT_ELSE = ("additionalProperties", "unevaluatedProperties", "propertyNames")


class ProducerView:
    """Closes the objects of a schema in the words of 2020-12."""

    def __init__(self, schema: Any, resources: Mapping[str, Any]) -> None:
        self._schema = schema
        self._references = References(schema, resources)

    def closed(self) -> Any:
        """The schema of what a producer writes: a part of what the schema admits."""
        if not isinstance(self._schema, dict):
            return self._schema
        tight = self._location(self._schema)
        if tight == self._schema or not _has_exclusive(self._schema):
            return tight
        # A document that two alternatives admit is refused by oneOf; with one of them closed it would pass.
        kept = {word: tight[word] for word in (*_DEFINITIONS, "$id") if word in tight}
        return {**kept, "allOf": [{w: h for w, h in tight.items() if w not in kept},
                                  {w: h for w, h in self._schema.items() if w not in kept}]}  # fmt: skip

    def _location(self, schema: Any) -> Any:
        """A schema that is all that is said of a value: objects there are closed."""
        if not isinstance(schema, dict):
            return schema
        inside = self._inside(schema)
        names = self._names(schema)
        if names is None:
            return inside
        if "$ref" in inside:
            kept = {word: inside.pop(word) for word in (*_DEFINITIONS, "$id") if word in inside}
            return {**kept, "allOf": [inside, {"propertyNames": names}]}
        return {**inside, "propertyNames": names}

    def _inside(self, schema: Any) -> Any:
        """The values inside ``schema`` closed, and not yet ``schema``."""
        if not isinstance(schema, dict):
            return schema
        return {word: self._part(word, held) for word, held in schema.items()}

    def _part(self, word: str, held: Any) -> Any:
        if word in _LOCATIONS:
            return self._location(held)
        if word in _BY_NAME and isinstance(held, dict):
            return {name: self._location(part) for name, part in held.items()}
        if word == "prefixItems":
            return [self._location(part) for part in held]
        if word in _IN_PLACE_LISTS:
            return [self._inside(part) for part in held]
        if word in _IN_PLACE:
            return self._inside(held)
        if word in (*_DEFINITIONS, "dependentSchemas") and isinstance(held, dict):
            return {name: self._inside(part) for name, part in held.items()}
        return held

    def _names(self, schema: Mapping[str, Any]) -> dict[str, Any] | None:
        """Names that are declared for objects at this place, ``None`` where the schema leaves them to others."""
        said = list(self._in_place(schema, set()))
        names = sorted({name for part in said for name in part.get("properties", {})})
        patterns = sorted({pattern for part in said for pattern in part.get("patternProperties", {})})
        if not names or any(word in part for part in said for word in _SAY_WHAT_ELSE):
            return None
        if not patterns:
            return {"enum": names}
        return {"anyOf": [{"enum": names}, *({"pattern": pattern} for pattern in patterns)]}

    def _in_place(self, schema: Any, seen: set[int]) -> Iterator[Mapping[str, Any]]:
        """Everything that speaks of the same value as ``schema``."""
        if not isinstance(schema, dict) or id(schema) in seen:
            return
        seen.add(id(schema))
        yield schema
        if isinstance(schema.get("$ref"), str):
            yield from self._in_place(self._references.target(schema["$ref"], schema), seen)
        for word in _IN_PLACE_LISTS:
            for part in schema.get(word, ()):
                yield from self._in_place(part, seen)
        for word in (*_IN_PLACE, "if"):
            yield from self._in_place(schema.get(word), seen)
        for part in schema.get("dependentSchemas", {}).values():
            yield from self._in_place(part, seen)


def _has_exclusive(schema: Any) -> bool:
    if isinstance(schema, dict):
        return "oneOf" in schema or "maxContains" in schema or any(map(_has_exclusive, schema.values()))
    return isinstance(schema, list) and any(map(_has_exclusive, schema))
