"""Generate: documents that may be valid under a schema of 2020-12; whoever asks checks them.

Best is a canonical schema, whose conditions are merged already. Limits are visited first: that is where readers break.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from .dice import Dice
from .numbers import number_for
from .references import References, UnknownReferenceError
from .texts import has_pattern, matching, text_for

_DEPTH = 6
_WORK = 30_000
"""Values made for one search: of schemas with hundreds of properties, fewer documents are made."""
_LARGEST = 60
"""Items or properties of one value; what needs more is not made."""
_NAMES = ("extra", "a", "x1", "", "Z_9", "é")
_BY_KEYWORD = {
    "properties": "object", "required": "object", "propertyNames": "object", "patternProperties": "object",
    "minProperties": "object", "additionalProperties": "object", "items": "array", "prefixItems": "array",
    "minItems": "array", "contains": "array", "uniqueItems": "array", "pattern": "string", "minLength": "string",
    "format": "string", "maxLength": "string", "minimum": "number", "maximum": "number", "multipleOf": "number",
    "exclusiveMinimum": "number", "exclusiveMaximum": "number",
}  # fmt: skip
_TYPES = ("string", "integer", "null", "object", "array", "boolean", "number")


class NothingFitsError(Exception):
    """A schema that admits nothing, as far as can be seen from here."""


def documents(schema: Any, resources: Mapping[str, Any], *, count: int, work: int = _WORK) -> Iterator[Any]:
    """Up to ``count`` documents, the small ones first; the same each time. ``work``: values made for all of them."""
    maker = _Maker(schema, resources)
    for seed in range(count):
        if maker.made > work:
            return
        try:
            yield maker.make(schema, Dice(seed), 0 if seed >= 2 else _DEPTH - 1)
        except (NothingFitsError, UnknownReferenceError, RecursionError, OverflowError):
            continue


class _Maker:
    def __init__(self, document: Any, resources: Mapping[str, Any]) -> None:
        self._references = References(document, resources)
        self.made = 0

    def make(self, schema: Any, dice: Dice, depth: int) -> Any:
        """One document; deep inside, the shortest there is."""
        self.made += 1
        if schema is False or depth > 4 * _DEPTH:
            raise NothingFitsError
        if not isinstance(schema, dict) or not schema:
            return self._of_type(dice.one_of(_TYPES), {}, dice, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            if not schema["enum"]:
                raise NothingFitsError
            return dice.one_of(schema["enum"])
        chosen = self._merged(schema, dice)
        if chosen is not schema:
            return self.make(chosen, dice, depth + ("$ref" in schema))
        return self._of_type(self._type_of(schema, dice), schema, dice, depth)

    def _merged(self, schema: dict[str, Any], dice: Dice) -> Any:
        """``schema`` with one of its alternatives, or what it refers to, written into it."""
        rest = dict(schema)
        if isinstance(rest.get("$ref"), str):
            return merge(self._references.target(rest.pop("$ref"), schema), rest)
        for word in ("oneOf", "anyOf"):
            if rest.get(word):
                return merge(dice.one_of(rest.pop(word)), rest)
        if rest.get("allOf"):
            merged: Any = {word: held for word, held in rest.items() if word != "allOf"}
            for part in rest["allOf"]:
                merged = merge(part, merged)
            return merged
        if "if" in rest:
            condition, then, other = (rest.pop(word, {}) for word in ("if", "then", "else"))
            return merge(merge(condition, then), rest) if dice.below(2) else merge(other, rest)
        return schema

    def _type_of(self, schema: Mapping[str, Any], dice: Dice) -> str:
        named = schema.get("type")
        if named is None:
            held = [_BY_KEYWORD[word] for word in schema if word in _BY_KEYWORD]
            return dice.one_of(_TYPES) if not held or dice.below(4) == 0 else dice.one_of(held)
        if isinstance(named, list):
            if not named:
                raise NothingFitsError
            return str(dice.one_of(named))
        return str(named)

    def _of_type(self, name: str, schema: Mapping[str, Any], dice: Dice, depth: int) -> Any:
        match name:
            case "null":
                return None
            case "boolean":
                return dice.below(2) == 1
            case "integer" | "number":
                return number_for(schema, dice, is_whole=name == "integer")
            case "string":
                return text_for(schema, dice)
            case "array":
                return self._array(schema, dice, depth)
            case _:
                return self._object(schema, dice, depth)

    def _array(self, schema: Mapping[str, Any], dice: Dice, depth: int) -> list[Any]:
        first, rest = schema.get("prefixItems", []), schema.get("items", {})
        least, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        contained = schema.get("contains")
        if contained is not None:
            least = max(least, int(schema.get("minContains", 1)))
        if least > _LARGEST or (most is not None and most < least):
            raise NothingFitsError
        top = least + 3 if most is None else min(int(most), least + 3)
        length = least if depth >= _DEPTH else dice.one_of((least, top, max(least, min(len(first), top))))
        made: list[Any] = []
        for place in range(length):
            made.append(self._item(first[place] if place < len(first) else rest, made, schema, (dice, depth)))
        if contained is not None and made:
            wanted = contained if first else merge(contained, rest)
            made[dice.below(len(made))] = self.make(wanted, dice, depth + 1)
        return made

    def _item(self, schema: Any, made: list[Any], array: Mapping[str, Any], state: tuple[Dice, int]) -> Any:
        dice, depth = state
        for _ in range(8 if array.get("uniqueItems") else 1):
            item = self.make(schema, dice, depth + 1)
            if item not in made:
                break
        return item

    def _object(self, schema: Mapping[str, Any], dice: Dice, depth: int) -> dict[str, Any]:
        if schema.get("minProperties", 0) > _LARGEST:
            raise NothingFitsError
        properties = schema.get("properties", {})
        required = list(dict.fromkeys(schema.get("required", ())))
        made: dict[str, Any] = {}
        for name in required:
            made[name] = self.make(self._schema_of(name, schema), dice, depth + 1)
        if depth < _DEPTH:
            self._optional(made, [name for name in properties if name not in made], schema, (dice, depth))
        self._fill(made, schema, dice, depth)
        for name, needed in schema.get("dependentRequired", {}).items():
            for other in needed if name in made else ():
                made.setdefault(other, self.make(self._schema_of(other, schema), dice, depth + 1))
        return made

    def _optional(
        self, made: dict[str, Any], names: list[str], schema: Mapping[str, Any], state: tuple[Dice, int]
    ) -> None:
        dice, depth = state
        share = dice.below(3)
        for name in names:
            if len(made) >= schema.get("maxProperties", len(made) + 1) or share == 0:
                return
            if share == 2 or dice.below(2):
                try:
                    made[name] = self.make(schema["properties"][name], dice, depth + 1)
                except NothingFitsError:
                    continue

    def _fill(self, made: dict[str, Any], schema: Mapping[str, Any], dice: Dice, depth: int) -> None:
        """More properties, up to ``minProperties``, and sometimes one more where that may be."""
        wanted = int(schema.get("minProperties", 0))
        if dice.below(3) == 0 and len(made) < schema.get("maxProperties", len(made) + 1) and depth < _DEPTH:
            wanted = max(wanted, len(made) + 1)
        for place in range(4 * wanted):
            if len(made) >= wanted:
                return
            name = self._name(schema, dice, place)
            if name in made:
                continue
            try:
                made[name] = self.make(self._schema_of(name, schema), dice, depth + 1)
            except NothingFitsError:
                continue

    def _name(self, schema: Mapping[str, Any], dice: Dice, place: int) -> str:
        patterns = list(schema.get("patternProperties", {}))
        if "propertyNames" in schema:
            name = self.make(schema["propertyNames"], dice, _DEPTH)
            return name if isinstance(name, str) else _NAMES[0]
        if patterns and dice.below(2):
            return matching(dice.one_of(patterns), dice)
        known = [*schema.get("properties", ()), *_NAMES]
        return dice.one_of(known) if place < 8 else f"extra{place}"

    def _schema_of(self, name: str, schema: Mapping[str, Any]) -> Any:
        said = [held for pattern, held in schema.get("patternProperties", {}).items() if has_pattern(pattern, name)]
        if name in schema.get("properties", {}):
            said.append(schema["properties"][name])
        if not said:
            return schema.get("additionalProperties", schema.get("unevaluatedProperties", {}))
        return reduce(merge, said)


_LARGER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_SMALLER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")


def merge(one: Any, other: Any) -> Any:
    """A schema of what both admit, as good as it goes."""
    if isinstance(one, bool) or isinstance(other, bool):
        return False if one is False or other is False else other if isinstance(one, bool) else one
    merged = dict(other)
    for word, held in one.items():
        merged[word] = _both(word, held, merged[word]) if word in merged else held
    return merged


def _both(word: str, one: Any, other: Any) -> Any:
    if word in ("properties", "patternProperties", "$defs", "definitions"):
        return {**other, **{name: merge(held, other[name]) if name in other else held for name, held in one.items()}}
    if word == "required":
        return [*other, *(name for name in one if name not in other)]
    if word in _LARGER:
        return max(one, other)
    if word in _SMALLER:
        return min(one, other)
    if word == "enum":
        return [value for value in one if value in other]
    if word == "type":
        first, second = ([held] if isinstance(held, str) else held for held in (one, other))
        both = [name for name in first if name in second or (name == "integer" and "number" in second)]
        return both + ["integer"] * ("integer" in second and "number" in first and "integer" not in both)
    if word in ("items", "additionalProperties", "propertyNames", "contains"):
        return merge(one, other)
    return [*other, *one] if word == "allOf" else one
