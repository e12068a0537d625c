"""Stepped over: records of a batch that an operator has put into quarantine.

In:   a batch that says which of its records nobody is to look at; they are here without key, value and headers.
Out:  the batch without them, and for every pipeline that reads it how many it has not seen.
Next: streams.pipeline.process

They are taken out as late as this: until here they hold the place of what was read, so that positions, the order of
inputs and transactions of the source are as they would be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from streams.ledger import Ledger, Outcome
from streams.records import RecordBatch

from .plan import Plan
from .process import PipelineResult


def without_stepped_over(batch: RecordBatch) -> RecordBatch:
    """``batch`` with the records that are to be processed."""
    if not batch.stepped_over:
        return batch
    return replace(batch, records=[held for held in batch.records if held.offset not in batch.stepped_over])


def count_stepped_over(
    batch: RecordBatch, shares: Iterable[tuple[Plan, RecordBatch]], results: dict[str, PipelineResult]
) -> None:
    """Into the ledgers of ``results``; ``shares``: what of the whole ``batch`` is for each pipeline."""
    for plan, share in shares:
        count = sum(record.offset in batch.stepped_over for record in share.records)
        ledger = results.setdefault(plan.pipeline, PipelineResult(deliveries=[], ledger=Ledger(0))).ledger
        ledger.size += count
        ledger.end(Outcome.QUARANTINED, count)


__all__ = ["count_stepped_over", "without_stepped_over"]
