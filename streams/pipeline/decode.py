"""Decode: which change of which row do these bytes hold?

In:   source records, in bytes.
Out:  one event for each that holds one; tombstones, heartbeats and messages are filtered, garbage is dead.
Next: streams.pipeline.validate
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streams.errors import PipelineError, RecordTooLargeError
from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, SourceRecord

from .plan import Plan


def decode_records(records: Iterable[SourceRecord], plan: Plan, ledger: Ledger) -> list[ChangeEvent]:
    """The events that ``records`` hold, in their order."""
    decode, limit = plan.codec.decode, plan.limits.record_bytes
    events, skipped = [], 0
    if plan.codec.start_batch is not None:
        plan.codec.start_batch()
    for record in records:
        try:
            if (size := len(record.value or b"") + len(record.key or b"")) > limit:
                raise RecordTooLargeError(size, limit)
            event = decode(record)
        except PipelineError as error:
            ledger.bury(record, error)
            continue
        if event is None:
            skipped += 1
        else:
            events.append(event)
    ledger.end(Outcome.FILTERED, skipped)
    return events if plan.codec.split is None else _split(events, plan.codec.split, ledger)


def _split(
    events: list[ChangeEvent], split: Callable[[ChangeEvent], tuple[ChangeEvent, ...]], ledger: Ledger
) -> list[ChangeEvent]:
    """A change of key in one record is two events, each with an outcome of its own."""
    parts = [part for event in events for part in split(event)]
    ledger.size += len(parts) - len(events)
    return parts
