"""Tell: how far time has come in one partition, for all tasks that its events may go to.

In:   the watermark, and the wall clock of an input that is caught up and silent.
Out:  at a checkpoint, where it has changed, one record for every partition of each repartition topic.
Next: streams.pipeline.exchange.clocks (the stage that reads them)

Only the partition itself may say that nobody needs to wait for it: a worker that is dead or slow says nothing, and so
its events are never late for that reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from streams.records import EVERY_PARTITION, Delivery

from ..pairing.roles import sends_of
from ..plan import Plan
from ..progress import Upstream
from ..tables import PipelineTables
from .wire import Told, encode


def note_silence(plan: Plan, tables: PipelineTables, *, since_ms: int, now_ms: int) -> None:
    """The input is caught up, and its last record came at ``since_ms`` (wall clock)."""
    progress = tables.current_progress()
    silent_ms = now_ms - since_ms
    idle = {
        aggregation.table: since_ms
        for exchange in plan.exchanges
        for aggregation, _ in exchange.windowed
        if silent_ms >= aggregation.idle_ms and aggregation.table not in progress.idle
    }
    idle |= {
        pairing.changelog: since_ms
        for pairing, _, _ in sends_of(plan)
        if silent_ms >= pairing.idle_ms and pairing.changelog not in progress.idle
    }
    if idle:
        tables.set_progress(replace(progress, idle={**progress.idle, **idle}))


def note_records(plan: Plan, tables: PipelineTables) -> None:
    """Records have come: an input that was idle holds windows open again."""
    if (plan.exchanges or sends_of(plan)) and (progress := tables.current_progress()).idle:
        tables.set_progress(replace(progress, idle={}))


def tell_downstream(plan: Plan, tables: PipelineTables, partition: int) -> Iterator[Delivery]:
    """What has changed since the last checkpoint; it stands behind the events that it is about."""
    topics = [exchange.topic for exchange in plan.exchanges if exchange.windowed]
    stages = [stage.topic(side) for _, stage, side in sends_of(plan)]
    if not topics and not stages:
        return
    progress = tables.current_progress()
    current = Upstream(watermark_ms=progress.watermark, idle=progress.idle)
    if current == (progress.told or Upstream()):
        return
    tables.set_progress(replace(progress, told=current))
    told = Told(partition=partition, watermark_ms=current.watermark_ms, idle=current.idle)
    counted = encode(replace(told, partitions=tables.partitions))
    value, time_ms = encode(told), max(current.watermark_ms or 0, 0)
    for topic, text in [*((topic, value) for topic in topics), *((topic, counted) for topic in stages)]:
        yield Delivery(topic=topic, key=None, value=text, timestamp_ms=time_ms, partition=EVERY_PARTITION)
