"""Mock rows: valid for a validator that is not ours, the same each time, related, and of nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from streams.contracts import read_contracts
from streams.testing.mock import Mock, NoRowError

from ...contracts.builders import a_contract, a_folder, a_schema

SHOP = Path(__file__).parents[3] / "schemas"
AT_MS = 1_772_362_800_000
"""2026-03-01T11:00:00Z."""
THINGS = "iglu:com.acme/things/jsonschema"


def a_mock(folder: Path = SHOP, *, seed: int = 1) -> Mock:
    contracts = read_contracts(folder)
    assert contracts.problems == ()
    return Mock(contracts, seed=seed, at_ms=AT_MS)


def of(name: str) -> str:
    return f"iglu:com.acme.shop/{name}/jsonschema"


def a_mock_of(root: Path, properties: Mapping[str, Any], *terms: str, rules: str = "", **more: Any) -> Mock:
    """A mock of com.acme/things."""
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(properties=properties, **more),
        "com.acme/things/contract.yaml": a_contract(
            "{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}", *terms
        ),
    }
    return a_mock(a_folder(root, {**files, **({"quality_rules.yaml": rules} if rules else {})}))


def faults(mock: Mock, subject: str, rows: list[dict[str, object]]) -> list[str]:
    """What a validator that is not ours finds wrong; decimals are numbers to it."""
    schema = {word: held for word, held in mock.contract(subject).schema.items() if word != "self"}
    encode = msgspec.json.Encoder(decimal_format="number").encode
    plain = [json.loads(encode(row)) for row in rows]
    return [error.message for row in plain for error in Draft202012Validator(schema).iter_errors(row)]


@pytest.mark.parametrize("subject", sorted(read_contracts(SHOP).families))
def test_rows_of_the_shop_are_valid_for_another_validator(subject: str) -> None:
    mock = a_mock()
    rows = mock.rows(subject, 200)

    assert (len(rows), faults(mock, subject, rows)) == (200, [])


def test_rows_have_keys_of_their_own_and_hold_keys_that_other_rows_have() -> None:
    mock = a_mock()
    orders, users, products = (mock.rows(of(name), 300) for name in ("orders", "users", "products"))

    assert [order["id"] for order in orders] == [*range(1, 301)]
    assert {order["customer_id"] for order in orders} <= {user["id"] for user in users}
    assert {order["product_id"] for order in orders} <= {product["id"] for product in products}
    assert len({order["customer_id"] for order in orders}) > 30


@pytest.mark.parametrize("subject", sorted(read_contracts(SHOP).families))
def test_equal_seeds_make_equal_rows_and_more_rows_come_behind(subject: str) -> None:
    few, many, other = a_mock().rows(subject, 20), a_mock().rows(subject, 90), a_mock(seed=2).rows(subject, 20)

    assert many[:20] == few
    assert other != few


def test_a_row_that_was_asked_for_is_the_caller_s(tmp_path: Path) -> None:
    mock = a_mock_of(tmp_path, {"id": {"type": "integer"}})
    mock.rows(THINGS, 1)[0]["id"] = -1

    assert mock.rows(THINGS, 1) == [{"id": 1}]


def test_nobody_s_data_are_among_them() -> None:
    users = a_mock().rows(of("users"), 300)

    assert {str(user["email"]).rpartition("@")[2] for user in users} <= {"example.com", "example.org", "example.net"}
    assert {str(user["ssn"])[0] for user in users if user.get("ssn")} == {"9"}


def test_nothing_is_later_than_the_moment_and_what_is_changed_comes_after_it_was_made() -> None:
    orders = a_mock().rows(of("orders"), 3_000)

    assert all(str(order["created_at"]) <= str(order["updated_at"]) <= "2026-03-01T11:00:00.000Z" for order in orders)
    assert [order["created_at"] for order in orders] == sorted(str(order["created_at"]) for order in orders)


def test_columns_come_in_the_form_of_their_source(tmp_path: Path) -> None:
    mock = a_mock_of(
        tmp_path,
        {"id": {"type": "integer"}, "amount": {"type": "number"}, "cost": {"type": "string"},
         "made_us": {"type": "integer"}, "born": {"type": "integer"}, "blob": {"type": "string"},
         "raw": {"type": "string"}, "is_on": {"type": "boolean"}},
        "{name: amount, logicalType: number, physicalType: 'numeric(8,3)'}",
        "{name: cost, logicalType: number, physicalType: 'numeric(8,1)'}",
        "{name: made_us, logicalType: timestamp, physicalType: 'timestamp(6)'}",
        "{name: born, logicalType: date, physicalType: date}",
        "{name: blob, logicalType: string, physicalType: bytea}",
        "{name: raw, logicalType: number, physicalType: 'numeric(9,2)',"
        " customProperties: [{property: encoding, value: base64}]}",
        required=("id", "amount", "cost", "made_us", "born", "blob", "raw", "is_on"),
    )  # fmt: skip
    for row in mock.rows(THINGS, 50):
        amount, cost = row["amount"], row["cost"]
        assert isinstance(amount, Decimal) and amount.as_tuple().exponent == -3
        assert isinstance(cost, str) and len(cost.partition(".")[2]) == 1
        assert isinstance(row["made_us"], int) and 1_769_000_000_000_000 < row["made_us"] <= AT_MS * 1_000
        assert isinstance(row["born"], int) and -10_000 < row["born"] <= AT_MS // 86_400_000
        assert isinstance(row["is_on"], bool)


INVOLVED: Mapping[str, Mapping[str, Any]] = {
    "alternatives": {"oneOf": [{"required": ["phone"]}, {"required": ["email"]}]},
    "all of them": {"allOf": [{"required": ["email"]}, {"properties": {"email": {"maxLength": 24}}}]},
    "a condition": {"if": {"properties": {"kind": {"const": "a"}}}, "then": {"required": ["phone"]},
                    "else": {"required": ["email"]}},
    "a definition": {"$defs": {"tag": {"type": "string", "minLength": 3, "maxLength": 5}}},
    "closed": {"additionalProperties": False},
}  # fmt: skip


@pytest.mark.parametrize("name", INVOLVED)
def test_rows_of_an_involved_schema_are_valid_too(name: str, tmp_path: Path) -> None:
    properties: dict[str, Any] = {
        "id": {"type": "integer"}, "kind": {"enum": ["a", "b"]}, "phone": {"type": "string"},
        "email": {"type": "string"}, "place": {"type": "object", "properties": {"city": {"type": "string"},
        "spot": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}}, "required": ["spot"]},
        "size": {"type": "integer", "minimum": 10, "multipleOf": 7, "exclusiveMaximum": 90},
    }  # fmt: skip
    if "$defs" in INVOLVED[name]:
        properties["tag"] = {"$ref": "#/$defs/tag"}
    mock = a_mock_of(tmp_path, properties, required=("id", "kind", "size"), **INVOLVED[name])
    rows = mock.rows(THINGS, 60)

    assert (len(rows), faults(mock, THINGS, rows)) == (60, [])
    assert len({row["kind"] for row in rows}) == 2


RULES = """
things:
  completeness: [email]
  uniqueness: [email]
  validity:
    age: range:20-30
    colour: "enum:red, green"
    code: "regex:^[A-Z]{3}-[0-9]{2}$"
    label: length:3-6
    seen_at: not_future
  consistency: {low_below_high: low < high}
"""


def test_rows_keep_the_rules_of_quality(tmp_path: Path) -> None:
    text = {"type": ["string", "null"]}
    mock = a_mock_of(
        tmp_path,
        {"id": {"type": "integer"}, "email": text, "age": {"type": "integer"}, "colour": text, "code": text,
         "label": text, "seen_at": {"type": "string", "format": "date-time"}, "low": {"type": "integer"},
         "high": {"type": "integer"}},
        rules=RULES, required=("id", "low", "high"),
    )  # fmt: skip
    rows = mock.rows(THINGS, 100)

    assert len({row["email"] for row in rows} - {None, ""}) == 100
    assert all(20 <= row["age"] <= 30 for row in rows if "age" in row)  # type: ignore[operator]
    assert all(row["low"] < row["high"] for row in rows)  # type: ignore[operator]
    assert {row.get("colour") for row in rows} <= {"red", "green", None}
    assert {len(str(row.get("label") or "abc")) for row in rows} <= {3, 4, 5, 6}
    assert mock.misses_of(THINGS, rows[0]) != []


def test_a_schema_that_nothing_fits_is_told_without_a_value(tmp_path: Path) -> None:
    mock = a_mock_of(
        tmp_path,
        {"id": {"type": "integer"}, "email": {"type": "string", "minLength": 5, "maxLength": 3}},
        required=("id", "email"),
    )

    with pytest.raises(NoRowError, match=r"^com.acme/things: each of 60 rows broke something: email: required$"):
        mock.rows(THINGS, 1)
