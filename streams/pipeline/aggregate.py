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
from .tables import Aggregated, PipelineTables
from .windows.kinds import Hopping
from .windows.place import Bounds, Placed, place_events


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
        placed = _placed(changes, aggregation, clock, bounds)
        late[aggregation.table] = placed.late
        if placed.late:
            ledger.late_by_table[aggregation.table] += len(placed.late)
        results[aggregation.table] = apply_changes(placed.events, placed.keys, aggregation, tables)
    return Aggregated(results=results, late=late)


def _placed(
    events: list[ChangeEvent], aggregation: Aggregation, clock: Mapping[int, int], bounds: Bounds
) -> Placed:
    if aggregation.windows is None:
        return Placed(events=events, keys=list(map(aggregation.group, events)))
    assert isinstance(aggregation.windows, Hopping)
    return place_events(events, aggregation.group, aggregation.windows, clock, bounds)
