"""Walk: the way of a batch through one pipeline, and how what it did is kept or taken back."""

from __future__ import annotations

from collections.abc import Callable

from streams.contracts.registry import RegistryUnavailableError
from streams.errors import PipelineError
from streams.ledger import Ledger
from streams.records import SourceRecord
from streams.state.stores.base import StoreFailedError

from .follow import process_answers, process_meeting, process_truncates
from .lane.arrive import arrive_plain
from .lane.walk import process_plain
from .lookups.plan import UnansweredError
from .pair_stage import process_sides
from .plan import Plan
from .process import PipelineResult, process_arrivals, process_batch
from .set_aside import set_aside
from .settle import process_claims
from .tables import PipelineTables
from .transactional.tell import hear_ends, tell_ends

NOBODYS_FAULT = (StoreFailedError, RegistryUnavailableError, UnansweredError)
"""No record is to blame and none is set aside: the worker stops, and the next start begins at the committed offsets;
or it gets the answers that are missing, and walks the batch again."""


def walk_of(plan: Plan, topic: str) -> Callable[..., PipelineResult]:
    """What carries a batch of ``topic`` through ``plan``."""
    if plan.transactional is not None and topic in (plan.transactional.topic, plan.transactional.ends):
        return tell_ends if topic == plan.transactional.topic else hear_ends
    if plan.meets is not None:
        return process_meeting
    if topic == plan.truncates:
        return process_truncates
    if plan.stands_for is not None:
        return process_sides
    if topic in plan.answers:
        return process_answers
    if plan.receives is not None:
        return process_arrivals if plan.lane is None else arrive_plain
    if plan.lane is not None:
        return process_plain
    return process_batch if plan.settles is None else process_claims


def keep(tables: PipelineTables) -> None:
    """What a walk did is there for the next one."""
    for table in tables.written:
        table.keep_batch()


def discard(tables: PipelineTables) -> None:
    """What a walk did has not happened."""
    for table in tables.written:
        table.discard_batch()


def bury(record: SourceRecord, error: PipelineError, plan: Plan, now_ms: int) -> PipelineResult:
    """The result for a record that alone makes a step raise."""
    ledger = Ledger(1)
    ledger.bury(record, error)
    return PipelineResult(deliveries=set_aside(ledger, plan, now_ms=now_ms), ledger=ledger)
