"""Walk again: the way of events that were read before."""

from __future__ import annotations

from dataclasses import replace

from streams.errors import PipelineError
from streams.ledger import Ledger
from streams.records import RecordBatch

from .guard import guarded, joined
from .plan import Plan
from .process import PipelineResult, bury_head, process_heads, process_parked
from .retries.back import runs_of
from .retries.wire import Return, read_return
from .tables import PipelineTables
from .walk import bury


def walk_again(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Events that were read before: those whose time has come, then those that waited behind them.

    Each of these walks is kept before the next one begins. Where one raises ``UnansweredError``, whoever called takes
    back all of them (``lookups.rounds``).
    """
    whole = PipelineResult(deliveries=[], ledger=Ledger(0))

    def carry(returns: list[Return]) -> PipelineResult:
        return process_heads(returns, plan, tables, now_ms=now_ms)

    def bury_one(back: Return, error: PipelineError) -> PipelineResult:
        return bury_head(back, error, plan, tables, now_ms=now_ms)

    for run in runs_of(map(read_return, batch.records)):
        result = guarded(run, carry, bury_one, tables)
        whole = joined(whole, result)
        for waited in runs_of(result.going):
            whole = _with_parked(whole, _walk_parked(waited, plan, tables, now_ms))
    return whole


def _walk_parked(returns: list[Return], plan: Plan, tables: PipelineTables, now_ms: int) -> PipelineResult:
    def carry(parked: list[Return]) -> PipelineResult:
        return process_parked(parked, plan, tables, now_ms=now_ms)

    return guarded(returns, carry, lambda back, error: bury(back.record, error, plan, now_ms), tables)


def _with_parked(whole: PipelineResult, parked: PipelineResult) -> PipelineResult:
    whole.released.add(parked.ledger)
    whole.released.add(parked.released)
    return replace(whole, deliveries=whole.deliveries + parked.deliveries)
