"""Hostile: huge schemas get an answer, junk is told with its place, under every set of rules."""

from __future__ import annotations

import re
from typing import Any

import pytest

from streams.contracts import compare
from streams.contracts.compatibility import RULES, SchemaTextError
from streams.contracts.compatibility.compare import Rules


def circling(branches: int, properties: int, **more: Any) -> dict[str, Any]:
    """Kinds that refer to one another, each through every property: comparing all with all has no end by itself."""
    either = {"oneOf": [{"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
                        {"$ref": "#/$defs/any"}]}  # fmt: skip
    held: dict[str, Any] = {"either": either, "base": {"type": "object", "properties": {"name": {"type": "string"}}}}
    for place in range(branches):
        links = {f"link{number}": {"$ref": "#/$defs/either"} for number in range(properties)}
        named = {"tag": {"const": f"kind{place}"}, **links, **more}
        held[f"kind{place}"] = {"$ref": "#/$defs/base", "properties": named, "required": ["link0", "tag"]}
    held["any"] = {"oneOf": [{"$ref": f"#/$defs/kind{place}"} for place in range(branches)]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#/$defs/any", "$defs": held}


def listing(*values: int) -> dict[str, Any]:
    return {"type": "object", "properties": {"v": {"enum": list(range(*values))}}, "required": ["v"]}


def columns(count: int, **more: Any) -> dict[str, Any]:
    held = {f"c{place}": {"type": "string", "maxLength": place + 1} for place in range(count)}
    return {"type": "object", "properties": {**held, **more}, "required": sorted(held)}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize(
    ("old", "new", "by_proof"),
    [
        (circling(12, 5), circling(12, 5), (True, True)),
        (circling(12, 5), circling(12, 5, more={"type": "integer"}), None),
        (listing(20_000), listing(20_001), (True, False)),
        (listing(1, 20_000), listing(20_000), (True, False)),
        (columns(400), columns(400, more={"type": "integer"}), (True, True)),
        ({"$ref": "#"}, {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, None),
        ({"type": "string", "pattern": "^(a+)+$"}, {"type": "string", "pattern": "^(a+)+b$"}, (False, False)),
        ({"type": "string", "pattern": "^a{1,5000}$"}, {"type": "string", "maxLength": 4000}, None),
        ({"type": "integer", "maximum": 10**400}, {"type": "integer", "maximum": 10**399}, None),
        ({"type": "array", "minItems": 10**9}, {"type": "array", "minItems": 10**9 + 1}, None),
    ],
)
def test_huge_and_hostile_schemas_get_an_answer(old: Any, new: Any, by_proof: Any, rules: Rules) -> None:
    found = compare(old, new, rules=rules)

    if rules == "proof" and by_proof is not None:
        assert (found.backward, found.forward) == by_proof


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize(
    ("junk", "told"),
    [
        (nested(5000), "nested too deep"), ("[" * 100_000, "nested too deep"), (b"\xff\xfe\x00", "JSON"), ("", "JSON"),
        ('{"properties": {"a": {"type": "strnig"}}}', "properties.a"), ('{"properties": {"a": 7}}', "properties.a"),
        ('{"allOf": []}', "allOf"), ('{"required": "a"}', "required"), ('{"$ref": "#/$defs/none"}', "leads nowhere"),
        ('{"$ref": "https://example.org/none"}', "leads nowhere"),
        ('{"$schema": "https://example.org/none"}', "$schema"),
        ('{"pattern": "("}', "pattern"), ("null", "object"), ("7", "object"),
    ],
)  # fmt: skip
def test_junk_is_told_with_its_place(junk: Any, told: str, rules: Rules) -> None:
    for pair in ((junk, {"type": "string"}), ({"type": "string"}, junk)):
        with pytest.raises(SchemaTextError, match=re.escape(told)):
            compare(*pair, rules=rules)
