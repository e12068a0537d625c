"""Pieces: random schemas of draft 2020-12, small enough that their keywords meet."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

NAMES = ("a", "b", "c", "ab")
VALUES: tuple[Any, ...] = (
    "", "a", "b", "abc", 0, 1, -1, 2.5, True, False, None, [], ["a"], {}, {"a": 1}, "2024-02-29", 1.0
)  # fmt: skip
_PATTERNS = ("^a", "b$", "^[a-c]+$", "^[ab]?$", "c", "^.{2,3}$", "^(a|bc)$", r"^\d+$")
_FORMATS = ("date", "date-time", "email", "ipv4", "uuid", "uri", "hostname", "time", "ipv6")
_TYPES = ("string", "integer", "number", "null", "boolean", "array", "object")


class Pieces:
    """Makes schemas by the dice of ``rng``."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._refers = False

    def document(self) -> dict[str, Any]:
        """A whole schema, with what it refers to."""
        schema: Any = True
        while not isinstance(schema, dict):
            schema = self._any(3)
        if not self._refers:
            return schema
        named = {"x": self._any(2), "y": self._any(2)}
        if self.rng.random() < 0.5:
            below = {"type": "array", "items": {"$ref": "#/$defs/x"}}
            rest = {"additionalProperties": False} if self.rng.random() < 0.5 else {}
            named["x"] = {"type": "object", "properties": {"a": self.scalar(), "b": below}, **rest}
        return {**schema, "$defs": named}

    def scalar(self) -> Any:
        """A schema without others inside it."""
        rng = self.rng
        made: list[Any] = [
            rng.choice((True, {}, False)), {"enum": rng.sample(VALUES, rng.randint(1, 5))},
            {"const": rng.choice(VALUES)}, {"type": rng.choice(("null", "boolean"))},
            {"type": "string", "format": rng.choice(_FORMATS)}, self.some(self.text_words(), 0.5),
        ]  # fmt: skip
        words = {**self.text_words(), **self.number_words()}
        made += [{"type": rng.sample(_TYPES, rng.randint(2, 3)), **self.some(words, 0.3)} for _ in range(2)]
        made += [{"type": "string", **self.some(self.text_words(), 0.5)} for _ in range(2)]
        made += [{"type": kind, **self.some(self.number_words(), 0.4)} for kind in ("integer", "number")]
        return rng.choice(made)

    def some(self, words: Mapping[str, Any], share: float) -> dict[str, Any]:
        """A few of ``words``."""
        return {word: held for word, held in words.items() if self.rng.random() < share}

    def text_words(self) -> dict[str, Any]:
        """What is said of texts."""
        rng = self.rng
        return {"minLength": rng.randint(0, 3), "maxLength": rng.randint(1, 5), "pattern": rng.choice(_PATTERNS)}

    def number_words(self) -> dict[str, Any]:
        """What is said of numbers."""
        rng = self.rng
        return {
            "minimum": rng.randint(-3, 2), "maximum": rng.randint(0, 6), "exclusiveMinimum": rng.choice((-2, 0, 0.5)),
            "exclusiveMaximum": rng.choice((3, 5, 2.5)), "multipleOf": rng.choice((1, 2, 3, 0.5, 6)),
        }  # fmt: skip

    def _any(self, depth: int) -> Any:
        if depth <= 0 or self.rng.random() < 0.35:
            return self.scalar()
        makers = (self._object, self._object, self._object, self._array, self._array, self._combined, self._combined,
                  self._condition, self._negated, self._referred)  # fmt: skip
        return self.rng.choice(makers)(depth)

    def _object(self, depth: int) -> dict[str, Any]:
        rng = self.rng
        names = rng.sample(NAMES, rng.randint(0, 3))
        words: dict[str, Any] = {"type": "object"} if rng.random() < 0.9 else {}
        words["properties"] = {name: self._any(depth - 1) for name in names}
        if rng.random() < 0.5:
            words["required"] = rng.sample(NAMES, rng.randint(1, 2))
        if rng.random() < 0.35:
            words["additionalProperties"] = rng.choice((False, False, True, self._any(depth - 2)))
        return {**words, **self.some(self._object_words(depth - 2), 0.1)}

    def _object_words(self, depth: int) -> dict[str, Any]:
        rng = self.rng
        names = ({"pattern": rng.choice(_PATTERNS)}, {"maxLength": rng.randint(1, 3)}, {"enum": list(NAMES[:3])})
        return {
            "patternProperties": {rng.choice(_PATTERNS): self._any(depth)}, "propertyNames": rng.choice(names),
            "minProperties": rng.randint(0, 2), "maxProperties": rng.randint(1, 4),
            "dependentRequired": {rng.choice(NAMES): rng.sample(NAMES, 1)},
            "dependentSchemas": {rng.choice(NAMES): self._any(depth)},
            "unevaluatedProperties": rng.choice((False, self._any(depth))),
        }  # fmt: skip

    def _array(self, depth: int) -> dict[str, Any]:
        rng = self.rng
        words: dict[str, Any] = {"type": "array"} if rng.random() < 0.9 else {}
        usual = {"minItems": rng.randint(0, 2), "maxItems": rng.randint(0, 4), "uniqueItems": rng.random() < 0.7}
        rare = {
            "prefixItems": [self._any(depth - 1) for _ in range(rng.randint(1, 2))], "contains": self.scalar(),
            "minContains": rng.randint(0, 2), "maxContains": rng.randint(1, 3),
            "unevaluatedItems": rng.choice((False, self.scalar())),
        }  # fmt: skip
        if rng.random() < 0.7:
            words["items"] = self._any(depth - 1)
        return {**words, **self.some(usual, 0.25), **self.some(rare, 0.15)}

    def _combined(self, depth: int) -> dict[str, Any]:
        word = self.rng.choice(("allOf", "anyOf", "oneOf"))
        return {word: [self._any(depth - 1) for _ in range(self.rng.randint(1, 3))]}

    def _condition(self, depth: int) -> dict[str, Any]:
        branches = {"then": self._any(depth - 1), "else": self._any(depth - 1)}
        return {"if": self._any(depth - 2), **self.some(branches, 0.7)}

    def _negated(self, depth: int) -> dict[str, Any]:
        return {"not": self._any(depth - 2), **self.some({"type": "string"}, 0.3)}

    def _referred(self, depth: int) -> dict[str, Any]:
        self._refers = True
        return {"$ref": f"#/$defs/{self.rng.choice(('x', 'y'))}"}
