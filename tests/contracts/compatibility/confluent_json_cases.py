"""What Confluent's registry says of changed JSON Schemas, restated from its published tables of examples.

Each case: old, new, whether strict takes it, whether lenient does (``None``: like strict), codes expected in order of
no importance (``None``: not told). The same changes in the words of 2020-12 are made from these by ``in_2020_12``.
"""

from __future__ import annotations

from typing import Any

S, N, INT, B, NUL = ({"type": name} for name in ("string", "number", "integer", "boolean", "null"))
MAYBE = {"oneOf": [NUL, S]}
Case = tuple[Any, Any, bool, bool | None, str | None]


def obj(rest: Any = None, **properties: Any) -> dict[str, Any]:
    """An object; ``rest``: its additionalProperties."""
    return {"properties": properties, **({} if rest is None else {"additionalProperties": rest})}


def tup(*items: Any, rest: Any = None) -> dict[str, Any]:
    """An array by position; ``rest``: its additionalItems."""
    return {"type": "array", "items": list(items), **({} if rest is None else {"additionalItems": rest})}


def held(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"p": schema}}


def several(word: str, *schemas: Any) -> dict[str, Any]:
    return held({word: list(schemas)})


ONE = {"enum": ["one", "two", "three"]}
BY_NAME = {"^S_": S, "^I_": INT}
SIMPLE: list[Case] = [
    (obj(), {}, True, None, ""),
    ({"id": "a"}, {"id": "b"}, True, None, "ID_CHANGED"),
    ({"title": "a"}, {"title": "b"}, True, None, "TITLE_CHANGED"),
    ({"description": "a"}, {"description": "b"}, True, None, "DESCRIPTION_CHANGED"),
    ({"type": "object"}, {"type": "array"}, False, None, "TYPE_CHANGED"),
    ({**S, "minLength": 4}, {**S, "minLength": 5}, False, None, "MIN_LENGTH_INCREASED"),
    ({**S, "minLength": 5}, {**S, "minLength": 4}, True, None, "MIN_LENGTH_DECREASED"),
    ({**S, "maxLength": 4}, {**S, "maxLength": 6}, True, None, "MAX_LENGTH_INCREASED"),
    ({**S, "maxLength": 6}, {**S, "maxLength": 4}, False, None, "MAX_LENGTH_DECREASED"),
    ({**S, "pattern": "x"}, S, True, None, "PATTERN_REMOVED"),
    ({**S, "pattern": "x"}, {**S, "pattern": "y"}, False, None, "PATTERN_CHANGED"),
    ({**S, "pattern": "x"}, {**S, "pattern": "x"}, True, None, ""),
    ({**N, "multipleOf": 0.5}, {**N, "multipleOf": 10}, False, None, "MULTIPLE_OF_EXPANDED"),
    ({**N, "multipleOf": 0.5}, {**N, "multipleOf": 0.50}, True, None, ""),
    ({**N, "maximum": 4}, N, True, None, "MAXIMUM_REMOVED"),
    ({**N, "maximum": 4}, {**N, "maximum": 5}, True, None, "MAXIMUM_INCREASED"),
    ({**N, "maximum": 5}, {**N, "maximum": 4}, False, None, "MAXIMUM_DECREASED"),
    ({**N, "minimum": 4}, N, True, None, "MINIMUM_REMOVED"),
    ({**N, "minimum": 4}, {**N, "minimum": 5}, False, None, "MINIMUM_INCREASED"),
    ({**N, "minimum": 5}, {**N, "minimum": 4}, True, None, "MINIMUM_DECREASED"),
    ({**N, "multipleOf": 10}, N, True, None, "MULTIPLE_OF_REMOVED"),
    ({**N, "multipleOf": 10}, {**N, "multipleOf": 2}, True, None, "MULTIPLE_OF_REDUCED"),
    ({**N, "multipleOf": 10}, {**N, "multipleOf": 11}, False, None, "MULTIPLE_OF_CHANGED"),
    ({**N, "multipleOf": 0.5}, {**N, "multipleOf": 10}, False, None, "MULTIPLE_OF_EXPANDED"),
    ({**N, "multipleOf": 0.5}, {**N, "multipleOf": 0.50}, True, None, ""),
    (N, INT, False, None, "TYPE_NARROWED"),
    (INT, N, True, None, "TYPE_EXTENDED"),
    ({"not": N}, {"not": INT}, True, None, "NOT_TYPE_NARROWED"),
    ({"not": INT}, {"not": N}, False, None, "NOT_TYPE_EXTENDED"),
    ({**S, "enum": ["a"]}, S, True, None, "PRODUCT_TYPE_NARROWED"),
    ({"allOf": [S, {"enum": ["a"]}]}, {"allOf": [S, {"enum": ["b"]}]}, False, None, "COMBINED_TYPE_SUBSCHEMAS_CHANGED"),
    ({"allOf": [S, {"enum": ["a"]}]}, {"allOf": [{"enum": ["a", "b"]}, S]}, True, None, "ENUM_ARRAY_EXTENDED"),
    ({"type": ["object"]}, {"type": ["object", "array"]}, True, None, "SUM_TYPE_EXTENDED"),
    ({"oneOf": [S]}, {"oneOf": [N]}, False, None, "COMBINED_TYPE_SUBSCHEMAS_CHANGED"),
    ({"oneOf": [S]}, {"oneOf": [N, S]}, True, None, "SUM_TYPE_EXTENDED"),
    (obj(a=S), obj(b=S), False, True, None),
    (obj(a=S), obj(a=N), False, None, "TYPE_CHANGED"),
    (obj(False, a=S), obj(False, a=S, b=N), True, None, "OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL"),
    ({**obj(False, a=S), "patternProperties": BY_NAME}, {**obj(False, a=S, I_1=N), "patternProperties": BY_NAME}, True,
     None, None),
    (obj(S, a=S), obj(S, a=S, b=S), True, None, None),
    (obj(S, a=S), obj(S, a=S, b=N), False, True, None),
    (obj(S, a=S), {**obj(S, a=S, b=S), "required": ["b"]}, False, None, None),
    (obj(False, a=S, I_1=INT), {**obj(False, a=S), "patternProperties": {"^S_": S, "^I_": N}}, True, None, None),
    (obj(False, a=S, b=S), obj(S, a=S), True, None, None),
    (obj(False, a=S, b=N), obj(S, a=S), False, True, None),
    (obj(False, a=S, b=MAYBE), obj(MAYBE, a=S), True, None, None),
    (obj(False, a=S, b=S), obj(MAYBE, a=S), True, None, None),
    (obj(a=S), obj(a=S, b=N), False, True, None),
    ({"oneOf": [obj(a=S)]}, {"oneOf": [obj(a=N)]}, False, None, "COMBINED_TYPE_SUBSCHEMAS_CHANGED"),
    ({"oneOf": [S]}, {"allOf": [S]}, True, None, "COMBINED_TYPE_EXTENDED"),
    ({"oneOf": [S, INT]}, {"allOf": [S]}, False, None, "COMBINED_TYPE_CHANGED"),
    ({**obj(a=N, b=S), "dependencies": {"a": ["b"]}}, {**obj(a=N, b=S), "dependencies": {"b": ["a"]}}, False, None,
     None),
    ({"dependencies": {"a": S, "b": S}}, {"dependencies": {"a": S}}, True, None, "DEPENDENCY_SCHEMA_REMOVED"),
    ({"dependencies": {"a": S}}, {"dependencies": {}}, True, None, "DEPENDENCY_SCHEMA_REMOVED"),
    ({"dependencies": {"a": S}}, {"dependencies": {"a": N}}, False, None, "TYPE_CHANGED"),
    ({"dependencies": {"a": S}}, {"dependencies": {"b": S}}, False, None, None),
    ({**obj(a=S), "required": ["a"]}, obj(a=S), True, None, "REQUIRED_ATTRIBUTE_REMOVED"),
    (obj(a=S), {**obj(a=S), "required": ["a"]}, False, None, "REQUIRED_ATTRIBUTE_ADDED"),
    (obj(a=S), {**obj(a={**S, "default": ""}), "required": ["a"]}, True, None, None),
    ({**obj(a=S), "required": ["a"]}, {**obj(a=S), "required": ["b"]}, True, None, "REQUIRED_ATTRIBUTE_REMOVED"),
    ({**obj(), "maxProperties": 1}, obj(), True, None, "MAX_PROPERTIES_REMOVED"),
    ({"maxProperties": 1}, {"maxProperties": 2}, True, None, "MAX_PROPERTIES_INCREASED"),
    ({"maxProperties": 2}, {"maxProperties": 1}, False, None, "MAX_PROPERTIES_DECREASED"),
    ({**obj(), "minProperties": 2}, obj(), True, None, "MIN_PROPERTIES_REMOVED"),
    ({"minProperties": 1}, {"minProperties": 2}, False, None, "MIN_PROPERTIES_INCREASED"),
    ({"minProperties": 2}, {"minProperties": 1}, True, None, "MIN_PROPERTIES_DECREASED"),
    ({"type": "array"}, {"type": "array", "items": S}, False, None, "SCHEMA_ADDED"),
    ({"type": "array", "items": S}, {"type": "array"}, True, None, "SCHEMA_REMOVED"),
    (tup(S, N), {"type": "array"}, True, None, "ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL"),
    (tup(S, N, rest=S), tup(S, N, S, rest=S), True, None, "ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"),
    (tup(S, N, rest=S), tup(S, N, N, rest=S), False, None, None),
    (tup(S, N, S, rest=S), tup(S, N, rest=S), True, None, "ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"),
    (tup(S, N, MAYBE, rest=MAYBE), tup(S, N, rest=MAYBE), True, None, None),
    (tup(S, N, N, rest=S), tup(S, N, rest=S), False, None, None),
    (tup(S), tup(N), False, None, "TYPE_CHANGED"),
    ({"type": "array", "maxItems": 2}, {"type": "array", "maxItems": 1}, False, None, "MAX_ITEMS_DECREASED"),
    ({"type": "array", "minItems": 1}, {"type": "array"}, True, None, "MIN_ITEMS_REMOVED"),
    ({"type": "array", "minItems": 1}, {"type": "array", "minItems": 2}, False, None, "MIN_ITEMS_INCREASED"),
    ({"type": "array", "minItems": 2}, {"type": "array", "minItems": 1}, True, None, "MIN_ITEMS_DECREASED"),
    ({"type": "array", "uniqueItems": True}, {"type": "array"}, True, None, "UNIQUE_ITEMS_REMOVED"),
    ({"type": "array", "items": {"$ref": "#/definitions/r"}, "definitions": {"r": S}},
     {"type": "array", "items": {"$ref": "#/definitions/r"}, "definitions": {"r": N}}, False, None, "TYPE_CHANGED"),
    (S, {"$ref": "#/definitions/r", "definitions": {"r": S}}, True, None, ""),
    ({"$ref": "#/definitions/r", "definitions": {"r": S}}, S, True, None, ""),
    (obj(False), obj(), True, None, "ADDITIONAL_PROPERTIES_ADDED"),
    ({"additionalProperties": True}, {"additionalProperties": False}, False, True, "ADDITIONAL_PROPERTIES_REMOVED"),
    ({"additionalProperties": True}, {"additionalProperties": N}, False, True, "ADDITIONAL_PROPERTIES_NARROWED"),
    ({"additionalProperties": True}, obj(True, a=True), True, None, None),
    (obj(True, a=True), {"additionalProperties": True}, True, None, "PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL"),
    ({"additionalProperties": False}, obj(False, a=False), True, None, None),
    (obj(False, a=False), {"additionalProperties": False}, True, None, None),
    ({"additionalProperties": S}, {"additionalProperties": N}, False, None, "TYPE_CHANGED"),
    ({"additionalItems": True}, {"additionalItems": False}, False, None, "ADDITIONAL_ITEMS_REMOVED"),
    ({"additionalItems": S}, {"additionalItems": N}, False, None, "TYPE_CHANGED"),
    (tup(N, rest=True), tup(N, True, rest=True), True, None, "ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL"),
    (tup(N, True, rest=True), tup(N, rest=True), True, None, "ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL"),
    (tup(N, rest=False), tup(N, False, rest=False), True, None, "ITEM_ADDED_TO_CLOSED_CONTENT_MODEL"),
    (tup(N, False, rest=False), tup(N, rest=False), True, None, "ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL"),
    (tup(S, N, rest=False), tup(S, N, B, rest=True), True, None, None),
    (tup(S, N, B, rest=False), tup(S, N, rest=True), True, None, None),
    (tup(S, N, rest=True), tup(S, rest=True), True, None, "ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL"),
    (tup(S, rest=False), tup(S, N, rest=False), True, None, "ITEM_ADDED_TO_CLOSED_CONTENT_MODEL"),
    (tup(S, N, rest=False), tup(S, rest=N), True, None, None),
    (tup(S, rest=N), tup(S, N, rest=True), True, None, None),
    (S, {"oneOf": [N, S]}, True, None, "SUM_TYPE_EXTENDED"),
    (NUL, {"oneOf": [N, NUL]}, True, None, "SUM_TYPE_EXTENDED"),
    ({"oneOf": [N]}, {"oneOf": [S, N]}, True, None, "SUM_TYPE_EXTENDED"),
    ({**S, "maxLength": 3}, {"oneOf": [N, S]}, True, None, "MAX_LENGTH_REMOVED SUM_TYPE_EXTENDED"),
    ({}, obj(), False, None, "TYPE_CHANGED"),
    ({**S, "connect.type": "bytes"}, {**N, "connect.type": "bytes"}, True, None, ""),
]  # fmt: skip

COMBINED: list[Case] = [
    (several("allOf", ONE, S, {"maxLength": 5}), several("allOf", {"maxLength": 5}, ONE, S), True, None, ""),
    (several("allOf", ONE, S, {"maxLength": 5}), several("allOf", {"maxLength": 5}, ONE, N), False, None,
     "COMBINED_TYPE_SUBSCHEMAS_CHANGED"),
    (several("allOf", S, S), several("allOf", S), True, None, ""),
    (several("allOf", S), several("allOf", S, S), True, None, ""),
    (several("oneOf", S), several("oneOf", N, S), True, None, "SUM_TYPE_EXTENDED"),
    (several("oneOf", S), several("oneOf", B, N, S), True, None, "SUM_TYPE_EXTENDED"),
    (several("oneOf", {**S, "maxLength": 5}), several("oneOf", B, N, {**S, "title": "t", "maxLength": 8}), True, None,
     "SUM_TYPE_EXTENDED TITLE_CHANGED MAX_LENGTH_INCREASED"),
    (several("oneOf", N, S), several("oneOf", S), False, None, "SUM_TYPE_NARROWED"),
    (several("allOf", ONE, S), several("allOf", S), True, None, "PRODUCT_TYPE_NARROWED"),
    (several("allOf", S), several("allOf", ONE, S), False, None, "PRODUCT_TYPE_EXTENDED"),
    (several("oneOf", S), several("anyOf", S), True, None, "COMBINED_TYPE_EXTENDED"),
    (several("oneOf", S), several("anyOf", N, S), True, None, "COMBINED_TYPE_EXTENDED SUM_TYPE_EXTENDED"),
    (several("allOf", S), several("anyOf", S), True, None, "COMBINED_TYPE_EXTENDED"),
    (several("oneOf", N, S), several("anyOf", S), False, None, "COMBINED_TYPE_EXTENDED SUM_TYPE_NARROWED"),
    (several("allOf", S), several("anyOf", N, S), True, None, "COMBINED_TYPE_EXTENDED SUM_TYPE_EXTENDED"),
    (several("allOf", N, S), several("anyOf", S), True, None, "COMBINED_TYPE_EXTENDED PRODUCT_TYPE_NARROWED"),
    (several("anyOf", S), several("oneOf", N, S), True, None, "COMBINED_TYPE_EXTENDED SUM_TYPE_EXTENDED"),
    (several("anyOf", N, S), several("oneOf", S), False, None, "COMBINED_TYPE_CHANGED"),
    (several("allOf", N), several("oneOf", N, S), True, None, "COMBINED_TYPE_EXTENDED SUM_TYPE_EXTENDED"),
    (several("allOf", N, S), several("oneOf", S), True, None, "COMBINED_TYPE_EXTENDED PRODUCT_TYPE_NARROWED"),
    (several("anyOf", S), several("allOf", S), True, None, "COMBINED_TYPE_EXTENDED"),
    (several("oneOf", S), several("allOf", S), True, None, "COMBINED_TYPE_EXTENDED"),
    (several("anyOf", S), several("allOf", N, S), False, None, "COMBINED_TYPE_CHANGED"),
    (several("oneOf", S), several("allOf", N, S), False, None, "COMBINED_TYPE_CHANGED"),
    (held(S), several("anyOf", N, S), True, None, "SUM_TYPE_EXTENDED"),
    (held(S), several("oneOf", N, S), True, None, "SUM_TYPE_EXTENDED"),
    (held(S), several("allOf", S), True, None, ""),
    (held(S), several("allOf", N, S), False, None, "TYPE_CHANGED"),
]


def content_models() -> list[Case]:
    """All 24: strict or lenient, open or closed, added or removed, required, required with default, optional."""
    cases: list[Case] = []
    for need, after in (("optional", N), ("default", {**N, "default": 0}), ("required", N)):
        required = {} if need == "optional" else {"required": ["b"]}
        for rest in (None, False):
            few, more = obj(rest, a=S), {**obj(rest, a=S, b=after), **required}
            is_closed, has_way_out = rest is False, need != "required"
            cases.append((few, more, is_closed and has_way_out, has_way_out, None))
            cases.append((more, few, not is_closed, True, None))
    return cases


NEWER = {"definitions": "$defs", "id": "$id"}


def in_2020_12(schema: Any) -> Any:
    """``schema`` in the words of 2020-12: positions are prefixItems, what follows them is items."""
    if isinstance(schema, list):
        return [in_2020_12(part) for part in schema]
    if not isinstance(schema, dict):
        return schema.replace("#/definitions/", "#/$defs/") if isinstance(schema, str) else schema
    new = {NEWER.get(word, word): in_2020_12(part) for word, part in schema.items()}
    if isinstance(schema.get("items"), list) or "additionalItems" in schema:
        first = new.pop("items", None)
        if isinstance(first, list) and first:
            new["prefixItems"] = first
        if "additionalItems" in new:
            new["items"] = new.pop("additionalItems")
    if "dependencies" in new:
        held_ = new.pop("dependencies")
        for word, kind in (("dependentRequired", list), ("dependentSchemas", dict)):
            if chosen := {name: part for name, part in held_.items() if isinstance(part, kind)}:
                new[word] = chosen
    return new
