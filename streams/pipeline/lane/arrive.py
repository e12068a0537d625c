"""Arrive: a batch of what another stage has sent through its lane.

In:   records of a repartition topic.
Out:  what ``streams.pipeline.process.process_arrivals`` would make of them, whichever way each record has gone.
Next: streams.pipeline.task

Events go on together; what tells of time moves clocks in its place, and so the batch is cut there.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from streams.ledger import Ledger
from streams.records import RecordBatch

from ..exchange.clocks import Clocks
from ..formats.times import NO_TIME
from ..plan import Plan
from ..process import PipelineResult, process_arrivals
from ..tables import PipelineTables
from .walk import SHARE_OF_CUTS, Found, find_states, joined, late_of, put_states

if TYPE_CHECKING:
    from streams.native.lane import Run

ANY_TIME = (1 << 63) - 1
"""What came too far from the future has been set aside by the stage before."""


def arrive_plain(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """The same as ``process_arrivals``."""
    assert plan.lane is not None
    records = batch.records
    run = plan.lane.reader.read(records, ANY_TIME, sys.maxsize)
    cuts = run.others
    if len(cuts) * SHARE_OF_CUTS > len(records):
        return process_arrivals(batch, plan, tables, now_ms=now_ms)
    parts, begin = [], 0
    for end in (*cuts, len(records)):
        run.begin(begin, end, NO_TIME)
        parts.append(_arrive(run, batch, plan, tables, now_ms))
        if end < len(records):
            parts.append(process_arrivals(replace(batch, records=[records[end]]), plan, tables, now_ms=now_ms))
        begin = end + 1
    return joined(parts)


def _arrive(run: Run, batch: RecordBatch, plan: Plan, tables: PipelineTables, now_ms: int) -> PipelineResult:
    """What becomes of the events in hand."""
    found = Found()
    if not find_states(run, plan, tables, tables.current_progress(), found):
        return process_arrivals(replace(batch, records=run.records()), plan, tables, now_ms=now_ms)
    clocks = Clocks(plan, tables)
    for partition in sorted(run.partitions()):
        clocks.note_event(partition)
    clocks.close()
    put_states(found, tables)
    ledger = Ledger(0)
    ledger.late_by_table.update(late_of(found))
    return PipelineResult(deliveries=[], ledger=ledger)
