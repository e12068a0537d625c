"""Debezium's forms of values become the contract's, exactly or not at all."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.model import Column, ColumnType
from streams.pipeline.formats.bare import bare_view as converter_of
from streams.pipeline.formats.wires import Convert

numbers = st.integers(min_value=-(10**60), max_value=10**60)
scales = st.integers(min_value=0, max_value=40)


def a_converter(kind: ColumnType, json_type: str = "string", **more: object) -> Convert:
    column = Column(name="it", type=kind, json_types=frozenset({json_type}), physical_type="numeric", **more)  # type: ignore[arg-type]  # each test names its own
    convert = converter_of(column)
    assert convert is not None
    return convert


def two_complement(number: int) -> str:
    """As Java's BigInteger writes it."""
    return b64encode(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)).decode()


@given(number=numbers, scale=scales)
def test_precise_decimals_are_exact_at_any_length(number: int, scale: int) -> None:
    convert = a_converter(ColumnType.DECIMAL, scale=scale, encoding="base64")

    text = convert(two_complement(number))

    assert isinstance(text, str)
    assert "E" not in text
    assert Decimal(text).as_tuple() == Decimal(f"{number}E-{scale}").as_tuple()


@given(number=numbers, scale=scales)
def test_decimals_that_carry_their_scale_are_exact(number: int, scale: int) -> None:
    held = {"scale": scale, "value": two_complement(number)}

    assert Decimal(str(a_converter(ColumnType.DECIMAL)(held))).as_tuple() == Decimal(f"{number}E-{scale}").as_tuple()
    found = a_converter(ColumnType.DECIMAL, "number")(held)
    assert isinstance(found, Decimal)
    assert found.as_tuple() == Decimal(f"{number}E-{scale}").as_tuple()


@pytest.mark.parametrize(
    ("value", "expected"), [("12.30", "12.30"), (Decimal("1E+3"), "1000"), (7, "7"), (True, True), ("x", "x")]
)
def test_decimals_as_text_and_numbers_keep_their_digits(value: object, expected: object) -> None:
    assert a_converter(ColumnType.DECIMAL)(value) == expected


@pytest.mark.parametrize(
    ("kind", "unit", "value", "expected"),
    [
        (ColumnType.TIMESTAMP, "us", 1, "1970-01-01T00:00:00.000001Z"),
        (ColumnType.TIMESTAMP, "us", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        (ColumnType.TIMESTAMP, "us", True, True),
        (ColumnType.DATE, None, 1, "1970-01-02"),
        (ColumnType.TIME, "ms", 1, "00:00:00.001000"),
    ],
)
def test_times_become_text_where_the_contract_says_text(
    kind: ColumnType, unit: str | None, value: object, expected: object
) -> None:
    assert a_converter(kind, unit=unit)(value) == expected


def test_integers_stay_integers_where_the_contract_says_so() -> None:
    column = Column(name="it", type=ColumnType.TIMESTAMP, json_types=frozenset({"integer"}), unit="us")

    assert converter_of(column) is None


@pytest.mark.parametrize(
    ("encoding", "value", "expected"),
    [("hex", "00ff10", "AP8Q"), ("base64url", "-_8=", "+/8="), ("hex", "", "")],
)
def test_bytes_in_another_encoding_are_base64_in_rows(encoding: str, value: str, expected: str) -> None:
    column = Column(name="it", type=ColumnType.BYTES, json_types=frozenset({"string"}), encoding=encoding)
    convert = converter_of(column)
    assert convert is not None

    assert convert(value) == expected


def bare(physical: str, json_type: str, kind: ColumnType = ColumnType.TEXT, **more: object) -> Convert:
    column = Column(name="it", type=kind, json_types=frozenset({json_type}), physical_type=physical, **more)  # type: ignore[arg-type]  # each test names its own
    convert = converter_of(column)
    assert convert is not None
    return convert


@pytest.mark.parametrize(
    ("physical", "json_type", "kind", "value", "expected"),
    [
        ("interval", "string", ColumnType.TEXT, 37_091_106_789_000, "PT10303H5M6.789S"),
        ("interval", "string", ColumnType.TEXT, "P0Y0M-1DT0H0M0S", "P-1D"),
        ("interval", "integer", ColumnType.INTEGER, "P1DT1S", 86_401_000_000),
        ("interval", "integer", ColumnType.INTEGER, 5, 5),
        ("timetz", "string", ColumnType.TEXT, "23:59:59+05:30", "18:29:59Z"),
        ("timetz", "string", ColumnType.TEXT, "18:29:59.5Z", "18:29:59.5Z"),
        ("real", "number", ColumnType.DOUBLE, Decimal("1.0E10"), Decimal("10000000000.0")),
        ("double precision", "number", ColumnType.DOUBLE, 5, Decimal("5.0")),
        ("jsonb", "object", ColumnType.OBJECT, '{"a": 1.50}', {"a": Decimal("1.50")}),
        ("jsonb", "object", ColumnType.OBJECT, {"a": 1}, {"a": 1}),
        ("bit(5)", "string", ColumnType.BYTES, "10110", "Fg=="),
        ("bit(5)", "string", ColumnType.BYTES, "Fg==", "Fg=="),
        ("timestamp", "string", ColumnType.TIMESTAMP, "+292278994-08-16T23:00:00Z", "infinity"),
        ("date", "string", ColumnType.DATE, "2026-03-29Z", "2026-03-29"),
        ("time", "string", ColumnType.TIME, "23:59:59.5Z", "23:59:59.500000"),
        ("numeric", "string", ColumnType.DECIMAL, "NAN", "NaN"),
    ],
)
def test_what_the_contract_alone_explains_has_the_contracts_form(
    physical: str, json_type: str, kind: ColumnType, value: object, expected: object
) -> None:
    found = bare(physical, json_type, kind)(value)

    assert (type(found), found) == (type(expected), expected)


def test_arrays_of_decimals_are_read_one_by_one() -> None:
    items = Column(
        name="it", type=ColumnType.DECIMAL, json_types=frozenset({"string"}), physical_type="numeric(6,1)", scale=1,
        encoding="base64",
    )  # fmt: skip

    assert bare("numeric(6,1)[]", "array", ColumnType.ARRAY, items=items)(["FQ==", None]) == ["2.1", None]
