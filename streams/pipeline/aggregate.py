"""Aggregate: counts and sums of groups, in windows of event time.

In:   events with their final rows, and the watermark as each found it.
Out:  the groups they changed, each as it stood after the event; late events are counted, and told apart.
Next: streams.pipeline.regroup

A window takes events until the watermark passes its end and grace; an event may be in several (windows.kinds).
INSERT, UPDATE and DELETE count once each; a READ is an upsert, not a change.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.ledger import Ledger
from streams.records import ROW_CHANGES, ChangeEvent

from .aggregates.apply import apply_changes
from .formats.times import NO_TIME
from .plan import Aggregation
from .tables import Aggregated, PipelineTables, Results
from .windows.kinds import Hopping, Session, Sliding
from .windows.place import Bounds, place_events
from .windows.recent import Clock
from .windows.sessions import add_to_sessions
from .windows.sliding import add_to_sliding


def aggregate_events(
    events: list[ChangeEvent],
    aggregations: tuple[Aggregation, ...],
    tables: PipelineTables,
    clock: Mapping[int, int],
    ledger: Ledger,
) -> Aggregated:
    """Add each change to its group in every aggregation."""
    if not aggregations:
        return Aggregated()
    changes = [event for event in events if event.operation in ROW_CHANGES]
    results, late = {}, {}
    progress = tables.current_progress()
    newest_ms = max(clock.values(), default=NO_TIME) if progress.watermark is None else progress.watermark
    for aggregation in aggregations:
        if aggregation.is_of_rows or aggregation.is_combined:
            continue
        bounds = Bounds(progress.forced.get(aggregation.table, NO_TIME), newest_ms)
        results[aggregation.table], too_late = _add(changes, aggregation, tables, clock, bounds)
        late[aggregation.table] = too_late
        if too_late:
            ledger.late_by_table[aggregation.table] += len(too_late)
    return Aggregated(results=results, late=late)


def _add(
    events: list[ChangeEvent],
    aggregation: Aggregation,
    tables: PipelineTables,
    clock: Mapping[int, int],
    bounds: Bounds,
) -> tuple[Results, list[ChangeEvent]]:
    """(states to attach, events that are late) once all others are in their windows."""
    windows = aggregation.windows
    match windows:
        case Hopping():
            placed = place_events(events, aggregation.group, windows, clock, bounds)
            return apply_changes(placed.events, placed.keys, aggregation, tables), placed.late
        case Session():
            return {}, add_to_sessions(events, aggregation, windows, tables, _clock_of(clock, bounds))
        case Sliding():
            return {}, add_to_sliding(events, aggregation, windows, tables, _clock_of(clock, bounds))
        case _:
            return apply_changes(events, list(map(aggregation.group, events)), aggregation, tables), []


def _clock_of(clock: Mapping[int, int], bounds: Bounds) -> Clock:
    return lambda event: max(clock[event.record.offset], bounds.least_ms)
