"""Validate: does the row honour its contract, and do its key and its time make sense?

In:   decoded events.
Out:  events whose row is what was agreed; the rest is dead, with every violation.
Next: streams.pipeline.canary.judge
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.contracts.model import Contract
from streams.errors import (
    ContractViolationError,
    EventTimeInFutureError,
    EventTimeMissingError,
    KeyMissingError,
    PipelineError,
)
from streams.ledger import Ledger
from streams.records import ChangeEvent, Operation

from .formats.times import NO_TIME
from .plan import Plan


def validate_events(events: Iterable[ChangeEvent], plan: Plan, ledger: Ledger, *, now_ms: int) -> list[ChangeEvent]:
    """The events that honour the contract; ``now_ms`` is the wall clock that ``max_future`` is measured from."""
    newest, horizon_ms, is_keyed = plan.contract.newest, now_ms + plan.max_future_ms, bool(plan.key)
    newest_version, is_valid = newest.version, newest.validator.is_valid
    valid = []
    for event in events:
        if (
            NO_TIME < event.event_time_ms <= horizon_ms
            and (event.record.key is not None or not is_keyed)
            and (
                event.is_accepted
                or (not event.unsent and event.schema_version == newest_version and is_valid(event.row))
            )
        ) or (error := find_error(event, plan, now_ms=now_ms)) is None:
            valid.append(event)
        else:
            ledger.bury(event.record, error)
    return valid


def find_error(event: ChangeEvent, plan: Plan, *, now_ms: int) -> PipelineError | None:
    """What is wrong with an event, ``None`` if nothing is."""
    if event.operation is Operation.TRUNCATE:
        return _find_time_error(event, plan, now_ms)
    if plan.key and event.record.key is None:
        return KeyMissingError(())
    if event.operation is Operation.DELETE:
        missing = [column for column in plan.key if event.row.get(column) is None]
        if missing:
            return KeyMissingError(missing)
    elif (violation := _find_violation(event, plan.contract.version(event.schema_version))) is not None:
        return violation
    return _find_time_error(event, plan, now_ms)


def _find_violation(event: ChangeEvent, contract: Contract | None) -> PipelineError | None:
    if contract is None:
        raise LookupError("decode admits only versions that the contract has")
    validator = contract.validator_without(event.unsent) if event.unsent else contract.validator
    if validator.is_valid(event.row):
        return None
    return ContractViolationError(contract.uri, validator.violations(event.row))


def _find_time_error(event: ChangeEvent, plan: Plan, now_ms: int) -> PipelineError | None:
    if event.event_time_ms <= NO_TIME:
        return EventTimeMissingError(plan.event_time.column or "source.ts_ms")
    ahead_ms = event.event_time_ms - now_ms
    if ahead_ms > plan.max_future_ms:
        return EventTimeInFutureError(ahead_ms, plan.max_future_ms)
    return None
