"""Tell: where transactions of the source end, from the one partition that says so to every task that waits for it.

In:   Debezium's topic of transactions, and in each task what is told of it.
Out:  the newest end of each batch, a copy for every partition; what a task has heard is kept with its state.
Next: streams.pipeline.transactional.hold (a task that waits, before it processes)

Ends come in the order of commits, so the newest says that all transactions before it have ended, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from streams.errors import PipelineError
from streams.ledger import Ledger, Outcome
from streams.records import EVERY_PARTITION, Delivery, RecordBatch

from ..plan import Plan
from ..process import PipelineResult
from ..set_aside import set_aside
from ..tables import PipelineTables
from .wire import NOTHING, decode_told, encode_told


def timely_topics(plan: Plan) -> Iterable[str]:
    """Inputs that are silent while nothing happens to the rows of ``plan``."""
    ends = None if plan.transactional is None else plan.transactional.ends
    told = (*plan.tiers, plan.truncates, ends)
    return (topic for topic in plan.topics if topic not in told)


def tell_ends(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """What the source says of its transactions; of its beginnings nobody needs to hear."""
    told = plan.transactional
    assert told is not None
    ledger, newest = Ledger(len(batch.records)), NOTHING
    for record in batch.records:
        try:
            end = told.read_end(record)
        except PipelineError as error:
            ledger.bury(record, error)
            continue
        ledger.end(Outcome.FILTERED if end is None else Outcome.PROCESSED)
        newest = max(newest, NOTHING if end is None else end)
    deliveries = set_aside(ledger, plan, now_ms=now_ms)
    if newest > NOTHING:
        time_ms = batch.records[-1].timestamp_ms
        value = encode_told(newest)
        deliveries.append(
            Delivery(topic=told.ends, key=None, value=value, timestamp_ms=time_ms, partition=EVERY_PARTITION)
        )
    return PipelineResult(deliveries=deliveries, ledger=ledger)


def hear_ends(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Keep what was told: after a crash nobody tells it again."""
    progress = tables.current_progress()
    ended = max(progress.ended, *(decode_told(record.value) for record in batch.records))
    if ended != progress.ended:
        tables.set_progress(replace(progress, ended=ended))
    return PipelineResult(deliveries=[], ledger=Ledger(0))
