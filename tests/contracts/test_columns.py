"""Columns: the type behind the JSON, and what the contract adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contracts import Column, ColumnType, load_contracts
from streams.contracts.model import MANY_SETS

from .builders import ROW, a_contract, a_folder, a_schema


def column_of(tmp_path: Path, shape: object, more: str) -> Column:
    """The column ``it`` of JSON ``shape``; ``more``: what its contract says."""
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(properties={**ROW, "it": shape}),
        "com.acme/things/contract.yaml": a_contract("{name: it" + more + "}"),
    }
    family = load_contracts(a_folder(tmp_path, files)).resolve("iglu:com.acme/things/jsonschema/1-0-0")
    return family.newest.columns["it"]


@pytest.mark.parametrize(
    ("shape", "more", "expected"),
    [
        ({"type": "string"}, "", ColumnType.TEXT),
        ({"type": ["integer", "null"]}, "", ColumnType.INTEGER),
        ({"type": "number"}, "", ColumnType.DECIMAL),
        ({"type": "number"}, ", physicalType: double precision", ColumnType.DOUBLE),
        ({"type": "string"}, ', physicalType: "numeric(12,2)"', ColumnType.DECIMAL),
        ({"type": "string"}, ", physicalType: numeric", ColumnType.DECIMAL),
        ({"type": "string", "format": "date-time"}, "", ColumnType.TIMESTAMP),
        ({"type": "integer"}, ", physicalType: timestamp(3) without time zone", ColumnType.TIMESTAMP),
        ({"type": "string"}, ", physicalType: timestamp with time zone", ColumnType.TIMESTAMP),
        ({"type": "string", "format": "date"}, "", ColumnType.DATE),
        ({"type": "string", "format": "uuid"}, "", ColumnType.UUID),
        ({"type": "string", "contentEncoding": "base64"}, "", ColumnType.BYTES),
        ({"type": "boolean"}, "", ColumnType.BOOLEAN),
        ({"type": "object"}, "", ColumnType.OBJECT),
        ({"type": "array"}, "", ColumnType.ARRAY),
        ({"type": ["integer", "string"]}, "", ColumnType.UNKNOWN),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "", ColumnType.INTEGER),
        ({}, "", ColumnType.UNKNOWN),
    ],
)
def test_the_type_comes_from_schema_and_source(tmp_path: Path, shape: object, more: str, expected: ColumnType) -> None:
    assert column_of(tmp_path, shape, more).type is expected


@pytest.mark.parametrize(
    ("physical", "own", "unit"),
    [
        ("timestamp(0)", "", "ms"),
        ("timestamp(3)", "", "ms"),
        ("timestamp(4)", "", "us"),
        ("timestamp", "", "us"),
        ("timestamp(6)", "", "us"),
        ("time", "", "us"),
        ("time(3)", "", "ms"),
        ("date", "", "days"),
        ("timestamp", "unit", "ns"),
    ],
)
def test_integers_of_times_have_debeziums_unit_unless_the_contract_says_another(
    tmp_path: Path, physical: str, own: str, unit: str
) -> None:
    custom = f", customProperties: [{{property: unit, value: {unit}}}]" if own else ""

    assert column_of(tmp_path, {"type": "integer"}, f", physicalType: {physical}{custom}").unit == unit


@pytest.mark.parametrize(
    ("more", "scale"),
    [
        (', physicalType: "numeric(12,2)"', 2),
        (', physicalType: "numeric(12)"', 0),
        (", physicalType: numeric", None),
        (', physicalType: "numeric(12,2)", customProperties: [{property: scale, value: 4}]', 4),
    ],
)
def test_the_scale_of_a_decimal_is_that_of_its_type(tmp_path: Path, more: str, scale: int | None) -> None:
    assert column_of(tmp_path, {"type": "string"}, more).scale == scale


def test_an_object_is_as_private_as_what_it_holds(tmp_path: Path) -> None:
    shape = {"type": "object", "properties": {"email": {"type": "string"}}}
    more = ", properties: [{name: email, logicalType: string, classification: pii}]"

    assert column_of(tmp_path, shape, more).classification == "pii"


@pytest.mark.parametrize(
    ("shape", "nullable"), [({"type": "string"}, True), ({"type": ["string", "null"]}, True), ({}, True)]
)
def test_a_column_that_is_not_required_may_be_null(tmp_path: Path, shape: object, nullable: bool) -> None:
    assert column_of(tmp_path, shape, "").nullable is nullable


def test_a_required_column_of_one_type_is_never_null(tmp_path: Path) -> None:
    files = {"com.acme/things/jsonschema/1-0-0": a_schema()}

    newest = load_contracts(a_folder(tmp_path, files)).resolve("iglu:com.acme/things/jsonschema/1-*-*").newest

    assert {name: column.nullable for name, column in newest.columns.items()} == {"id": False, "note": True}


def test_the_key_stands_in_the_order_of_its_positions(tmp_path: Path) -> None:
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(
            properties={"a": {"type": "integer"}, "b": {"type": "integer"}}, required=["a", "b"]
        ),
        "com.acme/things/contract.yaml": a_contract(
            "{name: a, primaryKey: true, primaryKeyPosition: 2}", "{name: b, primaryKey: true, primaryKeyPosition: 1}"
        ),
    }

    newest = load_contracts(a_folder(tmp_path, files)).resolve("iglu:com.acme/things/jsonschema/1-*-*").newest

    assert newest.key == ("b", "a")


@pytest.mark.parametrize("kind", ["string", "number"])
def test_an_array_knows_what_its_source_holds(tmp_path: Path, kind: str) -> None:
    shape = {"type": "array", "items": {"type": [kind, "null"]}}

    column = column_of(tmp_path, shape, ", physicalType: 'numeric(6,2)[]'")

    items = column.items
    assert items is not None
    assert (items.type, items.scale, items.json_types) == (ColumnType.DECIMAL, 2, frozenset({kind}))


def test_an_object_knows_its_fields(tmp_path: Path) -> None:
    shape = {"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}}}

    column = column_of(tmp_path, shape, "")

    assert column.fields["at"].type is ColumnType.TIMESTAMP


def test_checks_without_columns_are_kept_for_few_sets_of_them(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(12)]
    properties = {"id": {"type": "integer"}, **{name: {"type": "string"} for name in names}}
    files = {"com.acme/wide/jsonschema/1-0-0": a_schema("wide", properties=properties, required=("id", *names))}
    contract = load_contracts(a_folder(tmp_path, files)).resolve("iglu:com.acme/wide/jsonschema/1-*-*").newest

    for number in range(MANY_SETS + 2):
        without = frozenset(name for place, name in enumerate(names) if number >> place & 1)
        row = {"id": 1, **{name: "x" for name in names if name not in without}}
        assert contract.validator_without(without).is_valid(row)

    assert len(contract._without) < MANY_SETS
