"""Partials: what a batch adds to a group and takes away from it, as one value; and how groups take it in.

A partial is made where the events are. It is merged into the group where the group lives, which may be another task:
however many rows of a batch have a group, one record travels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import localcontext

from streams.records import ChangeEvent, Operation
from streams.state.table import Table

from ..entries import Entry
from ..formats.times import NO_TIME
from ..plan import Accumulator, Aggregation
from ..tables import PipelineTables, RowChange
from .multisets import Counts, GroupChange, change_values, count_in, space_of
from .numbers import EXACT_SUMS

ROWS = 1
"""Slot of a state that counts the rows of its group, where the aggregation is of rows."""


@dataclass(slots=True)
class Partial:
    """What one batch did to one group."""

    state: Accumulator
    """As if the group had been empty; of rows, what went counts less than nothing."""
    counts: list[Counts]
    """By multiset, what came and went."""
    events: int = 0
    """How many did so."""


Partials = dict[bytes, Partial]
"""By key of the group."""


def partials_of_rows(changes: Iterable[RowChange], aggregation: Aggregation) -> Partials:
    """What ``changes`` of rows do to the groups of ``aggregation``."""
    partials: Partials = {}
    group = aggregation.group
    with localcontext(EXACT_SUMS):
        for change in changes:
            if change.before is not None and change.after is not None and change.before == change.after:
                continue
            for row, sign in ((change.before, -1), (change.after, 1)):
                if row is not None:
                    event = _event_of(change.event, row)
                    partial = _partial(partials, group(event), aggregation)
                    _add_row(partial, event, aggregation, sign)
    return partials


def partials_of_changes(events: Iterable[ChangeEvent], keys: Iterable[bytes], aggregation: Aggregation) -> Partials:
    """What ``events`` add to the groups whose keys stand at their places in ``keys``."""
    partials: Partials = {}
    updates = [column.update for column in aggregation.columns]
    with localcontext(EXACT_SUMS):
        for key, event in zip(keys, events, strict=True):
            partial = _partial(partials, key, aggregation)
            _note(partial, event)
            for update in updates:
                update(partial.state, event)
            _count_values(partial, event, aggregation, 1)
    return partials


def _partial(partials: Partials, key: bytes, aggregation: Aggregation) -> Partial:
    partial = partials.get(key)
    if partial is None:
        partial = partials[key] = Partial(empty_state(aggregation), [{} for _ in aggregation.multisets])
    return partial


def empty_state(aggregation: Aggregation) -> Accumulator:
    """Of a group that nothing has come to."""
    return [NO_TIME, *([0] if aggregation.is_of_rows else []), *aggregation.initial]


def _event_of(change: ChangeEvent, row: dict[str, object]) -> ChangeEvent:
    """A row as expressions see it: they read nothing else."""
    return ChangeEvent(
        record=change.record, operation=Operation.READ, row=row, source={}, key={}, event_time_ms=change.event_time_ms
    )


def _note(partial: Partial, event: ChangeEvent) -> None:
    partial.events += 1
    if event.event_time_ms > partial.state[0]:  # type: ignore[operator]  # slot 0 is the newest event time
        partial.state[0] = event.event_time_ms


def _add_row(partial: Partial, event: ChangeEvent, aggregation: Aggregation, sign: int) -> None:
    state = partial.state
    _note(partial, event)
    state[ROWS] += sign  # type: ignore[operator]  # an int
    for column in aggregation.columns:
        change = column.update if sign > 0 else column.retract
        assert change is not None  # no other column is made for rows
        change(state, event)
    _count_values(partial, event, aggregation, sign)


def _count_values(partial: Partial, event: ChangeEvent, aggregation: Aggregation, sign: int) -> None:
    for multiset, counts in zip(aggregation.multisets, partial.counts, strict=True):
        if (pair := multiset.pair_of(event)) is not None:
            count_in(counts, multiset.key_of(pair), sign, pair)


def merge_partial(partials: Partials, key: bytes, more: Partial, aggregation: Aggregation) -> None:
    """Add ``more``, which came later, to what ``partials`` have for ``key``."""
    held = partials.get(key)
    if held is None:
        partials[key] = more
        return
    with localcontext(EXACT_SUMS):
        _merge(held.state, more.state, aggregation)
    held.events += more.events
    for counts, came in zip(held.counts, more.counts, strict=True):
        for place, (by, pair) in came.items():
            count_in(counts, place, by, pair)


def _merge(into: Accumulator, other: Accumulator, aggregation: Aggregation) -> None:
    if aggregation.is_of_rows:
        into[ROWS] += other[ROWS]  # type: ignore[operator]  # ints
    aggregation.merge(into, other)


def add_partials(partials: Mapping[bytes, Partial], aggregation: Aggregation, tables: PipelineTables) -> None:
    """Merge each of ``partials`` into its group."""
    groups = tables.groups[aggregation.table]
    stored = groups.get_many(list(partials))
    changed: dict[bytes, Accumulator | None] = {}
    with localcontext(EXACT_SUMS):
        for key, partial in partials.items():
            state = stored.get(key)
            if state is None or (aggregation.is_of_rows and not state[ROWS]):
                state = empty_state(aggregation)
            state = changed[key] = state.copy()
            _merge(state, partial.state, aggregation)
    if aggregation.multisets:
        _change_values(partials, changed, aggregation, tables.values[aggregation.table])
    groups.put_many(changed)


def _change_values(
    partials: Mapping[bytes, Partial],
    states: Mapping[bytes, Accumulator | None],
    aggregation: Aggregation,
    values: Table[Entry],
) -> None:
    changes = [
        GroupChange(space=space_of(key, multiset.number), multiset=multiset, state=state, counts=counts)
        for key, partial in partials.items()
        if (state := states[key]) is not None
        for multiset, counts in zip(aggregation.multisets, partial.counts, strict=True)
        if counts
    ]
    change_values(changes, values)
