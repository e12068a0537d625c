"""Pair stage: events of two streams that live in different tasks come together where what is equal leads them.

In:   events of both sides as their own tasks have sent them, and how far time has come there.
Out:  what is published of pairs; their events have been counted where they were read, so the ledger has none.
Next: streams.pipeline.pairs (which ends, at checkpoints, what finds no partner)
"""

from __future__ import annotations

from streams.ledger import Ledger
from streams.records import Delivery, RecordBatch

from .exchange.wire import Carried, Told, decode
from .pairing.clocks import hear, wake
from .pairing.plan import Side
from .pairing.send import equal_of
from .pairs import meet_own, meet_partners
from .plan import Plan
from .process import PipelineResult
from .tables import PipelineTables


def process_sides(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Take in a batch of either topic; raises ``msgspec.MsgspecError`` for a record that no task of ours wrote."""
    pairing = plan.stands_for
    assert pairing is not None and pairing.stage is not None
    side = Side.OWN if batch.topic == pairing.stage.own else Side.PARTNER
    ledger = Ledger(0)
    deliveries: list[Delivery] = []
    run: list[Carried] = []
    for record in batch.records:
        match decode(record.value):
            case Carried() as carried:
                run.append(carried)
            case Told() as told:
                deliveries += _meet(run, side, plan, tables, ledger, now_ms=now_ms)
                run = []
                hear(told, side, pairing, tables)
    deliveries += _meet(run, side, plan, tables, ledger, now_ms=now_ms)
    return PipelineResult(deliveries=deliveries, ledger=ledger)


def _meet(
    run: list[Carried], side: Side, plan: Plan, tables: PipelineTables, ledger: Ledger, *, now_ms: int
) -> list[Delivery]:
    """Events between which no clock has moved."""
    pairing = plan.stands_for
    if not run or pairing is None:
        return []
    wake(side, {held.partition for held in run}, tables)
    by = pairing.by if side is Side.OWN else pairing.partner_by
    arrived = [(equal_of(held.row, by), held) for held in run]
    meet = meet_own if side is Side.OWN else meet_partners
    return meet(arrived, pairing, plan, tables, ledger, now_ms=now_ms)
