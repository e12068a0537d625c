"""Aggregate: counts and sums of groups, in windows of event time.

In:   events with their final rows, and the watermark as each found it.
Out:  the groups they changed, each as it stood after the event; late events are counted, and told apart.
Next: streams.pipeline.regroup

Windows are half-open, [start, start + size), aligned to the epoch, and closed once watermark >= end + grace.
INSERT, UPDATE and DELETE count once each; a READ is an upsert, not a change.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.ledger import Ledger
from streams.records import ROW_CHANGES, ChangeEvent

from .aggregates.apply import apply_changes
from .formats.times import NO_TIME
from .plan import Aggregation
from .tables import Aggregated, PipelineTables, window_key


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
    forced = tables.current_progress().forced
    for aggregation in aggregations:
        if aggregation.is_of_rows or aggregation.is_combined:
            continue
        timely, keys, too_late = _split_late(changes, aggregation, clock, forced.get(aggregation.table))
        late[aggregation.table] = too_late
        if too_late:
            ledger.late_by_table[aggregation.table] += len(too_late)
        results[aggregation.table] = apply_changes(timely, keys, aggregation, tables)
    return Aggregated(results=results, late=late)


def _split_late(
    events: list[ChangeEvent], aggregation: Aggregation, clock: Mapping[int, int], forced_ms: int | None
) -> tuple[list[ChangeEvent], list[bytes], list[ChangeEvent]]:
    """(events in time, the key of each, events whose window had closed)."""
    group, size_ms = aggregation.group, aggregation.size_ms
    if size_ms is None:
        return events, list(map(group, events)), []
    open_ms = size_ms + aggregation.grace_ms
    least_ms = NO_TIME if forced_ms is None else forced_ms
    # What is in time at the end of the batch was in time when it came: most events need no look at the clock.
    newest_ms = max(clock[events[-1].record.offset], least_ms) if events else least_ms
    timely, keys, late = [], [], []
    spaces: dict[int, bytes] = {}
    for event in events:
        time_ms = event.event_time_ms
        start_ms = time_ms - time_ms % size_ms
        closes_ms = start_ms + open_ms
        if closes_ms <= newest_ms and closes_ms <= max(clock[event.record.offset], least_ms):
            late.append(event)
            continue
        space = spaces.get(start_ms)
        if space is None:
            space = spaces[start_ms] = window_key(start_ms, b"")
        timely.append(event)
        keys.append(space + group(event))
    return timely, keys, late
