"""Laws of every aggregate function: taking back undoes adding, and merging is one part after the other."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.pipeline.aggregates.columns import compile_column
from streams.pipeline.aggregates.numbers import EXACT_SUMS
from streams.pipeline.expressions import compile_aggregate
from streams.pipeline.plan import Accumulator, AggregateColumn
from streams.records import ChangeEvent

from ..builders import SCOPE, an_event, laws

MERGED = [
    *("count(*)", "count(d)", "sum(d)", "sum(i)", "avg(d)", "min(d)", "max(t)", "first(t)", "last(d)"),
    *("arg_max(t, d)", "arg_min(d, t)", "approx_count_distinct(d)", "approx_quantile(d, 0.3)"),
    *("string_agg(t, '+')", "list(d, 4)", "sum(d) filter (where i > 0)", "count(*) filter (where t = 'a')"),
]
RETRACTED = [
    *("count(*)", "count(d)", "sum(d)", "avg(d)", "approx_quantile(d, 0.7)"),
    *("sum(d) filter (where i > 0)", "count(*) filter (where t = 'a')"),
]

values = st.none() | st.integers(-20, 20) | st.decimals(-9, 9, places=2)
events = st.builds(
    lambda d, i, t, at: replace(an_event({"d": d, "i": i, "t": t}), event_time_ms=at),
    values,
    st.none() | st.integers(-9, 9),
    st.none() | st.text("ab"),
    st.integers(0, 9),
)


def a_column(text: str, *, retracts: bool = False) -> AggregateColumn:
    return compile_column("x", compile_aggregate(text, SCOPE), 1, retracts=retracts)


def state_of(column: AggregateColumn, added: Sequence[ChangeEvent]) -> Accumulator:
    state: Accumulator = [0, *column.initial]
    for event in added:
        column.update(state, event)
    return state


@pytest.mark.parametrize("text", MERGED)
@laws
@given(left=st.lists(events, max_size=5), right=st.lists(events, max_size=5))
def test_merging_two_states_is_adding_one_part_after_the_other(
    text: str, left: list[ChangeEvent], right: list[ChangeEvent]
) -> None:
    column = a_column(text)
    with localcontext(EXACT_SUMS):
        into, other = state_of(column, left), state_of(column, right)
        untouched = other.copy()

        column.merge(into, other)

        assert column.read(into) == column.read(state_of(column, [*left, *right]))
        assert other == untouched


@pytest.mark.parametrize("text", RETRACTED)
@laws
@given(st.lists(events, max_size=6), st.data())
def test_taking_back_undoes_adding_in_any_order(text: str, added: list[ChangeEvent], data: st.DataObject) -> None:
    column = a_column(text, retracts=True)
    assert column.retract is not None
    gone = data.draw(st.lists(st.sampled_from(range(len(added))), unique=True)) if added else []
    with localcontext(EXACT_SUMS):
        state = state_of(column, added)
        for place in gone:
            column.retract(state, added[place])

        left = [event for place, event in enumerate(added) if place not in gone]
        assert column.read(state) == column.read(state_of(column, left))
