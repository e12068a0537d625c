"""Receive: what the stage before has sent, event by event, and how far time has come there.

In:   records of a repartition topic.
Out:  runs of events between which clocks have moved, each event with the watermark that it found upstream.
Next: streams.pipeline.aggregate
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from streams.records import ChangeEvent, RecordBatch, SourceRecord

from ..plan import Plan
from ..tables import PipelineTables
from .clocks import Clocks
from .wire import Added, Carried, Told, decode, event_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Events that find the same clocks here."""

    events: list[ChangeEvent] = field(default_factory=list)
    clock: dict[int, int] = field(default_factory=dict)
    """By offset the watermark that the event found upstream."""
    added: list[tuple[bytes, Added]] = field(default_factory=list)
    """(group, what a batch upstream adds to it)."""
    late: dict[str, set[int]] = field(default_factory=dict)
    """By table, offsets of events that came too late for it upstream and were counted there."""

    def add(self, carried: Carried, record: SourceRecord) -> None:
        """One more event."""
        self.events.append(event_of(carried, record))
        self.clock[record.offset] = carried.clock_ms
        for table in carried.late:
            self.late.setdefault(table, set()).add(record.offset)


def arrivals(batch: RecordBatch, plan: Plan, tables: PipelineTables) -> Iterator[Arrivals]:
    """The events of ``batch`` in their order, cut where upstreams tell of time: clocks move between runs.

    Raises ``msgspec.MsgspecError`` for a record that no exchange wrote.
    """
    clocks, run = Clocks(plan, tables), Arrivals()
    for record in batch.records:
        match decode(record.value):
            case Carried() as carried:
                clocks.note_event(carried.partition)
                run.add(carried, record)
            case Added() as added:
                clocks.note_event(added.partition)
                run.added.append((record.key or b"", added))
            case Told() as told:
                if run.events or run.added:
                    yield run
                    run = Arrivals()
                clocks.hear(told)
    if run.events or run.added:
        yield run
    clocks.close()
