"""Aggregates: count, sum, avg, min and max are SQL's, and exact."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..builders import a_driver, a_plain, a_plain_pipeline, laws, problems_of, reasons_of, rows_of, send

COLUMNS = {
    "all": "count(*)",
    "known": "count(amount)",
    "sum": "sum(amount)",
    "avg": "avg(amount)",
    "min": "min(amount)",
    "max": "max(amount)",
}


def aggregated(amounts: Iterable[object], columns: dict[str, str] = COLUMNS, column: str = "amount") -> dict[str, Any]:
    """The aggregates of one group as published."""
    aggregate = {"table": "sums", "by": ["id"], "columns": columns, "to": "sums.v1"}
    driver = a_driver(a_plain_pipeline(aggregate=[aggregate], route=None))
    send(driver, *(a_plain(1, **{column: amount}) for amount in amounts))
    (row,) = rows_of(driver.records("sums.v1"))
    assert row is not None
    assert driver.table("sums")[1] == row
    return {name: held for name, held in row.items() if name != "id"}


def test_nulls_are_skipped() -> None:
    found = aggregated([None, 4, None, Decimal("1.5")])

    average, sum_ = Decimal("2.75"), Decimal("5.5")
    assert found == {"all": 4, "known": 2, "sum": sum_, "avg": average, "min": Decimal("1.5"), "max": 4}


def test_of_nothing_everything_but_a_count_is_null() -> None:
    assert aggregated([None]) == {"all": 1, "known": 0, "sum": None, "avg": None, "min": None, "max": None}


def test_a_sum_keeps_every_digit() -> None:
    amounts = [Decimal("123456789012345678901234567890.5"), Decimal("0.00000000000000000000000000001")]

    assert str(aggregated(amounts)["sum"]) == "123456789012345678901234567890.50000000000000000000000000001"


def test_a_sum_of_decimals_in_text_is_a_number() -> None:
    assert str(aggregated(["0.1", "0.2"], {"sum": "sum(price)"}, "price")["sum"]) == "0.3"


def test_an_aggregate_takes_an_expression() -> None:
    columns = {"net": "sum(amount * 0.5)", "large": "count(nullif(amount > 5, false))", "first": "min(code)"}

    assert aggregated([4, 6], columns) == {"net": Decimal("5.0"), "large": 1, "first": "A-1"}


def test_least_and_greatest_of_texts_and_times() -> None:
    columns = {"min": "min(note::timestamptz)", "max": "max(note)"}
    notes = ["2026-01-01T00:00:00+05:00", "2025-12-31T20:00:00Z", None]

    assert aggregated(notes, columns, "note") == {"min": "2025-12-31T19:00:00.000000Z", "max": notes[0]}


@pytest.mark.parametrize("order", [1, -1])
def test_a_number_too_large_for_any_numeric_is_null_and_stops_nothing(order: int) -> None:
    amounts = [Decimal("1e999999999"), 5, Decimal("-1e200000"), Decimal("1e-999999999")][::order]

    assert aggregated(amounts) == {"all": 4, "known": 1, "sum": 5, "avg": 5, "min": 5, "max": 5}


def test_a_whole_number_too_large_kills_its_event_and_no_checkpoint() -> None:
    aggregate = {"table": "sums", "by": ["id"], "columns": {"avg": "avg(customer_id)"}, "to": "sums.v1"}
    driver = a_driver(a_plain_pipeline(aggregate=[aggregate]))

    send(driver, a_plain(1, customer_id=Decimal("1e9999999")), a_plain(1, customer_id=4))

    assert [row and row["avg"] for row in rows_of(driver.records("sums.v1"))] == [4]
    assert reasons_of(driver) == ["internal_error"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("amount", "no aggregate; there are count(*), count(x)"),
        ("sum(email)", "text is no number; cast it"),
        ("sum(*)", "only count takes *; name a column"),
        ("count()", "takes one argument"),
        ("max(amount, id)", "takes one argument"),
        ("count(id, amount)", "takes one argument"),
        ("count(distinct amount, id)", "takes one argument"),
        ("stddev(amount)", "no such aggregate; there are count(*), count(x)"),
        ("sum(amount) filter (where id)", "a filter is TRUE, FALSE or NULL; this is integer"),
        ("sum(distinct amount)", "distinct is for count alone"),
        ("array_agg(amount)", "what is kept must have a bound: write list(x, 100)"),
        ("list(amount)", "as in list(x, 100)"),
        ("list(amount, 0)", "1 to 10000"),
        ("percentile_cont(0.5) within group (order by amount)", "write approx_quantile(x, 0.5)"),
        ("approx_quantile(amount, 2)", "a fraction from 0 to 1"),
        ("approx_quantile(email, 0.5)", "text is no number; cast it"),
        ("string_agg(id, ',')", "integer is no text; cast it, as in x::text"),
        ("string_agg(email)", "takes a text and what stands between"),
        ("string_agg(email, ',' order by id)", "takes no order by"),
        ("arg_max(id)", "takes two arguments"),
        ("arg_max(id, email like 'x')", "boolean has no order"),
        ("sum(amonut)", "no column 'amonut'; did you mean amount?"),
        ("max(email like 'x')", "boolean has no order"),
        ("sum(amount) + 1", "no aggregate"),
    ],
)
def test_what_is_no_aggregate_is_refused(text: str, says: str) -> None:
    aggregate = {"table": "sums", "by": ["id"], "columns": {"x": text}}

    (problem,) = problems_of(a_plain_pipeline(aggregate=[aggregate]))

    assert problem.startswith("pipelines/orders.yaml:1: aggregate[0].columns.x: ")
    assert says in problem


numbers = st.integers(-(10**30), 10**30) | st.decimals(allow_nan=False, allow_infinity=False, places=9)


@laws
@given(st.lists(st.none() | numbers, min_size=1, max_size=12))
def test_aggregates_are_those_of_exact_arithmetic(amounts: list[Decimal | int | None]) -> None:
    known = [Decimal(amount) for amount in amounts if amount is not None]
    with localcontext(prec=500):
        total = sum(known, Decimal(0))
        average = total / len(known) if known else None

    found = aggregated(amounts)

    assert (found["all"], found["known"]) == (len(amounts), len(known))
    if not known or average is None:
        return
    assert (found["sum"], found["min"], found["max"]) == (total, min(known), max(known))
    with localcontext(prec=28):
        assert found["avg"] == +average
