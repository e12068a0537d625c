"""Apply: contributions of events to the states of their groups."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import localcontext

from streams.records import ChangeEvent

from ..formats.times import NO_TIME
from ..plan import Accumulator, Aggregation
from ..tables import PipelineTables, Results
from .multisets import Counts, GroupChange, change_values, count_in, space_of
from .numbers import EXACT_SUMS


def apply_changes(
    events: list[ChangeEvent], keys: list[bytes], aggregation: Aggregation, tables: PipelineTables
) -> Results:
    """Add each of ``events`` to the group whose key stands at its place in ``keys``."""
    groups = tables.groups[aggregation.table]
    stored = groups.get_many(keys)
    nothing: Accumulator = [NO_TIME, *aggregation.initial]
    updates, is_attached = [column.update for column in aggregation.columns], aggregation.is_attached
    changed: dict[bytes, Accumulator] = {}
    results: Results = {}
    with localcontext(EXACT_SUMS):
        for key, event in zip(keys, events, strict=True):
            state = changed.get(key)
            # A copy: what the table holds is what a failed batch falls back to, and results are as of their event.
            if state is None or is_attached:
                state = changed[key] = (state or stored.get(key) or nothing).copy()
            time_ms = event.event_time_ms
            if time_ms > state[0]:  # type: ignore[operator]  # slot 0 is the newest event time
                state[0] = time_ms
            for update in updates:
                update(state, event)
            if is_attached:
                results[event.record.offset] = state
    if aggregation.multisets:
        change_values(_values_of(events, keys, aggregation, changed), tables.values[aggregation.table])
    groups.put_many(changed)  # type: ignore[arg-type]  # handed over: whoever removes entries does it there
    return results


def _values_of(
    events: list[ChangeEvent], keys: list[bytes], aggregation: Aggregation, states: Mapping[bytes, Accumulator]
) -> list[GroupChange]:
    """What came to the multisets of each group."""
    changes: list[GroupChange] = []
    for multiset in aggregation.multisets:
        counts: dict[bytes, Counts] = {}
        for key, event in zip(keys, events, strict=True):
            if (pair := multiset.pair_of(event)) is not None:
                count_in(counts.setdefault(key, {}), multiset.key_of(pair), 1, pair)
        changes += [
            GroupChange(space=space_of(key, multiset.number), multiset=multiset, state=states[key], counts=held)
            for key, held in counts.items()
        ]
    return changes
