"""Apply: contributions of events to the states of their groups."""

from __future__ import annotations

from decimal import localcontext

from streams.records import ChangeEvent
from streams.state.table import Table

from ..formats.times import NO_TIME
from ..plan import Accumulator, Aggregation
from ..tables import Results
from .numbers import EXACT_SUMS


def apply_changes(
    events: list[ChangeEvent], keys: list[bytes], aggregation: Aggregation, groups: Table[Accumulator]
) -> Results:
    """Add each of ``events`` to the group whose key stands at its place in ``keys``."""
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
    groups.put_many(changed)  # type: ignore[arg-type]  # handed over: whoever removes entries does it there
    return results
