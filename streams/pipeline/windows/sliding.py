"""Sliding windows: those that end with an event of the group, or begin right behind one, with all events in between.

A window is there once an event falls into it while it is open. Its state is then merged of those of the moments in it,
which stand beside the windows; from then on each event that falls into it is added.
"""

from __future__ import annotations

from decimal import localcontext

from streams.records import ChangeEvent
from streams.state.table import Table

from ..aggregates.numbers import EXACT_SUMS
from ..plan import Accumulator, Aggregation
from ..tables import PipelineTables
from .keys import moment_key, moment_of
from .kinds import Recent, Sliding, Span
from .recent import Clock, keep_recent
from .states import States

Moments = dict[int, Accumulator]
"""By event time (ms) the state of the group's events of that time."""


def add_to_sliding(
    events: list[ChangeEvent], aggregation: Aggregation, windows: Sliding, tables: PipelineTables, clock: Clock
) -> list[ChangeEvent]:
    """Put each of ``events`` into all of its windows that are open; gives those that are late for every one."""
    groups = list(map(aggregation.group, events))
    moments_by_group = _near(events, groups, windows, tables.recent[aggregation.table])
    states = States(aggregation, windows, tables)
    late: list[ChangeEvent] = []
    changed: dict[bytes, Accumulator] = {}
    with localcontext(EXACT_SUMS):
        for event, group in zip(events, groups, strict=True):
            clock_ms, at = clock(event), event.event_time_ms
            if windows.closes_ms(at) <= clock_ms:
                late.append(event)
                continue
            moments = moments_by_group[group]
            changed[moment_key(group, at)] = _note(event, moments, states)
            _add_to_each(event, _spans(at, moments, windows, clock_ms), group, moments, states)
    states.write()
    keep_recent(aggregation.table, windows, tables, changed)
    return late


def _near(
    events: list[ChangeEvent], groups: list[bytes], windows: Sliding, recent: Table[Recent]
) -> dict[bytes, Moments]:
    """Of each group the moments that share a window with one of ``events``, or could."""
    times: dict[bytes, list[int]] = {}
    for event, group in zip(events, groups, strict=True):
        times.setdefault(group, []).append(event.event_time_ms)
    reach_ms = windows.size_ms + 1
    ranges = [
        (moment_key(group, min(found) - reach_ms), moment_key(group, max(found) + reach_ms + 1))
        for group, found in times.items()
    ]
    held = recent.scan_ranges(ranges)
    return {group: {moment_of(key): state for key, state in near} for group, near in zip(times, held, strict=True)}


def _note(event: ChangeEvent, moments: Moments, states: States) -> Accumulator:
    """The state of the event's moment, now with it."""
    at = event.event_time_ms
    state = moments[at] = moments[at].copy() if at in moments else states.nothing()
    states.count(state, event)
    return state


def _spans(time_ms: int, moments: Moments, windows: Sliding, clock_ms: int) -> list[Span]:
    """Open windows that an event of that time is in or brings about; ``moments`` has its own."""
    size_ms = windows.size_ms
    near = [at for at in moments if time_ms - size_ms - 1 <= at <= time_ms + size_ms]
    starts = {start for at in near for start in (at - size_ms, at + 1) if start <= time_ms <= start + size_ms}
    if any(time_ms < at <= time_ms + 1 + size_ms for at in moments):
        starts.add(time_ms + 1)
    spans = [Span(start, start + size_ms) for start in sorted(starts)]
    return [span for span in spans if windows.is_open(span, clock_ms)]


def _add_to_each(event: ChangeEvent, spans: list[Span], group: bytes, moments: Moments, states: States) -> None:
    states.read((span, group) for span in spans)
    for span in spans:
        if states.get(span, group) is None:
            inside = [state for at, state in sorted(moments.items()) if span.start_ms <= at <= span.end_ms]
            states.put(span, group, states.merged(inside))
        elif span.start_ms <= event.event_time_ms:
            states.add(span, group, event)
