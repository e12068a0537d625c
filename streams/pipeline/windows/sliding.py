"""Sliding windows: those that end with an event of the group, or begin right behind one, with all events in between.

A window is there once an event falls into it while it is open. Its state is then merged of those of the moments in it,
which stand beside the windows; from then on each event that falls into it is added.
"""

from __future__ import annotations

from decimal import localcontext

from streams.records import ChangeEvent

from ..aggregates.numbers import EXACT_SUMS
from ..plan import Accumulator, Aggregation
from ..tables import PipelineTables
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
    stored = tables.recent[aggregation.table].get_many(groups)
    moments_by_group = {group: _moments(stored.get(group) or []) for group in groups}
    states = States(aggregation, windows, tables)
    late = []
    with localcontext(EXACT_SUMS):
        for event, group in zip(events, groups, strict=True):
            clock_ms = clock(event)
            if windows.closes_ms(event.event_time_ms) <= clock_ms:
                late.append(event)
                continue
            moments = moments_by_group[group]
            _note(event, moments, states)
            spans = _spans(event.event_time_ms, moments, windows, clock_ms)
            states.read((span, group) for span in spans)
            for span in spans:
                _add(event, span, group, moments, states)
    states.write()
    keep_recent(aggregation.table, windows, tables, {group: _sorted(held) for group, held in moments_by_group.items()})
    return late


def _moments(recent: Recent) -> Moments:
    return {at: state for at, state in recent}  # noqa: C416  # dict() of lists is untyped


def _sorted(moments: Moments) -> Recent:
    return [[at, moments[at]] for at in sorted(moments)]


def _note(event: ChangeEvent, moments: Moments, states: States) -> None:
    at = event.event_time_ms
    state = moments[at].copy() if at in moments else states.nothing()
    states.count(state, event)
    moments[at] = state


def _spans(time_ms: int, moments: Moments, windows: Sliding, clock_ms: int) -> list[Span]:
    """Open windows that an event of that time is in or brings about; ``moments`` has its own."""
    size_ms = windows.size_ms
    near = [at for at in moments if time_ms - size_ms - 1 <= at <= time_ms + size_ms]
    starts = {start for at in near for start in (at - size_ms, at + 1) if start <= time_ms <= start + size_ms}
    if any(time_ms < at <= time_ms + 1 + size_ms for at in moments):
        starts.add(time_ms + 1)
    spans = [Span(start, start + size_ms) for start in sorted(starts)]
    return [span for span in spans if windows.is_open(span, clock_ms)]


def _add(event: ChangeEvent, span: Span, group: bytes, moments: Moments, states: States) -> None:
    if states.get(span, group) is None:
        inside = [state for at, state in sorted(moments.items()) if span.start_ms <= at <= span.end_ms]
        states.put(span, group, states.merged(inside))
    elif span.start_ms <= event.event_time_ms:
        states.add(span, group, event)
