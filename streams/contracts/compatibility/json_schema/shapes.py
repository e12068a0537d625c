"""Shapes: a schema taken apart into pieces that each speak of one kind of value.

Confluent's rules compare pieces, not keywords: ``{"type": "string", "enum": ["a"]}`` is a string *and* an
enumeration, ``{"type": ["string", "null"]}`` is a string *or* null. How a schema falls apart is what the validators
behind their registry do, by draft.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from .references import References


class Kind(Enum):
    """What a piece speaks of."""

    ANYTHING = "anything"
    NOTHING = "nothing"
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    ARRAY = "array"
    OBJECT = "object"
    ENUM = "enum"
    CONST = "const"
    NOT = "not"
    CONDITION = "condition"
    COMBINED = "combined"


Read = Callable[[Any], "Shape"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """One piece of a schema. Shapes are told apart by identity; ``text`` says whether two are written alike."""

    kind: Kind
    rules: Mapping[str, Any]
    """Keywords that matter for ``kind``, with schemas inside them still unread."""
    text: str
    read: Read
    """Reads a schema inside this one."""
    parts: tuple[Any, ...] = ()
    """Of ``COMBINED``: schemas still unread, or shapes."""
    criterion: str = ""
    """Of ``COMBINED``: ``allOf``, ``anyOf`` or ``oneOf``."""
    notes: Mapping[str, Any] | None = None
    """``$id``, ``title``, ``description``, ``default`` …"""

    def shapes(self) -> tuple[Shape, ...]:
        """The parts of ``COMBINED``; what is written twice counts once, what is only referred to alike does not."""
        by_text = {part.text if isinstance(part, Shape) else _text(part): part for part in self.parts}
        return tuple(part if isinstance(part, Shape) else self.read(part) for part in by_text.values())

    def child(self, keyword: str) -> Shape | None:
        """The schema at ``keyword``, ``None`` where there is none."""
        return self.read(self.rules[keyword]) if keyword in self.rules else None


_NUMBER = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_STRING = ("minLength", "maxLength", "pattern")
_ARRAY = ("items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains")
_OBJECT = (
    "properties", "required", "minProperties", "maxProperties", "dependencies", "patternProperties",
    "additionalProperties", "propertyNames",
)  # fmt: skip
_NEWER_ARRAY = (*_ARRAY, "prefixItems", "unevaluatedItems", "minContains", "maxContains")
_NEWER_OBJECT = (*_OBJECT, "dependentRequired", "dependentSchemas", "unevaluatedProperties")
_NOTES = ("$id", "id", "title", "description", "default")
_IGNORED = frozenset({"$schema", "definitions", "$defs", "$comment", "self"})
_KIND_BY_TYPE = {
    "string": Kind.STRING, "integer": Kind.NUMBER, "number": Kind.NUMBER, "boolean": Kind.BOOLEAN,
    "null": Kind.NULL, "array": Kind.ARRAY, "object": Kind.OBJECT,
}  # fmt: skip
_SNIFFED = (Kind.ARRAY, Kind.OBJECT, Kind.NUMBER, Kind.STRING)


class ShapeReader:
    """Reads the schemas of one document, each once: references may lead in circles."""

    def __init__(self, document: Any, draft: str, resources: Mapping[str, object]) -> None:
        self._draft = draft
        self._references = References(document, resources)
        self._known: dict[int, tuple[Any, Shape]] = {}
        newer = draft in ("2019-09", "2020-12")
        self._keywords: Mapping[Kind, tuple[str, ...]] = {
            Kind.NUMBER: _NUMBER,
            Kind.STRING: _STRING if newer else (*_STRING, "format"),
            Kind.ARRAY: _NEWER_ARRAY if newer else _ARRAY,
            Kind.OBJECT: _NEWER_OBJECT if newer else _OBJECT,
        }
        self._refs_stand_alone = not newer

    def read(self, schema: Any) -> Shape:
        """The shape of ``schema``, which is this document or a part of it."""
        held = self._known.get(id(schema))
        if held is not None:
            return held[1]
        shape = self._read(schema)
        # The schema is kept with its shape: an address is only a name while the thing lives.
        self._known[id(schema)] = (schema, shape)
        return shape

    def _read(self, schema: Any) -> Shape:
        if isinstance(schema, Shape):
            return schema
        if isinstance(schema, bool) or not schema:
            return self._shape(Kind.NOTHING if schema is False else Kind.ANYTHING, {}, text=_text(schema))
        if "$ref" in schema and (self._refs_stand_alone or not schema.keys() - _IGNORED - {"$ref", *_NOTES}):
            return self._referred(schema)
        pieces = list(self._pieces(schema))
        notes = {name: schema[name] for name in _NOTES if name in schema}
        if len(pieces) == 1:
            return replace(pieces[0], notes=notes, text=_text(schema))
        if not pieces:
            return self._shape(Kind.ANYTHING, {}, text=_text(schema), notes=notes)
        return self._combined("allOf", tuple(pieces), text=_text(schema), notes=notes)

    def _referred(self, schema: Mapping[str, Any]) -> Shape:
        seen = {id(schema)}
        target = self._references.target(schema["$ref"], schema)
        while isinstance(target, dict) and "$ref" in target and self._refs_stand_alone:
            if id(target) in seen:
                return self._shape(Kind.ANYTHING, {}, text=_text(schema))
            seen.add(id(target))
            target = self._references.target(target["$ref"], target)
        return self.read(target)

    def _pieces(self, schema: Mapping[str, Any]) -> Iterator[Shape]:
        if "$ref" in schema:
            yield self._referred(schema)
        if "enum" in schema:
            yield self._shape(Kind.ENUM, {"enum": schema["enum"]})
        for criterion in ("allOf", "anyOf", "oneOf"):
            if criterion in schema:
                yield self._combined(criterion, tuple(schema[criterion]))
        if "not" in schema:
            yield self._shape(Kind.NOT, {"not": schema["not"]})
        if "const" in schema and self._draft != "draft4":
            yield self._shape(Kind.CONST, {"const": schema["const"]})
        yield from self._typed(schema)

    def _typed(self, schema: Mapping[str, Any]) -> Iterator[Shape]:
        """Pieces by ``type``, then what keywords of other types there are: those hold where a value is of theirs."""
        types = schema.get("type")
        named = [types] if isinstance(types, str) else list(types or ())
        shapes = [self._of_type(name, schema) for name in named if name in _KIND_BY_TYPE]
        if isinstance(types, str):
            yield from shapes
        elif shapes:
            yield self._combined("anyOf", tuple(shapes))
        taken = {shape.kind for shape in shapes}
        for kind in _SNIFFED:
            if kind not in taken and any(keyword in schema for keyword in self._keywords[kind]):
                yield self._shape(kind, self._rules(kind, schema))
        if self._draft not in ("draft4", "draft6") and any(word in schema for word in ("if", "then", "else")):
            yield self._shape(Kind.CONDITION, {word: schema[word] for word in ("if", "then", "else") if word in schema})

    def _of_type(self, name: str, schema: Mapping[str, Any]) -> Shape:
        kind = _KIND_BY_TYPE[name]
        rules = self._rules(kind, schema)
        if name == "integer":
            rules["integer"] = True
        if isinstance(schema.get("connect.type"), str):
            rules["connect.type"] = schema["connect.type"]
        return self._shape(kind, rules, text=f"{name} {_text(rules)}")

    def _rules(self, kind: Kind, schema: Mapping[str, Any]) -> dict[str, Any]:
        rules = {word: schema[word] for word in self._keywords.get(kind, ()) if word in schema}
        if kind is Kind.ARRAY:
            return self._tuple_form(rules)
        if kind is Kind.NUMBER and self._draft == "draft4":
            return _limits_of_draft4(rules)
        return rules

    def _tuple_form(self, rules: dict[str, Any]) -> dict[str, Any]:
        """One form for all drafts: positions are ``tuple``, what follows them ``rest``, a schema for all ``items``."""
        held = {word: rule for word, rule in rules.items() if word not in ("items", "additionalItems", "prefixItems")}
        if self._draft == "2020-12":
            first, rest = rules.get("prefixItems", []), rules.get("items")
            if rest is False or (first and rest is not None and rest is not True):
                held["rest"] = rest
            elif rest is not None and rest is not True:
                held["items"] = rest
            return {**held, "tuple": first}
        if not isinstance(rules.get("items", []), list):
            held["items"] = rules["items"]
        if rules.get("additionalItems", True) is not True:
            held["rest"] = rules["additionalItems"]
        return {**held, "tuple": rules["items"] if isinstance(rules.get("items"), list) else []}

    def _shape(
        self, kind: Kind, rules: Mapping[str, Any], *, text: str | None = None, notes: Mapping[str, Any] | None = None
    ) -> Shape:
        return Shape(
            kind=kind, rules=rules, text=f"{kind.value} {_text(rules)}" if text is None else text, read=self.read,
            notes=notes,
        )  # fmt: skip

    def _combined(
        self, criterion: str, parts: tuple[Any, ...], *, text: str | None = None, notes: Mapping[str, Any] | None = None
    ) -> Shape:
        written = [part.text if isinstance(part, Shape) else _text(part) for part in parts]
        return Shape(
            kind=Kind.COMBINED, rules={}, text=text or f"{criterion} {written}", read=self.read, parts=parts,
            criterion=criterion, notes=notes,
        )  # fmt: skip


def _limits_of_draft4(rules: dict[str, Any]) -> dict[str, Any]:
    """Draft 4 says with a boolean that a limit is exclusive; Confluent's rules do not look at it."""
    return {word: rule for word, rule in rules.items() if not isinstance(rule, bool)}


def _text(schema: object) -> str:
    return json.dumps(schema, sort_keys=True, default=str)
