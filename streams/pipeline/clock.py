"""Clock: how far has event time come in this partition?

In:   valid events.
Out:  the watermark as each event found it: the largest event time up to and including its own.
Next: streams.pipeline.deduplicate

Every valid event moves the clock, also one that is then found to be a duplicate or is filtered:
time passes for rows that nobody wants, too. An event that is dead moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from streams.records import ChangeEvent

from .formats.times import NO_TIME
from .tables import PipelineTables


def advance_clock(events: Iterable[ChangeEvent], tables: PipelineTables) -> Mapping[int, int]:
    """By record offset the watermark in ms; the newest one is kept as the pipeline's progress."""
    progress = tables.current_progress()
    watermark = NO_TIME if progress.watermark is None else progress.watermark
    started = watermark
    clock = {}
    for event in events:
        if event.event_time_ms > watermark:
            watermark = event.event_time_ms
        clock[event.record.offset] = watermark
    if watermark > started:
        tables.set_progress(replace(progress, watermark=watermark))
    return clock
