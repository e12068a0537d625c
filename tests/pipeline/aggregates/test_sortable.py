"""Sortable: keys in bytes sort as what they are made of."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from streams.pipeline.aggregates.sortable import descending, sort_key

from ..builders import laws

numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(-2, 2, places=3)
texts = st.text() | st.text("a\0b")


def order_of(left: object, right: object) -> int:
    return (left > right) - (left < right)  # type: ignore[operator]


@laws
@given(st.tuples(numbers, numbers) | st.tuples(texts, texts) | st.tuples(st.booleans(), st.booleans()))
def test_keys_sort_as_their_values_and_the_other_way_round(pair: tuple[object, object]) -> None:
    left, right = map(sort_key, pair)

    assert order_of(left, right) == order_of(*pair)
    assert order_of(descending(left), descending(right)) == order_of(pair[1], pair[0])


@laws
@given(numbers | texts | st.booleans() | st.lists(st.integers()), numbers | texts | st.lists(st.text()))
def test_no_key_begins_another_one(one: object, other: object) -> None:
    left, right = sort_key(one), sort_key(other)

    assert left == right or not (left.startswith(right) or right.startswith(left))


def test_equal_numbers_have_one_key() -> None:
    assert len({sort_key(number) for number in (100, Decimal(100), Decimal("1e2"), Decimal("100.00"))}) == 1
