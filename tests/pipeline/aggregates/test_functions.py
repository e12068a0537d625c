"""Aggregate functions beside those of numbers: which value they take, and how near the estimates are."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from streams.pipeline.aggregates.columns import compile_column
from streams.pipeline.expressions import compile_aggregate
from streams.pipeline.plan import Accumulator
from streams.records import ChangeEvent
from streams.testing import Driver

from ..builders import SCOPE, a_driver, a_plain, a_plain_pipeline, an_event, rows_of, send


def a_summing_driver(**columns: str) -> Driver:
    aggregate = {"table": "sums", "by": ["customer_id"], "columns": columns, "to": "sums.v1"}
    source = {"key": ["customer_id"], "max_future": "3650d"}
    return a_driver(a_plain_pipeline(source=source, aggregate=[aggregate], route=None))


def aggregated(events: Iterable[dict[str, Any]], **columns: str) -> dict[str, Any]:
    """The aggregates of one group after ``events``."""
    driver = send(a_summing_driver(**columns), *(a_plain(1, **event) for event in events))
    (row,) = rows_of(driver.records("sums.v1"))
    assert row is not None
    return {name: held for name, held in row.items() if name != "customer_id"}


def test_first_and_last_are_by_event_time_and_at_one_time_by_arrival() -> None:
    events = [{"at": 5, "note": "b"}, {"at": 9, "note": "d"}, {"at": 5, "note": "a"}, {"at": 9, "note": "c"}, {"at": 7}]

    assert aggregated(events, first="first(note)", last="last(note)") == {"first": "b", "last": "c"}


def test_a_value_by_another_is_the_least_one_where_the_other_is_equal() -> None:
    events = [{"amount": 3, "note": "b"}, {"amount": 3, "note": "a"}, {"amount": None, "note": "x"}, {"amount": 1}]

    columns = {"dear": "arg_max(note, amount)", "cheap": "min_by(code, amount)", "none": "max_by(price, amount)"}
    assert aggregated(events, **columns) == {"dear": "a", "cheap": "A-1", "none": None}


def test_texts_and_lists_come_in_the_order_of_the_events_up_to_their_bound() -> None:
    events = [{"note": "b", "amount": Decimal("1.50")}, {"note": None}, {"note": "a"}, {"note": "c"}]

    columns = {
        "all": "string_agg(note, ', ')",
        "two": "list(note, 2)",
        "sums": "list(amount, 9)",
        "no": "list(price, 1)",
    }
    found = aggregated(events, **columns)
    assert found == {"all": "b, a, c", "two": ["b", "a"], "sums": [Decimal("1.50"), 5, 5, 5], "no": None}


def test_a_filter_lets_only_some_events_count() -> None:
    events = [{"amount": 1, "note": "a"}, {"amount": 2, "note": "b"}, {"amount": 3, "note": None}]

    columns = {
        "n": "count(*) filter (where note = 'a')",
        "not_a": "sum(amount) filter (where note <> 'a')",
        "last": "last(amount) filter (where note is not null)",
    }
    assert aggregated(events, **columns) == {"n": 1, "not_a": 2, "last": 2}


@pytest.mark.parametrize("count", [0, 1, 100, 3_000])
def test_an_estimate_of_distinct_values_is_near(count: int) -> None:
    texts = [{"note": f"n{number}"} for number in range(count)]

    found = aggregated([{"note": None}, *texts, *texts[:50]], n="approx_count_distinct(note)")["n"]
    assert abs(found - count) <= count * 0.05


def test_equal_numbers_are_one_value_however_they_are_written() -> None:
    events = [{"amount": amount} for amount in (1, Decimal("1.0"), Decimal("1.00"))]

    assert aggregated(events, n="approx_count_distinct(amount)") == {"n": 1}


def test_a_quantile_is_near_the_value_at_its_rank() -> None:
    amounts = [number * number - 900 for number in range(101)]

    columns = {name: f"approx_quantile(amount, {at})" for name, at in {"least": 0, "mid": "0.5", "most": 1}.items()}
    found = aggregated([{"amount": amount} for amount in amounts], **columns)
    for name, exact in {"least": -900, "mid": 1600, "most": 9100}.items():
        assert abs(found[name] - exact) <= abs(exact) * Decimal("0.006")


@pytest.mark.parametrize("amounts", [[Decimal("1e-400"), 0, Decimal("-1e400")], [10**400]])
def test_a_quantile_takes_numbers_that_no_float_holds(amounts: list[object]) -> None:
    found = aggregated([{"amount": amount} for amount in amounts], top="approx_quantile(amount, 1)")

    assert found["top"] == 0 if len(amounts) == 3 else found["top"] > 10**300


EVENTS = [{"at": at, "amount": at * 7 % 5, "note": f"n{at % 3}"} for at in range(40)]


@pytest.mark.parametrize("every", [1, 3, 40])
def test_results_do_not_depend_on_where_checkpoints_and_crashes_are(every: int) -> None:
    columns = {
        "first": "first(note)",
        "dear": "arg_max(note, amount)",
        "distinct": "approx_count_distinct(amount)",
        "mid": "approx_quantile(amount, 0.5)",
        "all": "string_agg(note, '-')",
        "some": "list(amount, 7)",
    }
    driver = a_summing_driver(**columns)
    for place, event in enumerate(EVENTS):
        send(driver, a_plain(1, **event))
        if place % every == 0:
            driver.commit()
            driver.restart()

    assert {name: held for name, held in driver.table("sums")[7].items() if name != "customer_id"} == aggregated(
        EVENTS, **columns
    )


def test_an_estimate_does_not_depend_on_the_order_of_values_or_on_how_they_were_parted() -> None:
    column = compile_column("n", compile_aggregate("approx_count_distinct(i)", SCOPE), 1)
    events = [an_event({"i": number}) for number in range(3_000)]

    def state_of(part: list[ChangeEvent]) -> Accumulator:
        state: Accumulator = [0, *column.initial]
        for event in part:
            column.update(state, event)
        return state

    merged = state_of(events[::2])
    column.merge(merged, state_of(events[1::2]))

    assert column.read(merged) == column.read(state_of(events)) == column.read(state_of(events[::-1]))
