"""Validation: every violation of a document in one report, and no value of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts import SchemaError, Violation, compile_validator
from streams.contracts.drafts import IGLU_META_SCHEMA, META_SCHEMAS

ROW_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "email": {"type": "string", "format": "email", "maxLength": 20},
        "code": {"type": "string", "pattern": "^[A-Z]+$"},
        "kind": {"enum": ["a", "b"]},
        "fixed": {"const": "x"},
        "user": {"type": "object", "properties": {"email": {"type": "string", "format": "email"}}, "required": ["id"]},
        "items": {"type": "array", "items": {"type": "object", "properties": {"qty": {"type": "integer"}}}},
        "tags": {"type": "object", "additionalProperties": {"type": "integer"}, "propertyNames": {"maxLength": 3}},
        "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "never": False,
        "closed": {"type": "object", "additionalProperties": False},
    },
    "required": ["id", "email"],
}


def test_every_violation_is_listed() -> None:
    row = {
        "email": "somebody with no address",
        "code": "abc",
        "kind": "c",
        "user": {"email": 1},
        "items": [{"qty": "2"}, {"qty": 2}, {"qty": None}],
        "either": "x",
    }

    assert set(compile_validator(ROW_SCHEMA).violations(row)) == {
        Violation(path="id", code="required", message="is required"),
        Violation(path="code", code="pattern", message="must match ^[A-Z]+$"),
        Violation(path="either", code="anyOf", message="has none of the shapes that the schema allows"),
        Violation(path="email", code="maxLength", message="breaks maxLength 20"),
        Violation(path="email", code="format", message="must be a valid email"),
        Violation(path="items[0].qty", code="type", message="must be integer"),
        Violation(path="items[2].qty", code="type", message="must be integer"),
        Violation(path="kind", code="enum", message="must be one of the values that the schema lists"),
        Violation(path="user.id", code="required", message="is required"),
        Violation(path="user.email", code="type", message="must be string"),
    }


def test_what_is_no_object_breaks_the_document_itself() -> None:
    assert compile_validator(ROW_SCHEMA).violations([]) == (Violation(path="", code="type", message="must be object"),)


secrets = st.text(min_size=8, alphabet=st.characters(categories=["Lu", "Nd"]))


@given(secret=secrets, data=st.data())
def test_no_value_is_in_any_report(secret: str, data: st.DataObject) -> None:
    secret = f"~{secret}~"
    leaf = st.sampled_from([secret, [secret], {secret: secret}, {"email": secret}, [{"qty": secret}], None, -1])
    row = data.draw(st.dictionaries(st.sampled_from([*ROW_SCHEMA["properties"], secret]), leaf))

    found = compile_validator(ROW_SCHEMA, hides_names=True).violations(row)

    assert secret not in repr(found)


def test_names_that_only_the_row_has_can_be_hidden() -> None:
    row = {"id": 1, "email": "a@b.example", "tags": {"ada@example.test": "x"}, "closed": {"ada": 1}}

    hidden = compile_validator(ROW_SCHEMA, hides_names=True).violations(row)
    shown = compile_validator(ROW_SCHEMA).violations(row)

    assert [violation.path for violation in hidden] == ["tags.*", "tags", "closed"]
    assert [violation.path for violation in shown] == ["tags.ada@example.test", "tags", "closed"]
    assert "ada" not in repr(hidden)


@pytest.mark.parametrize("draft", META_SCHEMAS)
@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("uuid", "550e8400-e29b-41d4-a716-446655440000", "550e8400e29b41d4a716446655440000"),
        ("uuid", "550E8400-E29B-41D4-A716-446655440000", "{550e8400-e29b-41d4-a716-446655440000}"),
        ("date-time", "2026-01-02T03:04:05.123456Z", "2026-01-02 03:04"),
        ("date", "2028-02-29", "2026-02-29"),
        ("email", "ada@example.test", "ada"),
        ("ipv4", "10.0.0.1", "10.0.0.256"),
    ],
)
def test_formats_are_asserted_in_every_draft(draft: str, name: str, good: str, bad: str) -> None:
    validator = compile_validator({"format": name}, draft=draft)

    assert (validator.is_valid(good), validator.is_valid(bad), validator.is_valid(7)) == (True, False, True)


def test_formats_can_be_left_alone() -> None:
    assert compile_validator({"format": "uuid"}, draft="draft4", formats=False).is_valid("x")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(Decimal("0.1"), True), (Decimal("0.05"), False), (Decimal("12345678901234567890.1"), True), (Decimal(-1), False)],
)
def test_decimals_are_numbers(value: Decimal, expected: bool) -> None:
    validator = compile_validator({"type": "number", "minimum": 0, "multipleOf": 0.1})

    assert validator.is_valid(value) is expected


def test_a_decimal_without_fraction_is_an_integer() -> None:
    assert compile_validator({"type": "integer"}).is_valid(Decimal("3"))
    assert not compile_validator({"type": "integer"}).is_valid(Decimal("3.5"))


def test_iglus_own_schemas_speak_draft_4() -> None:
    schema = {"$schema": IGLU_META_SCHEMA, "properties": {"age": {"minimum": 0, "exclusiveMinimum": True}}}

    assert [violation.code for violation in compile_validator(schema).violations({"age": 0})] == ["exclusiveMinimum"]


def test_references_are_resolved_from_what_is_given_and_never_fetched() -> None:
    schema = {"properties": {"home": {"$ref": "iglu:com.acme/address/jsonschema/1-0-0"}}}
    address = {"$schema": IGLU_META_SCHEMA, "required": ["city"]}

    validator = compile_validator(schema, resources={"iglu:com.acme/address/jsonschema/1-0-0": address})

    assert [violation.path for violation in validator.violations({"home": {}})] == ["home.city"]
    with pytest.raises(SchemaError, match="leads nowhere"):
        compile_validator({"$ref": "https://example.test/schema"})


def test_every_mistake_of_a_schema_is_told_with_its_place() -> None:
    schema = {"type": "objekt", "properties": {"a": {"minLength": -1}, "b": {"pattern": "("}, "c": []}}

    with pytest.raises(SchemaError) as caught:
        compile_validator(schema)

    paths = {violation.path for violation in caught.value.violations}
    assert paths == {"type", "properties.a.minLength", "properties.b.pattern", "properties.c"}


@pytest.mark.parametrize("named", ["http://json-schema.org/draft-99/schema#", 5, ""])
def test_an_unknown_draft_is_refused_by_name(named: object) -> None:
    with pytest.raises(SchemaError, match=r"\$schema: names no draft that is known here"):
        compile_validator({"$schema": named})


def test_the_check_itself_has_no_frame_of_ours() -> None:
    validator = compile_validator(ROW_SCHEMA)

    assert type(validator.is_valid).__name__ == "builtin_function_or_method"
