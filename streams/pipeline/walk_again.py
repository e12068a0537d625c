"""Walk again: the way of events that were read before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from streams.errors import PipelineError
from streams.ledger import Ledger
from streams.records import RecordBatch

from .guard import guarded, joined
from .joining.roles import asking_of
from .plan import Plan
from .process import PipelineResult, bury_head, process_heads, process_parked
from .retries.back import runs_of
from .retries.replies import replied
from .retries.wire import Return, read_return
from .tables import PipelineTables
from .walk import bury


def is_return(plan: Plan, topic: str) -> bool:
    """``topic`` brings events of ``plan`` back that have been read before."""
    return topic in plan.tiers or topic in asking_of(plan)


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

    for run in runs_of(_returns(batch, plan, tables)):
        result = guarded(run, carry, bury_one, tables)
        whole = joined(whole, result)
        for waited in runs_of(result.going):
            whole = _with_parked(whole, _walk_parked(waited, plan, tables, now_ms))
    return whole


def _returns(batch: RecordBatch, plan: Plan, tables: PipelineTables) -> Iterable[Return]:
    """What comes back, from where it waited for a time or for replies of other tasks."""
    join = asking_of(plan).get(batch.topic)
    if join is None or tables.retries is None:
        return map(read_return, batch.records)
    return replied(batch, join, plan.topic, tables.retries)


def _walk_parked(returns: list[Return], plan: Plan, tables: PipelineTables, now_ms: int) -> PipelineResult:
    def carry(parked: list[Return]) -> PipelineResult:
        return process_parked(parked, plan, tables, now_ms=now_ms)

    return guarded(returns, carry, lambda back, error: bury(back.record, error, plan, now_ms), tables)


def _with_parked(whole: PipelineResult, parked: PipelineResult) -> PipelineResult:
    whole.released.add(parked.ledger)
    whole.released.add(parked.released)
    return replace(whole, deliveries=whole.deliveries + parked.deliveries)
