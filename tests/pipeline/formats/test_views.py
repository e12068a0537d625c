"""Values whose meaning a schema tells have the contract's form, whatever the bytes were; nothing fills the memory."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.model import Column, ColumnType
from streams.contracts.registry import RegisteredSchema, SchemaKind
from streams.pipeline.formats.avro_schema import compile_avro
from streams.pipeline.formats.cache import MANY_SCHEMAS, Remembered
from streams.pipeline.formats.connect_schema import connect_wire
from streams.pipeline.formats.debezium_rows import UNAVAILABLE, RowReader, is_unavailable
from streams.pipeline.formats.postgres_types import wire_of_type
from streams.pipeline.formats.views import view_of
from streams.pipeline.formats.wires import decimal_of, exact, single_of

CONNECT, DEBEZIUM = "org.apache.kafka.connect.data.", "io.debezium."


def a_column(json_type: str, kind: ColumnType = ColumnType.UNKNOWN, **more: Any) -> Column:
    return Column(name="it", type=kind, json_types=frozenset({json_type}), **more)


def seen(column: Column | None, schema: dict[str, Any], value: object) -> object:
    """What a Connect schema's value becomes."""
    view = view_of(column, connect_wire(schema))
    return value if view is None else view(value)


def read(column: Column, type_name: str, value: object) -> object:
    """What a value of a PostgreSQL type becomes."""
    view = view_of(column, wire_of_type(type_name))
    return value if view is None else view(value)


ISO = {"type": "string", "name": DEBEZIUM + "time.IsoTimestamp"}
MICROS = {"type": "int64", "name": DEBEZIUM + "time.MicroTimestamp"}
TEXT, NUMBER, INTEGER = a_column("string"), a_column("number"), a_column("integer")


@pytest.mark.parametrize(
    ("column", "schema", "value", "expected"),
    [
        (a_column("integer", unit="ms"), MICROS, 1_500, 1),
        (a_column("integer", unit="ns"), MICROS, 1_500, 1_500_000),
        (INTEGER, MICROS, 1_500, 1_500),
        (TEXT, MICROS, 1_500, "1970-01-01T00:00:00.001500Z"),
        (a_column("integer", unit="s"), ISO, "1970-01-01T00:00:02.5Z", 2),
        (INTEGER, {"type": "string", "name": DEBEZIUM + "time.IsoDate"}, "1970-01-02Z", 1),
        (TEXT, {"type": "int32", "name": CONNECT + "Time"}, 1, "00:00:00.001000"),
        (NUMBER, {"type": "bytes", "name": CONNECT + "Decimal", "parameters": {"scale": "2"}}, "AN0=", Decimal("2.21")),
        (INTEGER, {"type": "bytes", "name": CONNECT + "Decimal", "parameters": {"scale": "0"}}, "AN0=", 221),
        (TEXT, {"type": "bytes", "name": CONNECT + "Decimal", "parameters": {"scale": "-2"}}, "AN0=", "22100"),
        (NUMBER, {"type": "double"}, Decimal("1.0E10"), Decimal("10000000000.0")),
        (NUMBER, {"type": "double"}, "NaN", "NaN"),
        (a_column("boolean", ColumnType.BOOLEAN), {"type": "bytes", "name": DEBEZIUM + "data.Bits"}, "AQ==", True),
        (TEXT, {"type": "bytes", "name": DEBEZIUM + "data.Bits", "parameters": {"length": "5"}}, "Fg==", "10110"),
        (a_column("object"), {"type": "string", "name": DEBEZIUM + "data.Json"}, '{"a":1.50}', {"a": Decimal("1.50")}),
        (None, {"type": "map", "values": MICROS}, {"a": 0}, {"a": "1970-01-01T00:00:00.000000Z"}),
        (
            a_column("array", items=TEXT),
            {"type": "array", "items": {"type": "bytes", "name": CONNECT + "Decimal", "parameters": {"scale": "1"}}},
            ["FQ==", None],
            ["2.1", None],
        ),
    ],
)  # fmt: skip
def test_the_contract_says_the_form_of_what_a_schema_means(
    column: Column | None, schema: dict[str, Any], value: object, expected: object
) -> None:
    found = seen(column, schema, value)

    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("column", "type_name", "value", "expected"),
    [
        (TEXT, "numeric(10,2)", Decimal("1E+3"), "1000"),
        (NUMBER, "double precision", 5, Decimal("5.0")),
        (a_column("array"), "bytea[]", '{"\\\\x00ff",NULL}', ["AP8=", None]),
        (a_column("array", items=TEXT), "timestamptz[]", '{"2026-01-01 00:00:00+02"}', ["2025-12-31T22:00:00.000000Z"]),
        (a_column("array"), "boolean[]", "{t,f,NULL}", [True, False, None]),
        (a_column("array"), "integer[]", "{{1,2},{3,4}}", [[1, 2], [3, 4]]),
        (INTEGER, "timestamp(3) without time zone", "1970-01-01 00:00:01", 1_000),
        (INTEGER, "timestamp without time zone", "1970-01-01 00:00:01", 1_000_000),
        (a_column("string", ColumnType.BYTES), "bit varying(20)", "101100000001", "AQs="),
    ],
)  # fmt: skip
def test_postgresqls_text_becomes_the_contracts_form(
    column: Column, type_name: str, value: object, expected: object
) -> None:
    found = read(column, type_name, value)

    assert (type(found), found) == (type(expected), expected)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_keeps_the_fewest_digits_that_mean_it(value: float) -> None:
    found = single_of(value)

    assert struct.pack("f", float(str(found))) == struct.pack("f", value)
    assert len(Decimal(str(found)).normalize().as_tuple().digits) <= 9


def test_a_tenth_is_a_tenth_in_32_bits() -> None:
    (widened,) = struct.unpack("f", struct.pack("f", 0.1))

    assert single_of(widened) == Decimal("0.1")


# -- what would fill the memory


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "-1e131073", "0e999999999"])
def test_a_number_of_too_many_digits_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        exact(text)


@pytest.mark.parametrize("scale", [2_147_483_647, -2_147_483_648, None, "2"])
def test_a_scale_that_no_column_has_is_refused(scale: object) -> None:
    with pytest.raises(ValueError):
        decimal_of(b"\x01", scale)


def test_a_bit_string_is_no_longer_than_its_bytes() -> None:
    schema = {"type": "bytes", "name": DEBEZIUM + "data.Bits", "parameters": {"length": str((1 << 31) - 1)}}

    assert seen(TEXT, schema, "Fg==") == "00010110"


@pytest.mark.parametrize("parameter", ["x", "", None, "9" * 40, {}])
def test_a_schemas_parameter_that_is_no_number_reads_nothing(parameter: object) -> None:
    rows = RowReader({}, {"n": connect_wire({"name": CONNECT + "Decimal", "parameters": {"scale": parameter}})})

    assert rows.row({"n": "AN0="}) == {"n": "AN0="}


def test_no_more_schemas_are_kept_than_a_worker_can_hold() -> None:
    made: list[int] = []
    kept: Remembered[int, int] = Remembered(lambda key: made.append(key) or key)

    for key in range(MANY_SCHEMAS + 1):
        assert kept[key] == key
    assert (len(kept), kept[1], kept[0]) == (MANY_SCHEMAS, 1, 0)
    assert made == [*range(MANY_SCHEMAS + 1), 0]


# -- values that were not sent


@pytest.mark.parametrize(
    "form",
    [
        UNAVAILABLE,
        UNAVAILABLE.encode(),
        b64encode(UNAVAILABLE.encode()).decode(),
        UNAVAILABLE.encode().hex(),
        [UNAVAILABLE],
        list(UNAVAILABLE.encode()),
        {UNAVAILABLE: UNAVAILABLE},
        {"scale": 0, "value": b64encode(UNAVAILABLE.encode()).decode()},
        {"scale": 0, "value": UNAVAILABLE.encode()},
    ],
)
def test_the_placeholder_is_known_in_every_form(form: object) -> None:
    assert is_unavailable(form)
    assert not is_unavailable([form, 1])


def test_a_placeholder_among_numbers_is_found_though_no_text_of_it_is_in_the_bytes() -> None:
    schema = {"type": "record", "name": "R", "fields": [{"name": "arr", "type": {"type": "array", "items": "int"}}]}
    wire = compile_avro(RegisteredSchema(kind=SchemaKind.AVRO, text=json.dumps(schema), id=1)).wire
    rows = RowReader({}, wire.fields)

    assert rows.read({"arr": list(UNAVAILABLE.encode())}, b"") == ({}, frozenset({"arr"}))
