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
