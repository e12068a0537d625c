"""Tell: a TRUNCATE is told to the tasks of all partitions of its topic, each of which has some of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from streams.records import EVERY_PARTITION, ChangeEvent, Delivery, Operation, RecordBatch, Walk

from ..plan import Plan
from ..tables import PipelineTables
from .state import NONE, Place, Truncated, truncated_by


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What stands in the topic."""

    partition: int
    """Where it was read, and all was done."""
    truncated: Truncated


_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(Told).decode


def tell_truncates(events: Iterable[ChangeEvent], plan: Plan, tables: PipelineTables) -> Iterator[Delivery]:
    """Remember the TRUNCATEs among ``events``, behind all that the batch has done; what other tasks are told."""
    truncates = [event for event in events if event.operation is Operation.TRUNCATE]
    for event in truncates if keeps_rows(plan) else ():
        told = truncated_by(event)
        tables.truncated.take_in(told, keyspaces_of(plan))
        if plan.truncates is not None:
            value = _encode(Told(partition=event.record.partition, truncated=told))
            time_ms = max(event.event_time_ms, 0)
            yield Delivery(
                topic=plan.truncates, key=None, value=value, timestamp_ms=time_ms, partition=EVERY_PARTITION
            )


def late_events(walk: Walk, plan: Plan, tables: PipelineTables) -> Mapping[Place, Truncated]:
    """The events of ``walk`` that would write a row which is gone, and what took it, wherever ``plan`` keeps rows."""
    if not keeps_rows(plan):
        return NONE
    events = [*walk.outside, *walk.passed] if walk.outside else walk.passed
    return tables.truncated.late(sorted(events, key=lambda event: event.record.offset) if walk.outside else events)


def hear_truncates(batch: RecordBatch, plan: Plan, tables: PipelineTables) -> None:
    """What other tasks have told; raises ``msgspec.MsgspecError`` for a record that none of them wrote."""
    for record in batch.records:
        told = _decode(record.value or b"")
        if told.partition != batch.partition:
            tables.truncated.take_in(told.truncated, keyspaces_of(plan))


def keeps_rows(plan: Plan) -> bool:
    """Whether it knows something of each row that is there, which a TRUNCATE takes away."""
    return plan.rows is not None or plan.relation is not None or bool(plan.claims and plan.claims.claims)


ROWS, OUTSIDE, KEPT = "rows", "outside", "kept"


def keyspaces_of(plan: Plan) -> Iterator[str]:
    """What ``plan`` keeps of rows, under names that stay."""
    if plan.rows is not None:
        yield ROWS
    if plan.where is not None:
        yield OUTSIDE
    if plan.relation is not None:
        yield KEPT
    yield from () if plan.claims is None else (f"claims {claim.table}" for claim in plan.claims.claims)
