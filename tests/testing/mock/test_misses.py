"""Near misses: each breaks the rule that it says and no other, and every rule that can be missed alone has one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from streams.contracts import read_contracts
from streams.testing import Driver

from ...pipeline.builders import header
from .test_rows import AT_MS, RULES, SHOP, THINGS, a_mock, a_mock_of, of

encode = msgspec.json.Encoder(decimal_format="number").encode
FORMATS_ONLY = frozenset({"format"})
"""Asserted by our validator and, without further libraries, not by the other one."""


@pytest.mark.parametrize("subject", sorted(read_contracts(SHOP).families))
def test_a_near_miss_of_the_shop_breaks_one_rule_for_another_validator_too(subject: str) -> None:
    mock = a_mock()
    schema = {word: held for word, held in mock.contract(subject).schema.items() if word != "self"}
    misses = mock.misses(subject)

    assert len(misses) > 15
    for miss in misses:
        errors = list(Draft202012Validator(schema).iter_errors(json.loads(encode(miss.rows[-1]))))
        assert [error.validator for error in errors] == ([] if miss.code in FORMATS_ONLY else [miss.code])


def test_every_keyword_of_a_schema_that_can_be_missed_alone_is_missed_once(tmp_path: Path) -> None:
    mock = a_mock_of(
        tmp_path,
        {
            "id": {"type": "integer", "minimum": 1},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "size": {"type": "integer", "exclusiveMinimum": 0, "maximum": 90, "multipleOf": 5},
            "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "name": {"type": "string", "minLength": 2, "maxLength": 9},
            "at": {"type": "string", "format": "date-time"},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4, "uniqueItems": True},
            "place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
                      "additionalProperties": False},
        },
        required=("id", "kind"), additionalProperties=False,
    )  # fmt: skip

    assert {(miss.path, miss.code) for miss in mock.misses(THINGS)} == {
        ("id", "required"), ("id", "type"), ("id", "minimum"), ("kind", "required"), ("kind", "enum"),
        ("size", "type"), ("size", "exclusiveMinimum"), ("size", "maximum"), ("size", "multipleOf"),
        ("code", "type"), ("code", "pattern"), ("name", "type"), ("name", "minLength"), ("name", "maxLength"),
        ("at", "type"), ("at", "format"), ("tags", "type"), ("tags[0]", "type"), ("tags", "minItems"),
        ("tags", "maxItems"), ("tags", "uniqueItems"), ("place", "type"), ("place.city", "required"),
        ("place.city", "type"), ("place", "additionalProperties"), ("", "additionalProperties"),
    }  # fmt: skip


def test_every_rule_of_quality_is_missed_once(tmp_path: Path) -> None:
    text = {"type": ["string", "null"]}
    mock = a_mock_of(
        tmp_path,
        {"id": {"type": "integer"}, "email": text, "age": {"type": "integer"}, "colour": text, "code": text,
         "label": text, "seen_at": {"type": "string", "format": "date-time"}, "low": {"type": "integer"},
         "high": {"type": "integer"}},
        rules=RULES, required=("id", "low", "high"),
    )  # fmt: skip
    misses = [miss for miss in mock.misses(THINGS) if miss.reason != "contract_violation"]

    assert {(miss.code, miss.path, miss.reason, len(miss.rows)) for miss in misses} == {
        ("completeness.email", "email", "quality_rule", 1),
        ("uniqueness.email", "email", "finding", 2),
        ("validity.age.range", "age", "quality_rule", 1),
        ("validity.colour.enum", "colour", "quality_rule", 1),
        ("validity.code.regex", "code", "quality_rule", 1),
        ("validity.label.length", "label", "quality_rule", 1),
        ("validity.seen_at.not_future", "seen_at", "quality_rule", 1),
        ("consistency.low_below_high", "high+low", "quality_rule", 1),
    }
    (twins,) = (miss.rows for miss in misses if miss.code == "uniqueness.email")
    assert twins[0]["email"] == twins[1]["email"] and twins[0]["id"] != twins[1]["id"]


def a_change(row: dict[str, object], number: int) -> bytes:
    source: dict[str, Any] = {"name": "shop", "lsn": number, "ts_ms": AT_MS, "txId": number, "sequence": None}
    return encode({"before": None, "after": row, "source": source, "op": "c", "ts_ms": AT_MS})


def test_the_pipelines_of_the_shop_take_all_rows_and_bury_each_near_miss_for_what_it_misses() -> None:
    mock = a_mock()
    rows, misses = mock.rows(of("users"), 50), mock.misses(of("users"))
    driver = Driver(SHOP, pipelines=["users"], start_ms=AT_MS)
    for number, row in enumerate([*rows, *(miss.rows[-1] for miss in misses)]):
        driver.send("cdc.users.v1", key=b'{"id":1}', value=a_change(row, number), timestamp_ms=AT_MS)

    dead = driver.records("cdc.users.v1-users-dlt")
    assert [header(letter, "__connect.errors.exception.message") for letter in dead] == [
        f"iglu:com.acme.shop/users/jsonschema/1-0-0 is broken in: {miss.path or '(row)'}" for miss in misses
    ]
    assert driver.ledger()["processed"] == len(rows)
