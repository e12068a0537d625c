"""Walk again: the way of events that were read before, and what happens when a step raises.

A bug, or a result too large to publish, must not stop what is around it: the events are undone and walked again one by
one, so that the culprits are dead and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from streams.errors import InternalError, PipelineError
from streams.ledger import Ledger
from streams.records import RecordBatch

from .plan import Plan
from .process import PipelineResult, bury_head, process_heads, process_parked
from .retries.back import runs_of
from .retries.wire import Return, read_return
from .tables import PipelineTables
from .walk import NOBODYS_FAULT, bury, discard, keep

T = TypeVar("T")


def walk_again(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Events that were read before: those whose time has come, then those that waited behind them."""
    whole = PipelineResult(deliveries=[], ledger=Ledger(0))

    def carry(returns: list[Return]) -> PipelineResult:
        return process_heads(returns, plan, tables, now_ms=now_ms)

    def bury_one(back: Return, error: PipelineError) -> PipelineResult:
        return bury_head(back, error, plan, tables, now_ms=now_ms)

    for run in runs_of(map(read_return, batch.records)):
        result = _guarded(run, carry, bury_one, tables)
        whole = _joined(whole, result)
        for waited in runs_of(result.going):
            whole = _with_parked(whole, _walk_parked(waited, plan, tables, now_ms))
    return whole


def _walk_parked(returns: list[Return], plan: Plan, tables: PipelineTables, now_ms: int) -> PipelineResult:
    def carry(parked: list[Return]) -> PipelineResult:
        return process_parked(parked, plan, tables, now_ms=now_ms)

    return _guarded(returns, carry, lambda back, error: bury(back.record, error, plan, now_ms), tables)


def _joined(whole: PipelineResult, more: PipelineResult) -> PipelineResult:
    whole.ledger.add(more.ledger)
    whole.released.add(more.released)
    return replace(whole, deliveries=whole.deliveries + more.deliveries, going=whole.going + more.going)


def _with_parked(whole: PipelineResult, parked: PipelineResult) -> PipelineResult:
    whole.released.add(parked.ledger)
    whole.released.add(parked.released)
    return replace(whole, deliveries=whole.deliveries + parked.deliveries)


def _guarded(
    batch: list[T],
    carry: Callable[[list[T]], PipelineResult],
    bury: Callable[[T, PipelineError], PipelineResult],
    tables: PipelineTables,
) -> PipelineResult:
    try:
        result = carry(batch)
    except NOBODYS_FAULT:
        raise
    except Exception:
        discard(tables)
        result = _one_by_one(batch, carry, bury, tables)
    keep(tables)
    return result


def _one_by_one(
    batch: list[T],
    carry: Callable[[list[T]], PipelineResult],
    bury: Callable[[T, PipelineError], PipelineResult],
    tables: PipelineTables,
) -> PipelineResult:
    whole = PipelineResult(deliveries=[], ledger=Ledger(0))
    for one in batch:
        try:
            result = carry([one])
        except NOBODYS_FAULT:
            raise
        except Exception as error:
            discard(tables)
            result = bury(one, error if isinstance(error, PipelineError) else InternalError(error))
        keep(tables)
        whole = _joined(whole, result)
    return whole
