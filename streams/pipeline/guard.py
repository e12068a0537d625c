"""Guard: what happens when a step raises.

A bug, or a result too large to publish, must not stop what is around it: a walk is undone and its parts are walked
again one by one, so that the culprits are dead and everything else goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from streams.errors import InternalError, PipelineError
from streams.ledger import Ledger
from streams.records import RecordBatch, SourceRecord

from .lookups.plan import Question, UnansweredError
from .plan import Plan
from .process import PipelineResult
from .tables import PipelineTables
from .walk import NOBODYS_FAULT, bury, discard, keep, walk_of

T = TypeVar("T")
Carry = Callable[[list[T]], PipelineResult]
Bury = Callable[[T, PipelineError], PipelineResult]


def guarded(parts: list[T], carry: Carry[T], bury: Bury[T], tables: PipelineTables) -> PipelineResult:
    """What ``carry`` makes of ``parts``; where it raises, those that alone make it do so are buried."""
    try:
        result = carry(parts)
    except NOBODYS_FAULT:
        raise
    except Exception:
        discard(tables)
        return one_by_one(parts, carry, bury, tables)
    keep(tables)
    return result


def isolate(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """A batch that makes a step raise, record by record: the culprits are dead, everything else goes on."""
    walk = walk_of(plan, batch.topic)

    def carry(records: list[SourceRecord]) -> PipelineResult:
        one = replace(batch, records=records, next_offset=records[-1].offset + 1)
        return walk(one, plan, tables, now_ms=now_ms)

    def bury_one(record: SourceRecord, error: PipelineError) -> PipelineResult:
        return bury(record, error, plan, now_ms)

    return one_by_one(batch.records, carry, bury_one, tables)


def one_by_one(parts: Iterable[T], carry: Carry[T], bury: Bury[T], tables: PipelineTables) -> PipelineResult:
    """The same of each part alone; raises ``UnansweredError`` with what any of them asks, and they are rolled back."""
    whole = PipelineResult(deliveries=[], ledger=Ledger(0))
    questions: set[Question] = set()
    for part in parts:
        try:
            result = carry([part])
        except UnansweredError as error:
            discard(tables)
            questions |= error.questions
            continue
        except NOBODYS_FAULT:
            raise
        except Exception as error:
            discard(tables)
            result = bury(part, error if isinstance(error, PipelineError) else InternalError(error))
        keep(tables)
        whole = joined(whole, result)
    if questions:
        raise UnansweredError(questions)
    return whole


def joined(whole: PipelineResult, more: PipelineResult) -> PipelineResult:
    """Both, one behind the other."""
    whole.ledger.add(more.ledger)
    whole.released.add(more.released)
    return replace(whole, deliveries=whole.deliveries + more.deliveries, going=whole.going + more.going)
