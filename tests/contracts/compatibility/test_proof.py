"""Proof: what is called compatible never breaks a reader, what is called breaking is shown by a document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streams.contracts import compare, compile_validator
from streams.contracts.compatibility.json_schema.generate import documents
from streams.contracts.compatibility.json_schema.views import ProducerView

FORMATS = Draft202012Validator.FORMAT_CHECKER
STRING, NUMBER, INTEGER, NULL = ({"type": name} for name in ("string", "number", "integer", "null"))


def row(*required: str, rest: Any = None, **columns: Any) -> dict[str, Any]:
    closed = {} if rest is None else {"additionalProperties": rest}
    return {"type": "object", "properties": columns, "required": list(required), **closed}


def tree(value: Any) -> dict[str, Any]:
    node = row(value=value, below={"type": "array", "items": {"$ref": "#/$defs/node"}})
    return {"$ref": "#/$defs/node", "$defs": {"node": node}}


CLOSED = row("a", rest=False, a=STRING)
TABLE = [
    # old, new, backward, forward, bump
    (row(a=STRING), row(a=STRING), True, True, "none"),
    (row(a=STRING), row(a=STRING, b=INTEGER), True, True, "addition"),
    (row(a=STRING, b=INTEGER), row(a=STRING), True, True, "addition"),
    (row(a=STRING), row("b", a=STRING, b=INTEGER), False, True, "model"),
    (row("a", a=STRING), row("a", a={**STRING, "maxLength": 3}), False, True, "revision"),
    (row("a", a=STRING), row("a", a={"type": ["string", "null"]}), True, False, "addition"),
    (row("a", a=STRING), row(a=STRING), True, False, "addition"),
    (row("a", a=STRING), row("a", a={**STRING, "pattern": "^x"}), False, True, "revision"),
    (row("a", a=STRING), row("a", a=INTEGER), False, False, "model"),
    (row(a=STRING), row(a=INTEGER), False, False, "revision"),
    (row(a=INTEGER), row(a=NUMBER), True, False, "addition"),
    (row(a=STRING), row(a={**STRING, "format": "date"}), False, True, "revision"),
    (row(a=STRING, rest=True), row(a=STRING, b=INTEGER), False, True, "revision"),
    (CLOSED, row("a", rest=False, a=STRING, b=STRING), True, False, "addition"),
    ({"enum": [1, 2]}, {"enum": [2, 3]}, False, False, "revision"),
    ({"enum": [1, 2]}, {"enum": [3]}, False, False, "model"),
    ({"type": "array", "items": STRING}, {"type": "array", "items": STRING, "maxItems": 2}, False, True, "revision"),
    ({"oneOf": [STRING, NULL]}, {"type": ["null", "string"]}, True, True, "addition"),
    ({"allOf": [row(a=STRING), row(b=STRING)]}, row(a=STRING, b=STRING, c=INTEGER), True, True, "addition"),
    ({"$ref": "#/$defs/r", "$defs": {"r": row(a=STRING)}}, row(a=STRING, c=INTEGER), True, True, "addition"),
    ({"type": "object", "additionalProperties": STRING}, {"type": "object", "additionalProperties": INTEGER}, False,
     False, "revision"),
    ({"type": "integer", "multipleOf": 6}, {"type": "integer", "multipleOf": 3}, True, False, "addition"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "backward", "forward", "bump"), TABLE)
def test_usual_changes(old: Any, new: Any, backward: bool, forward: bool, bump: str) -> None:
    found = compare(old, new)

    assert (found.backward, found.forward, found.full, found.bump) == (backward, forward, backward and forward, bump)


@pytest.mark.parametrize(("old", "new", "backward", "forward", "bump"), TABLE)
def test_every_break_has_a_witness(old: Any, new: Any, backward: bool, forward: bool, bump: str) -> None:
    found = compare(old, new)

    assert_witnesses(old, new, found)
    broken = {way for one in found.differences for way in one.breaks}
    assert broken == {way for way, holds in (("backward", backward), ("forward", forward)) if not holds}


def assert_witnesses(old: Any, new: Any, found: Any) -> None:
    """By validators that had no part in the search."""
    for one in found.differences:
        if one.breaks and one.witness is not None:
            validators = (Draft202012Validator(schema, format_checker=FORMATS) for schema in (old, new))
            valid = [validator.is_valid(one.witness) for validator in validators]
            assert valid in ([True, False], [False, True]), one
            assert valid == [True, False] or "forward" in one.breaks, one


def test_a_change_that_cannot_be_decided_counts_as_breaking_and_says_so() -> None:
    old, new = ({**STRING, "pattern": pattern} for pattern in ("^a+$", "^a*$"))

    found = compare(old, new)

    assert (found.backward, found.forward) == (False, False)
    assert "no document was found" in found.differences[0].message


def test_drafts_are_compared_by_what_they_mean() -> None:
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "number", "maximum": 5,
           "exclusiveMaximum": True}  # fmt: skip
    new = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "number", "exclusiveMaximum": 5}

    found = compare(old, new)

    assert (found.backward, found.forward) == (True, True)
    tuple_7 = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": [STRING],
               "additionalItems": False}  # fmt: skip
    assert compare(tuple_7, {"type": "array", "prefixItems": [STRING], "items": False}).full


def chain(value: Any, **more: Any) -> dict[str, Any]:
    return row(value=value, following={"$ref": "#"}, **more)


def family(value: Any) -> dict[str, Any]:
    parent = row(child={"$ref": "#/$defs/child"})
    child = row(parent={"anyOf": [{"$ref": "#/$defs/parent"}, NULL]}, value=value)
    return {"$ref": "#/$defs/parent", "$defs": {"parent": parent, "child": child}}


@pytest.mark.parametrize("recursive", [tree, chain, family])
def test_a_recursive_schema_is_proven_or_refuted(recursive: Any) -> None:
    found = compare(recursive(INTEGER), recursive(NUMBER))

    assert (found.backward, found.forward) == (True, False)
    assert any(one.witness is not None and "forward" in one.breaks for one in found.differences)
    assert compare(recursive(INTEGER), recursive(INTEGER)).bump == "none"


def test_a_recursive_schema_may_begin_with_a_reference_or_with_what_that_means() -> None:
    def begun(value: Any, *, by_reference: bool) -> dict[str, Any]:
        node = tree(value)["$defs"]["node"]
        return {**({"$ref": "#/$defs/node"} if by_reference else node), "$defs": {"node": node}}

    for first, second in ((True, False), (False, True)):
        found = compare(begun(INTEGER, by_reference=first), begun(NUMBER, by_reference=second))
        assert (found.backward, found.forward) == (True, False)


def test_a_recursive_schema_may_grow_and_must_not_stop_to_recurse() -> None:
    assert compare(chain(INTEGER), chain(INTEGER, note=STRING)).full
    assert not compare(chain(INTEGER), row(value=INTEGER, following=STRING)).backward
    assert not compare(chain(INTEGER), chain(INTEGER) | {"not": {"required": ["following"]}}).backward


SCALARS = st.one_of(
    st.sampled_from([STRING, NUMBER, INTEGER, NULL, {"type": "boolean"}, {"type": ["string", "null"]}, {}]),
    st.builds(lambda most: {"type": "string", "maxLength": most}, st.integers(0, 4)),
    st.builds(lambda least: {"type": "string", "minLength": least}, st.integers(0, 4)),
    st.builds(lambda least, size: {"type": "integer", "minimum": least, "maximum": least + size}, st.integers(-3, 3),
              st.integers(0, 5)),
    st.builds(lambda step: {"type": "integer", "multipleOf": step}, st.integers(1, 6)),
    st.builds(lambda values: {"enum": values},
              st.lists(st.sampled_from(["a", "b", 1, None, True]), min_size=1, unique_by=repr)),
    st.builds(lambda pattern: {"type": "string", "pattern": pattern}, st.sampled_from(["^a", "^[a-c]+$", "b$", "^$"])),
)  # fmt: skip


def compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "b", "c"])
    return st.one_of(
        st.builds(
            lambda columns, required, rest: {"type": "object", "properties": columns, "required": required, **rest},
            st.dictionaries(names, inner, max_size=3), st.lists(names, max_size=2, unique=True),
            st.sampled_from([{}, {}, {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}]),
        ),
        st.builds(lambda items, most: {"type": "array", "items": items, "maxItems": most}, inner, st.integers(0, 3)),
        st.builds(lambda parts, word: {word: parts}, st.lists(inner, min_size=1, max_size=2),
                  st.sampled_from(["anyOf", "oneOf", "allOf"])),
    )  # fmt: skip


SCHEMAS = st.recursive(SCALARS, compound, max_leaves=5)
QUIET = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck), derandomize=True)


@given(old=SCHEMAS, new=SCHEMAS)
@QUIET
def test_what_is_proven_holds_for_generated_documents_and_witnesses_break(old: Any, new: Any) -> None:
    found = compare(old, new)

    assert_witnesses(old, new, found)
    for holds, writer, reader in ((found.backward, old, new), (found.forward, new, old)):
        if holds:
            written = [one for one in written_under(writer, count=100) if compile_validator(writer).is_valid(one)]
            validator = Draft202012Validator(reader)
            assert [one for one in written if not validator.is_valid(one)] == []


def written_under(schema: Any, *, count: int) -> list[Any]:
    written = ProducerView(schema, {}).closed()
    validator = Draft202012Validator(written)
    return [one for one in documents(written, {}, count=count, work=100 * count) if validator.is_valid(one)]


@given(schema=SCHEMAS)
@QUIET
def test_every_schema_reads_itself(schema: Any) -> None:
    found = compare(schema, schema)

    assert (found.backward, found.forward, found.bump, found.differences) == (True, True, "none", ())


def test_ten_thousand_documents_never_break_a_reader_that_was_proven() -> None:
    old = row("id", id=INTEGER, name={**STRING, "maxLength": 20}, tags={"type": "array", "items": STRING,
              "maxItems": 4}, place=row("x", x=NUMBER, y={"type": ["number", "null"]}))  # fmt: skip
    new = row("id", id=NUMBER, name={**STRING, "maxLength": 30}, tags={"type": "array", "items": STRING},
              place=row(x=NUMBER, y={"type": ["number", "null"]}, z=INTEGER), note=STRING)  # fmt: skip

    assert compare(old, new).backward
    reader = compile_validator(new)
    written = written_under(old, count=10_000)
    assert len(written) > 9_000
    assert [one for one in written if not reader.is_valid(one)] == []


@pytest.mark.parametrize(
    "odd",
    [{"enum": []}, {"type": "array", "minItems": 10**6}, {"type": "object", "minProperties": 500}, {"not": {}}, False,
     {"type": "string", "minLength": 10**8}, {"type": "string", "pattern": "(?=a)b"},
     {"$dynamicRef": "#x", "$defs": {"x": {"$dynamicAnchor": "x"}}}],
)  # fmt: skip
def test_odd_schemas_are_compared_and_nothing_is_promised_for_them(odd: Any) -> None:
    for other in (STRING, row("a", a=INTEGER)):
        assert_witnesses(odd, other, compare(odd, other))
        assert_witnesses(other, odd, compare(other, odd))


def test_each_missing_property_is_shown_by_its_own_change() -> None:
    found = compare(row(a=STRING, b=STRING), row("a", a=STRING, b=STRING, c=STRING))

    assert [(one.code, one.path) for one in found.differences if "backward" in one.breaks] == [
        ("REQUIRED_ATTRIBUTE_ADDED", "#/required/a")
    ]
