"""The quick yes of a schema: it says yes where it should save time, and never where the schema says no."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.contracts.accept import Accept, compile_accept, compile_shape

RULES: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "bounded": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
    "number": {"type": "number", "minimum": 0, "maximum": 5},
    "above": {"type": ["number", "null"], "exclusiveMinimum": 0},
    "text": {"type": "string", "minLength": 1, "maxLength": 3},
    "word": {"enum": ["new", "paid"]},
    "perhaps": {"type": ["string", "null"], "enum": ["new", None]},
    "flag": {"type": ["boolean", "null"]},
    "email": {"type": "string", "format": "email"},
    "moment": {"type": ["string", "null"], "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "uuid": {"type": "string", "format": "uuid"},
}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.integers(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.decimals(-1, 6, places=2),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(["new", "paid", "1", "1.5", "ä@b.de", "a@b", "a@b.de", ".a@b.de", "2024-02-29", "2024-02-30"]),
    st.emails(),
    st.uuids().map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.dates().map(str),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


def accept_of(schema: object) -> Accept | None:
    shape = compile_shape(schema)
    return None if shape is None else compile_accept(shape)


@given(name=st.sampled_from(sorted(RULES)), value=VALUES, is_required=st.booleans(), is_there=st.booleans())
@example(name="number", value=Decimal("NaN"), is_required=True, is_there=True)
@example(name="integer", value=True, is_required=True, is_there=True)
@example(name="number", value="1.5", is_required=True, is_there=True)
def test_what_is_accepted_honours_the_schema(name: str, value: object, is_required: bool, is_there: bool) -> None:
    schema = {"type": "object", "properties": {name: RULES[name]}, "required": [name] if is_required else []}
    accept = accept_of(schema)
    row = {name: value, "unknown": value} if is_there else {}

    assert accept is not None
    if accept(row):
        assert jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(row)


@pytest.mark.parametrize("value", [None, 1, "text", [], [{"a": 1}]])
def test_only_objects_are_rows(value: object) -> None:
    accept = accept_of({"type": "object", "properties": {"integer": RULES["integer"]}})

    assert accept is not None
    assert not accept(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integer", -5),
        ("bounded", 9),
        ("number", Decimal("4.99")),
        ("number", 3),
        ("above", None),
        ("text", "äöü"),
        ("word", "paid"),
        ("perhaps", None),
        ("flag", False),
        ("email", "first.last@example.co.uk"),
        ("moment", "2026-11-24T10:00:00.123456Z"),
        ("moment", None),
        ("day", "2026-02-28"),
        ("uuid", "0190163d-8694-739b-aea5-966c26f8ad91"),
    ],
)
def test_plain_values_are_accepted_at_once(name: str, value: object) -> None:
    accept = accept_of({"type": "object", "properties": {name: RULES[name]}, "required": [name]})

    assert accept is not None
    assert accept({name: value})


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}},
        {"type": "object", "properties": {"a": {"type": "string", "format": "hostname"}}},
        {"type": "object", "properties": {"a": {"type": "number", "minimum": 0.1}}},
        {"type": "object", "properties": {"a": {"type": ["string", "integer"]}}},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
        {"type": "object", "properties": {"a": {"type": "string"}}, "minProperties": 2},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]},
    ],
)
def test_what_only_the_validator_knows_has_no_quick_yes(schema: object) -> None:
    assert compile_shape(schema) is None


@pytest.mark.parametrize("name", sorted(RULES))
def test_what_stands_for_an_unsent_column_is_accepted_at_most_where_any_text_is(name: str) -> None:
    schema = {"type": "object", "properties": {name: RULES[name]}, "required": [name]}
    shape = compile_shape(schema)
    assert shape is not None

    assert shape.has_free_text is (name == "text")
    assert shape.has_free_text or not compile_accept(shape)({name: "__debezium_unavailable_value"})
