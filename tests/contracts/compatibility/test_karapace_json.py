"""Karapace's rules for JSON Schema, restated: all of them hold under its own name, and strict is set beside them."""

from __future__ import annotations

from typing import Any

from streams.contracts import compare

from .confluent_json_cases import INT, NUL, B, N, S, tup

Pair = tuple[Any, Any]
OBJECT, ARRAY = {"type": "object"}, {"type": "array"}
NOT_ANY, NOT_TRUE = {"not": {}}, {"not": True}
D = {**INT, "default": 0}


def closed(*required: str, **properties: Any) -> dict[str, Any]:
    more = {"required": list(required)} if required else {}
    return {"type": "object", "additionalProperties": False, "properties": properties, **more}


def opened(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def listed(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


EMPTY, A, AB, AB_REQUIRED = closed(), closed(a=INT), closed(a=INT, b=INT), closed("b", a=INT, b=INT)
PATTERNED = {"type": "object", "patternProperties": {"^a*": {}}}
NAMED = {"type": "object", "propertyNames": {"pattern": "a*"}}
POSITIVE = listed({**INT, "exclusiveMinimum": 0})
BY_REFERENCE = {**listed({"$ref": "#/$defs/p"}), "$defs": {"p": {**INT, "exclusiveMinimum": 0}}}
LIMITS: list[tuple[Any, str, int, int]] = [
    # type, limit, wide, narrow
    (S, "maxLength", 3, 2), (S, "minLength", 5, 7), (N, "maximum", 13, 11), (N, "minimum", 17, 19),
    (N, "exclusiveMaximum", 29, 23), (N, "exclusiveMinimum", 31, 37), (OBJECT, "maxProperties", 43, 41),
    (OBJECT, "minProperties", 47, 53), (ARRAY, "maxItems", 61, 59), (ARRAY, "minItems", 67, 71),
    (N, "multipleOf", 5, 10),
]  # fmt: skip
WIDER: list[Pair] = [(kind, {**kind, word: wide}) for kind, word, wide, _ in LIMITS] + [
    ({**kind, word: wide}, {**kind, word: narrow}) for kind, word, wide, narrow in LIMITS
]
READS: list[Pair] = [
    # reader, writer
    *WIDER, (S, {**S, "pattern": "a*"}), (INT, {**INT, "maximum": 13}), (INT, {**INT, "exclusiveMinimum": 31}),
    (OBJECT, A), (True, A), ({}, A), (opened(b=INT), A), (AB, A),
    (closed(a=D, b=N, c=D), closed(a=D, b=N)), (opened(b=N, c=D), closed(a=D, b=N, c=D)),
    (opened(b=N, c=INT), closed(a=D, b=N)), (opened(b=N, c=D), closed(a=D, b=N)),
    (OBJECT, closed(a=D)), (True, closed(a=D)), (opened(b=D), A), (closed(a=INT, b=D), A), (closed(a=D, b=INT), A),
    (closed(a=D, b=D), A), (closed(a=D, b=D), EMPTY), (True, False), ({}, True), (NOT_TRUE, NOT_ANY),
    ({"oneOf": [listed(opened(b=N, c=D))]}, {"oneOf": [listed(closed(a=D, b=N))]}),
    (N, INT), (listed(N), listed(INT)), (tup(INT), tup(INT, rest=False)), (tup(INT, rest=INT), tup(INT, rest=False)),
    ({"enum": ["A", "B", "C"]}, {"enum": ["A", "B"]}), ({"oneOf": [S, INT]}, {"oneOf": [S]}), ({"oneOf": [S, INT]}, S),
    (opened(a=INT), AB), (tup(INT), tup(INT, INT)), (tup(INT), tup(INT, INT, rest=False)), ({"oneOf": [S]}, S),
    (S, {"oneOf": [S]}), (A, EMPTY), (OBJECT, PATTERNED), (opened(a={}), PATTERNED), (PATTERNED, opened(a={})),
    (OBJECT, opened(a={})), (OBJECT, NAMED), (NAMED, opened(a={})), (NAMED, closed(b=INT)), (S, {"type": ["string"]}),
    ({"type": ["string", "integer"]}, {"type": ["string"]}), ({"type": ["string", "null"]}, S),
    (opened(a={"type": ["string", "null"]}), opened(a=S)), ({"type": ["integer", "boolean"]}, INT),
    ({"type": ["string", "null", "boolean"]}, S), (POSITIVE, BY_REFERENCE), (BY_REFERENCE, POSITIVE),
    (ARRAY, {**ARRAY, "uniqueItems": True}), ({**ARRAY, "uniqueItems": False}, {**ARRAY, "uniqueItems": True}),
    ({**ARRAY, "uniqueItems": False}, ARRAY), (ARRAY, {**ARRAY, "uniqueItems": False}), (A, closed("a", a=INT)),
    ({"enum": [1, 2, 3]}, {"enum": [1, 2]}), ({"enum": [{"x": 1}, {"y": 2}]}, {"enum": [{"x": 1}]}),
    *((held, held) for held in (B, NUL, NOT_ANY, {"not": B}, EMPTY, AB_REQUIRED, tup(INT, INT, rest=False), POSITIVE,
                                closed("b", a=INT, b=D), {"oneOf": [S, INT]})),
]  # fmt: skip
REFUSES: list[Pair] = [
    *((narrow, wide) for wide, narrow in WIDER), ({**S, "pattern": "a*"}, S),
    ({**S, "pattern": "a+"}, {**S, "pattern": "a*"}),
    ({**N, "maximum": 13}, INT), ({**N, "minimum": 17}, INT), ({**N, "multipleOf": 7}, {**N, "multipleOf": 5}),
    ({**N, "multipleOf": 5}, {**N, "multipleOf": 7}), (NOT_TRUE, A), (NOT_ANY, A), (closed(b=INT), A),
    (closed(b=N, c=INT), closed(a=D, b=N)), (closed(b=N, c=INT), closed(a=D, b=N, c=D)), (AB_REQUIRED, A),
    (A, closed("b", a=INT, b=D)), (closed(b=N, c=INT), opened(b=N, c=D)),
    ({"oneOf": [listed(closed(b=N, c=INT))]}, {"oneOf": [listed(closed(a=D, b=N))]}),
    (tup(INT), listed(INT)), (listed(INT), tup(INT)), (INT, N), (listed(INT), listed(N)),
    ({"enum": ["A", "B"]}, {"enum": ["A", "B", "C"]}), ({"enum": ["B", "C"]}, {"enum": ["A", "B", "C"]}),
    ({"oneOf": [INT]}, {"oneOf": [N]}), ({"oneOf": [S]}, {"oneOf": [S, INT]}), (INT, {"oneOf": [S, INT]}),
    (B, INT), (INT, B), (S, B), (S, INT), (listed(INT), listed(S)), (tup(INT, INT, rest=False), tup(INT)),
    (tup(INT, INT), tup(INT)), (INT, {"enum": ["A", "B"]}), ({"enum": ["A", "B"]}, INT),
    (NOT_ANY, True), (NOT_TRUE, True),
    (AB_REQUIRED, True), (A, PATTERNED), (PATTERNED, closed(b=INT)), (A, OBJECT), (closed(b=INT), OBJECT),
    (A, NAMED), ({"type": ["string", "null"]}, B), (opened(a={"type": ["string", "null"]}), opened(a=INT)),
    (opened(a={"type": ["integer", "boolean"]}), opened(a=S)), ({**ARRAY, "uniqueItems": True}, ARRAY),
    ({**ARRAY, "uniqueItems": True}, {**ARRAY, "uniqueItems": False}), (closed("a", a=INT), A),
    ({"enum": [1, 2]}, {"enum": [1, 2, 3]}), ({"enum": [{"x": 1}]}, {"enum": [{"x": 1}, {"y": 2}]}),
]  # fmt: skip

KEPT_APART: list[tuple[Any, Any, bool, str]] = [
    # reader, writer, what Karapace says, why strict says the opposite
    (False, True, True, "a schema that admits nothing reads nothing"),
    (A, False, False, "what is never written breaks nobody"),
    (AB_REQUIRED, False, False, "what is never written breaks nobody"),
    (NOT_TRUE, False, False, "what is never written breaks nobody"),
    (NOT_ANY, False, False, "what is never written breaks nobody"),
    (True, NOT_TRUE, False, "a schema that admits all reads all"),
    (True, NOT_ANY, False, "a schema that admits all reads all"),
    (True, S, False, "a schema that admits all reads all"),
    (True, listed(INT), False, "a schema that admits all reads all"),
    (opened(a={}), OBJECT, False, "a property that may be anything was anything before"),
    (opened(a={}), NAMED, False, "a property that may be anything was anything before"),
    (PATTERNED, closed(b=INT), False, "further properties are not forbidden there: what b was, it may still be"),
]


def judged(pairs: list[Pair], rules: Any = "confluent-strict") -> list[bool]:
    return [compare(writer, reader, rules=rules).backward for reader, writer in pairs]


def test_karapaces_own_examples_are_judged_as_karapace_does() -> None:
    examples = [*((*pair, True) for pair in READS), *((*pair, False) for pair in REFUSES),
                *((reader, writer, says) for reader, writer, says, _ in KEPT_APART)]  # fmt: skip

    wrong = [one for one in examples if compare(one[1], one[0], rules="karapace").backward is not one[2]]

    assert wrong == []
    assert len(examples) >= 173


NEWER = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
NEEDS = {**OBJECT, "dependencies": {"a": ["b"]}}
OBJECTS = [A, AB, AB_REQUIRED, EMPTY, opened(a=INT), opened(a={}), PATTERNED, NAMED, OBJECT, {},
           {**OBJECT, "maxProperties": 3}]  # fmt: skip
NO_OBJECTS = [B, INT, N, S, NUL, ARRAY, listed(S), tup(INT), tup(INT, rest=False), NOT_ANY, {"not": OBJECT},
              {"enum": ["A"]}, {"oneOf": [S]}, {"oneOf": [S, INT]}, {"type": ["string"]}]  # fmt: skip
BY_ITS_CHECKS: list[tuple[Any, Any, bool]] = [
    # reader, writer, what the checks come to: not in its tests
    *((True, held, True) for held in OBJECTS), *((True, held, False) for held in NO_OBJECTS),
    *((held, held, True) for held in (*OBJECTS, *NO_OBJECTS, NEEDS, PATTERNED)),
    ({**S, "enum": ["a"]}, {**S, "enum": ["b"]}, True), ({"const": 1}, {"const": 2}, True), ({"const": 1}, INT, False),
    ({"anyOf": [S, INT]}, {"oneOf": [S]}, True), ({"oneOf": [S, INT]}, {"anyOf": [S]}, False),
    ({"anyOf": [S, INT]}, {"allOf": [S]}, True), ({"allOf": [S]}, {"allOf": [S, {**S, "maxLength": 3}]}, True),
    ({"allOf": [S, {**S, "maxLength": 3}]}, {"allOf": [S]}, False), ({"anyOf": [S]}, {"anyOf": [S, INT]}, False),
    ({"allOf": [S, {}]}, S, False), (S, {"allOf": [S, {}]}, False), ({"anyOf": [N, S]}, {"anyOf": [INT, S]}, True),
    ({"anyOf": [INT, S]}, {"anyOf": [INT, N]}, False), ({"not": INT}, {"not": N}, False),
    ({"not": N}, {"not": INT}, True),
    ({"type": ["string", "null"], "maxLength": 3}, {**S, "maxLength": 3}, True),
    ({"type": ["string", "null"], "maxLength": 2}, {**S, "maxLength": 3}, False),
    (ARRAY, listed(INT), False), (listed(INT), ARRAY, False), (tup(INT, rest=False), tup(INT, INT), False),
    (tup(INT, rest=INT), tup(INT, INT), False), (tup(INT, rest=INT), tup(INT, OBJECT), True),
    (tup(INT, INT, rest=False), tup(INT, rest=False), False), (tup(N, rest=INT), tup(INT, rest=S), True),
    ({**tup(INT), "maxItems": 3}, tup(INT), False), (NEEDS, OBJECT, True), (OBJECT, NEEDS, False),
    ({**OBJECT, "dependencies": {"a": ["b", "c"]}}, NEEDS, True),
    (NEEDS, {**OBJECT, "dependencies": {"a": ["c"]}}, False),
    ({**OBJECT, "additionalProperties": True}, OBJECT, False), (OBJECT, {**OBJECT, "additionalProperties": S}, True),
    ({**OBJECT, "additionalProperties": N}, {**OBJECT, "additionalProperties": INT}, True),
    ({**OBJECT, "additionalProperties": INT}, {**OBJECT, "additionalProperties": S}, False),
    ({**OBJECT, "additionalProperties": S}, {**opened(a=S), "additionalProperties": S}, True),
    ({**OBJECT, "additionalProperties": S}, {**opened(a=INT), "additionalProperties": S}, False),
    ({**opened(a=S), "additionalProperties": S}, {**OBJECT, "additionalProperties": S}, True),
    ({**opened(a=INT), "additionalProperties": S}, {**OBJECT, "additionalProperties": S}, False),
    (closed("b", a=INT, b=D), A, False), (closed("a", a=D), closed(a=D), False),
    (opened(a={"$ref": "#/definitions/x", "maxLength": 1}) | {"definitions": {"x": S}}, opened(a=S), True),
    *(({**NEWER, **OBJECT, word: held}, {**NEWER, **OBJECT}, False) for word, held in [
        ("unevaluatedProperties", False), ("unevaluatedItems", False), ("$dynamicAnchor", "x"),
        ("properties", {"a": {"unevaluatedItems": {}}}),
    ]),
    *((held, held, True) for held in (
        {**NEWER, **opened(unevaluatedItems=S)}, {**NEWER, "enum": ["$dynamicRef"]},
        {**NEWER, **OBJECT, "$defs": {"unevaluatedProperties": S}}, {**NEWER, "const": {"$vocabulary": {}}},
    )),
    ({**NEWER, "type": "array", "prefixItems": [INT, S]}, {**NEWER, "type": "array", "prefixItems": [INT]}, False),
    ({**NEWER, **OBJECT, "dependentRequired": {"a": ["b"]}}, NEEDS, True),
]  # fmt: skip


def test_what_its_examples_do_not_show_follows_from_its_checks() -> None:
    wrong = [one for one in BY_ITS_CHECKS if compare(one[1], one[0], rules="karapace").backward is not one[2]]

    assert wrong == []


def test_a_recursive_schema_is_compared_by_karapaces_rules_too() -> None:
    def tree(value: Any) -> dict[str, Any]:
        return {**closed(value=value, below=listed({"$ref": "#"})), "title": "tree"}

    assert compare(tree(INT), tree(N), rules="karapace").backward
    found = compare(tree(N), tree(INT), rules="karapace")
    assert [(one.code, one.path) for one in found.differences if "backward" in one.breaks] == [
        ("RECURSIVE_TYPE_CHANGED", "#/properties/below/items"), ("TYPE_NARROWED", "#/properties/value")
    ]  # fmt: skip
    assert compare({"$ref": "#"}, {"$ref": "#"}, rules="karapace").full


def test_strict_agrees_with_karapace_but_for_what_is_listed() -> None:
    apart = [(reader, writer, says) for reader, writer, says, _ in KEPT_APART]
    wrong = [
        pair
        for pairs, says in ((READS, True), (REFUSES, False))
        for pair, reads in zip(pairs, judged(pairs), strict=True)
        if reads is not says and (*pair, says) not in apart
    ]

    assert wrong == []
    assert len(READS) + len(REFUSES) > 140


def test_each_disagreement_is_one() -> None:
    for reader, writer, says, why in KEPT_APART:
        assert compare(writer, reader, rules="confluent-strict").backward is not says, why


def test_drafts_are_one_language() -> None:
    old, new = ({"$schema": f"http{uri}"} for uri in ("://json-schema.org/draft-07/schema#",
                                                      "s://json-schema.org/draft/2020-12/schema"))  # fmt: skip
    pairs = [
        ({**old, "definitions": {"a": S}, "$ref": "#/definitions/a"}, {**new, "$defs": {"a": S}, "$ref": "#/$defs/a"}),
        ({**old, **tup(INT)}, {**new, "type": "array", "prefixItems": [INT]}),
        ({**old, **tup(INT, rest=False)}, {**new, "type": "array", "prefixItems": [INT], "items": False}),
        ({**old, **OBJECT, "dependencies": {"a": ["b"]}}, {**new, **OBJECT, "dependentRequired": {"a": ["b"]}}),
        ({**old, **opened(a=S)}, {**new, **opened(a=S)}),
    ]

    for rules in ("confluent-strict", "proof", "karapace"):
        assert [compare(*pair, rules=rules).full for pair in pairs] == [True] * len(pairs)  # type: ignore[arg-type]
