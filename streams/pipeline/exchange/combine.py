"""Combine: what a batch adds to a group travels as one record, and what it takes away with it.

So rows can go to groups of other tasks, and one group of all events is no bottleneck: its task gets one record for each
batch of each partition, however many events there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from streams.errors import RecordTooLargeError
from streams.records import ChangeEvent, Delivery

from ..aggregates.partials import (
    Partial,
    Partials,
    add_partials,
    merge_partial,
    partials_of_changes,
    partials_of_rows,
)
from ..formats.times import NO_TIME
from ..plan import Aggregation, Plan
from ..tables import PipelineTables, RowChange
from ..windows.keys import split_window_key, window_key
from ..windows.kinds import Hopping
from ..windows.place import Bounds, place_events
from .plan import Exchange
from .wire import Added, encode

T = TypeVar("T")


def send_combined(
    changes: list[ChangeEvent], rows: list[RowChange], exchange: Exchange, clock: Mapping[int, int],
    late: Mapping[str, list[ChangeEvent]], limit: int,
) -> list[Delivery]:  # fmt: skip
    """What ``changes`` and ``rows`` do to groups that other tasks keep; those that are late are added to ``late``."""
    deliveries: list[Delivery] = []
    for aggregation in exchange.aggregations:
        if aggregation.is_of_rows:
            combine = partial(partials_of_rows, aggregation=aggregation)
            deliveries += _packed(rows, combine, aggregation, exchange.topic, limit)
        elif aggregation.is_combined:
            timely = _timely(changes, aggregation, clock, late[aggregation.table])
            deliveries += _packed(timely, partial(_combined, aggregation, clock), aggregation, exchange.topic, limit)
    return deliveries


def _timely(
    events: list[ChangeEvent], aggregation: Aggregation, clock: Mapping[int, int], late: list[ChangeEvent]
) -> list[ChangeEvent]:
    if aggregation.windows is None:
        return events
    timely: list[ChangeEvent] = []
    for event in events:
        is_late = aggregation.windows.closes_ms(event.event_time_ms) <= clock[event.record.offset]
        (late if is_late else timely).append(event)
    return timely


def _combined(aggregation: Aggregation, clock: Mapping[int, int], events: Sequence[ChangeEvent]) -> Partials:
    group, windows = aggregation.group, aggregation.windows
    if windows is None:
        return partials_of_changes(events, [group(event) for event in events], aggregation)
    assert isinstance(windows, Hopping)  # of others nothing is combined
    placed = place_events(events, group, windows, clock, Bounds(NO_TIME, NO_TIME))
    partials = partials_of_changes(placed.events, placed.keys, aggregation)
    # An event is late downstream where the last of its windows has closed: it counts as that window's alone.
    newest = Counter(window_key(windows.starts(event.event_time_ms)[-1], group(event)) for event in events)
    for key, held in partials.items():
        held.events = newest[key]
    return partials


def _packed(
    parts: Sequence[T], combine: Callable[[Sequence[T]], Partials], aggregation: Aggregation, topic: str, limit: int
) -> Iterator[Delivery]:
    """Records of what ``parts`` do; of fewer parts each, where one would be too large."""
    if not parts:
        return
    partition = _record_of(parts[0])
    packed = [_delivery(key, held, aggregation, topic, partition) for key, held in combine(parts).items()]
    size = max((len(held.value or b"") + len(held.key or b"") for held in packed), default=0)
    if size <= limit:
        yield from packed
    elif len(parts) == 1:
        raise RecordTooLargeError(size, limit)
    else:
        middle = len(parts) // 2
        yield from _packed(parts[:middle], combine, aggregation, topic, limit)
        yield from _packed(parts[middle:], combine, aggregation, topic, limit)


def _record_of(part: object) -> int:
    event = part.event if isinstance(part, RowChange) else part
    assert isinstance(event, ChangeEvent)
    return event.record.partition


def _delivery(key: bytes, held: Partial, aggregation: Aggregation, topic: str, partition: int) -> Delivery:
    start_ms, group = (None, key) if aggregation.windows is None else split_window_key(key)
    added = Added(
        partition=partition,
        table=aggregation.table,
        start_ms=start_ms,
        state=held.state,
        values=[[(by, *pair) for by, pair in counts.values()] for counts in held.counts],
        events=held.events,
    )
    newest_ms = held.state[0]
    assert isinstance(newest_ms, int)
    return Delivery(topic=topic, key=group, value=encode(added), timestamp_ms=max(newest_ms, 0))


def add_combined(added: list[tuple[bytes, Added]], plan: Plan, tables: PipelineTables) -> Counter[str]:
    """Merge what has come into its groups; told is how many events found their window closed here, by table."""
    late: Counter[str] = Counter()
    forced = tables.current_progress().forced
    for aggregation in plan.aggregations if added else ():
        partials: Partials = {}
        for group, held in added:
            if held.table != aggregation.table:
                continue
            if _is_closed(held.start_ms, aggregation, forced.get(aggregation.table)):
                late[aggregation.table] += held.events
                continue
            key = group if held.start_ms is None else window_key(held.start_ms, group)
            merge_partial(partials, key, _partial_of(held, aggregation), aggregation)
        add_partials(partials, aggregation, tables)
    return late


def _is_closed(start_ms: int | None, aggregation: Aggregation, clock_ms: int | None) -> bool:
    if start_ms is None or clock_ms is None or aggregation.windows is None:
        return False
    return aggregation.windows.closes_ms(start_ms) <= clock_ms


def _partial_of(added: Added, aggregation: Aggregation) -> Partial:
    counts = [
        {multiset.key_of((place, value)): (by, (place, value)) for by, place, value in told}
        for multiset, told in zip(aggregation.multisets, added.values, strict=True)
    ]
    return Partial(added.state, counts, added.events)
