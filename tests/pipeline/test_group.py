"""Group: what SQL holds equal is one group, and nothing else is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.pipeline.group import canonical
from streams.pipeline.tables import encode_key

from .builders import a_driver, a_plain, a_plain_pipeline, laws, send


def groups_of(column: str, *values: object) -> dict[object, object]:
    """How many events each group of ``column`` has."""
    aggregate = {"table": "groups", "by": [column], "columns": {"n": "count(*)"}}
    driver = a_driver(a_plain_pipeline(source={"key": [column]}, aggregate=[aggregate]))
    send(driver, *(a_plain(1, **{column: value}) for value in values))
    return {key: row["n"] for key, row in driver.table("groups").items()}


@pytest.mark.parametrize("column", ["customer_id", "amount"])
def test_one_is_one_however_it_is_written(column: str) -> None:
    numbers = [1, Decimal("1.0"), Decimal("1.00"), Decimal("1E+2"), 100, Decimal("100.000")]

    assert groups_of(column, *numbers) == {1: 3, 100: 3}


def test_decimals_that_are_text_are_numbers_too() -> None:
    assert groups_of("price", "1", "1.0", "1.50", "1.5", None) == {"1": 2, "1.5": 2, None: 1}


def test_texts_are_what_they_are() -> None:
    assert groups_of("email", "1", "1.0", None, None) == {"1": 1, "1.0": 1, None: 2}


def test_no_digit_is_too_far_behind_the_point_to_matter() -> None:
    near, far = Decimal("0.1234567890123456789012345678901"), Decimal("0.1234567890123456789012345678902")

    assert groups_of("amount", near, far) == {near: 1, far: 1}


def test_a_number_that_nobody_can_write_out_is_a_group_like_others() -> None:
    huge = Decimal("1e999999999")

    assert groups_of("amount", huge, huge, Decimal("1e-999999999")) == {huge: 2, Decimal("1e-999999999"): 1}


def test_several_columns_make_one_group() -> None:
    aggregate = {"table": "groups", "by": ["customer_id", "amount"], "columns": {"n": "count(*)"}}
    driver = a_driver(a_plain_pipeline(source={"key": ["customer_id"]}, aggregate=[aggregate]))

    send(driver, a_plain(1, amount=1), a_plain(2, amount=Decimal("1.0")), a_plain(3, amount=None))

    assert {key: row["n"] for key, row in driver.table("groups").items()} == {(7, 1): 2, (7, None): 1}


@laws
@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 40))
def test_zeros_behind_a_number_do_not_make_another(number: Decimal, zeros: int) -> None:
    sign, digits, exponent = number.as_tuple()
    longer = Decimal((sign, digits + (0,) * zeros, int(exponent) - zeros))

    assert encode_key([canonical(longer)]) == encode_key([canonical(number)])


@laws
@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_two_numbers_are_one_group_only_if_they_are_equal(left: Decimal, right: Decimal) -> None:
    assert (encode_key([canonical(left)]) == encode_key([canonical(right)])) == (left == right)
