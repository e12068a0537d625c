"""Sessions: events of a group that follow each other within a gap, merged where one closes the gap between two.

A session that grows or merges is another window, and what it was is gone. The places of a group's open sessions stand
beside their states, so that none has to be looked for.
"""

from __future__ import annotations

from decimal import localcontext

from streams.records import ChangeEvent

from ..aggregates.numbers import EXACT_SUMS
from ..plan import Aggregation
from ..tables import PipelineTables
from .kinds import Session, Span
from .recent import Clock, keep_recent
from .states import States


def add_to_sessions(
    events: list[ChangeEvent], aggregation: Aggregation, windows: Session, tables: PipelineTables, clock: Clock
) -> list[ChangeEvent]:
    """Put each of ``events`` into its session; gives those that are late for it."""
    groups = list(map(aggregation.group, events))
    stored = tables.recent[aggregation.table].get_many(groups)
    spans_by_group = {group: [Span(*place) for place in stored.get(group) or ()] for group in groups}
    states = States(aggregation, windows, tables)
    states.read((span, group) for group, spans in spans_by_group.items() for span in spans)
    with localcontext(EXACT_SUMS):
        late = [
            event
            for event, group in zip(events, groups, strict=True)
            if not _add(event, group, spans_by_group[group], states, windows, clock(event))
        ]
    states.write()
    held = {group: [list(span) for span in spans] for group, spans in spans_by_group.items()}
    keep_recent(aggregation.table, windows, tables, held)
    return late


def _add(
    event: ChangeEvent, group: bytes, spans: list[Span], states: States, windows: Session, clock_ms: int
) -> bool:
    """Whether ``event`` was in time; its session takes the place in ``spans`` of those that it merges."""
    time_ms = event.event_time_ms
    met = sorted(span for span in spans if windows.touches(span, time_ms) and windows.is_open(span, clock_ms))
    whole = windows.merge([*met, Span(time_ms, time_ms)])
    if not windows.is_open(whole, clock_ms):
        return False
    if met != [whole]:
        merged = states.merged([state for span in met if (state := states.get(span, group)) is not None])
        for span in met:
            states.put(span, group, None)
            spans.remove(span)
        states.put(whole, group, merged)
        spans.append(whole)
    states.add(whole, group, event)
    return True
