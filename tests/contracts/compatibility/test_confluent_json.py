"""Confluent's rules for JSON Schema: the same answers as its registry gives, on its published examples and beyond."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts import compare
from streams.contracts.compatibility import SchemaTextError

from .confluent_json_cases import COMBINED, INT, SIMPLE, B, Case, N, S, content_models, in_2020_12, obj

DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}
NEWEST = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
CASES = [*SIMPLE, *COMBINED, *content_models()]


def judged(old: Any, new: Any, rules: str) -> bool:
    return compare(old, new, rules=rules).backward  # type: ignore[arg-type]


def disagreements(cases: list[Case]) -> list[Any]:
    """Cases where strict, lenient or the codes are not as published."""
    wrong: list[Any] = []
    for old, new, strict, lenient, codes in cases:
        found = (judged(old, new, "confluent-strict"), judged(old, new, "confluent-lenient"))
        expected = (strict, strict if lenient is None else lenient)
        wanted = set() if codes is None else set(codes.split())
        told = {one.code for one in compare(old, new, rules="confluent-strict").differences
                if one.breaks != ("forward",) or one.code in wanted}  # fmt: skip
        if found != expected or (codes is not None and told != wanted):
            wrong.append((old, new, found, told))
    return wrong


def test_all_published_examples_are_judged_as_published() -> None:
    assert disagreements(CASES) == []


def test_the_same_changes_in_the_words_of_2020_12_are_judged_alike() -> None:
    cases = [
        ({**NEWEST, **in_2020_12(old)}, {**NEWEST, **in_2020_12(new)}, strict, lenient, None)
        for old, new, strict, lenient, _ in CASES
    ]

    assert disagreements(cases) == []


def test_forward_is_backward_the_other_way_round() -> None:
    for old, new, *_ in CASES:
        there, back = compare(old, new, rules="confluent-strict"), compare(new, old, rules="confluent-strict")
        assert (there.forward, there.backward, there.full) == (back.backward, back.forward, back.full)


BEYOND: list[tuple[Any, Any, bool]] = [
    ({"const": 1}, {"const": 1.0}, True),
    ({"const": 1}, {"const": 2}, False),
    ({"enum": [1, True]}, {"enum": [True, 1.0]}, True),
    ({"enum": [{"a": [1]}]}, {"enum": [{"a": [1]}, None]}, True),
    ({"enum": ["a", "b"]}, {"enum": ["b", "c"]}, False),
    ({"type": ["string", "null"]}, {"type": ["null", "string", "integer"]}, True),
    ({"type": ["string", "null"]}, {"type": "string"}, False),
    (S, {"type": ["null", "string"]}, True),
    ({"type": "string", "minimum": 3}, {"type": "string", "minimum": 4}, False),
    (False, {"type": "string"}, True),
    ({"type": "string"}, False, False),
    ({"type": "string"}, True, True),
    ({**S, "format": "date"}, {**S, "format": "date-time"}, True),
    (obj(a={"$ref": "#/definitions/x"}) | {"definitions": {"x": {"$ref": "#/definitions/y"}, "y": S}}, obj(a=S), True),
    ({"anyOf": [S, N, B]}, {"anyOf": [B, S, INT]}, False),
    ({"anyOf": [S, INT, B]}, {"anyOf": [B, S, N]}, True),
    ({"anyOf": [INT, N]}, {"anyOf": [N, INT]}, True),
]


@pytest.mark.parametrize(("old", "new", "strict"), BEYOND)
def test_changes_nobody_published_follow_the_same_rules(old: Any, new: Any, strict: bool) -> None:
    assert judged(old, new, "confluent-strict") is strict


def tree(value: Any) -> dict[str, Any]:
    """A recursive schema: a node with a value and nodes below it."""
    node = obj(False, value=value, below={"type": "array", "items": {"$ref": "#/definitions/node"}})
    return {"$ref": "#/definitions/node", "definitions": {"node": node}}


def test_recursive_schemas_end_and_changes_inside_are_seen() -> None:
    assert judged(tree(INT), tree(N), "confluent-strict")
    assert not judged(tree(N), tree(INT), "confluent-strict")


def union(names: list[str], **types: Any) -> dict[str, Any]:
    """Every name is an object that may hold any of them, twice: comparing each with each has no end without memory."""
    any_of_them = {"oneOf": [{"$ref": f"#/definitions/{name}"} for name in names]}
    held = {name: obj(id=types.get(name, S), left=any_of_them, right=any_of_them) for name in names}
    return {"definitions": held, "properties": {"root": any_of_them}}


def test_large_recursive_unions_are_compared_in_time() -> None:
    names = [f"kind{place}" for place in range(12)]

    assert judged(union(names), union(names), "confluent-strict")
    assert not judged(union(names), union(names, kind3=N), "confluent-strict")


def crossed(first: Any, second: Any) -> dict[str, Any]:
    def node(kind: Any, target: str) -> Any:
        return obj(True, id=kind, ref={"oneOf": [{"$ref": f"#/definitions/{target}"}]})

    held = {"A": node(first, "C"), "B": node(second, "C"), "C": node(INT, "A")}
    root = {"oneOf": [{"$ref": "#/definitions/A"}, {"$ref": "#/definitions/B"}]}
    return {"type": "object", "definitions": held, "properties": {"root": root}}


def test_a_belief_about_a_circle_does_not_hide_a_break_elsewhere() -> None:
    assert not judged(crossed(INT, B), crossed(B, N), "confluent-strict")


def test_lenient_is_lenient_inside_combined_schemas() -> None:
    old, new = ({"allOf": [{"$ref": "#/definitions/x"}, {"title": "t"}], "definitions": {"x": held}}
                for held in (obj(a=S), obj(a=S, b=S)))  # fmt: skip

    assert not judged(old, new, "confluent-strict")
    assert judged(old, new, "confluent-lenient")


def test_a_difference_says_what_broke_where_and_what_to_do() -> None:
    old, new = (obj(**{"a/b": {**S, "maxLength": length}}) for length in (5, 4))
    found = compare(old, new, rules="confluent-strict")

    (difference,) = found.differences
    assert (difference.code, difference.path) == ("MAX_LENGTH_DECREASED", "#/properties/a~1b/maxLength")
    assert difference.breaks == ("backward",)
    assert difference.message == "max length was decreased"
    assert difference.hint


def test_the_bump_follows_from_the_change() -> None:
    def bump(old: Any, new: Any) -> str:
        return compare(old, new, rules="confluent-strict").bump

    row = {"type": "object", **obj(False, a=S), "required": ["a"]}
    assert bump(row, row) == "none"
    assert bump(row, {**row, **obj(False, a=S, b=N)}) == "addition"
    assert bump(row, {**row, **obj(False, a={**S, "maxLength": 5})}) == "revision"
    assert bump(row, {**row, **obj(False, a=N)}) == "model"


def test_the_version_that_a_schema_says_of_itself_is_no_change() -> None:
    def named(version: str) -> dict[str, Any]:
        return {**DRAFT_7, "self": {"vendor": "v", "name": "n", "format": "jsonschema", "version": version}, **S}

    assert compare(named("1-0-0"), named("1-0-1"), rules="confluent-strict").bump == "none"


@pytest.mark.parametrize("broken", ["{", '{"type": "strange"}', '{"$ref": "#/definitions/none"}', "[]"])
def test_what_is_no_schema_is_told(broken: str) -> None:
    with pytest.raises(SchemaTextError):
        compare(broken, {}, rules="confluent-strict")
