"""Pairs: events of two streams that lie within a time of each other, here or in a stage, and what is published of them.

Results are no events of the source: they begin behind the join, and have no outcome; dead letters of them are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Delivery, SourceRecord

from .agree import check_routes
from .derive import derive_columns
from .exchange.wire import event_of
from .fitting import route_fitting
from .pairing.clocks import clock_of, forced_of
from .pairing.close import close_pairs
from .pairing.pair import Arrived, Pair, pair_own, pair_partners
from .pairing.plan import Pairing, Side
from .pairing.roles import pairs_of
from .pairing.send import JOINED, carry_events, send_events
from .plan import Plan
from .set_aside import set_aside
from .tables import PipelineTables


def join_own(
    events: Sequence[ChangeEvent], plan: Plan, tables: PipelineTables, clock: Mapping[int, int], ledger: Ledger,
    *, now_ms: int,
) -> list[Delivery]:  # fmt: skip
    """Let events of the pipeline that has the join look for partners, here or in a stage."""
    pairing = plan.pairing
    assert pairing is not None
    carried = carry_events(events, Side.OWN, pairing, clock, ledger)
    rows = sum(event.operation in JOINED for event in events)
    ledger.end(Outcome.FILTERED, len(events) - rows)
    ledger.end(Outcome.LATE, rows - len(carried))
    ledger.end(Outcome.PROCESSED, len(carried))
    if pairing.stage is not None:
        return send_events(carried, Side.OWN, pairing.stage, plan.limits.record_bytes)
    return meet_own(carried, pairing, plan, tables, ledger, now_ms=now_ms)


def meet_own(
    arrived: Arrived, pairing: Pairing, plan: Plan, tables: PipelineTables, ledger: Ledger, *, now_ms: int
) -> list[Delivery]:
    """Own events have come where the partners are."""
    assert tables.pairing is not None
    clock_ms = clock_of(Side.PARTNER, pairing, tables)
    pairs = pair_own(arrived, pairing, tables.pairing, clock_ms=clock_ms)
    return _publish(pairs, pairing, plan, ledger, now_ms=now_ms)


def join_partners(
    events: Sequence[ChangeEvent], plan: Plan, tables: PipelineTables, clock: Mapping[int, int], ledger: Ledger,
    *, now_ms: int,
) -> list[Delivery]:  # fmt: skip
    """Let events look for those of other pipelines whose windows they are in, here or in stages."""
    deliveries: list[Delivery] = []
    for pairing in plan.partner_of:
        carried = carry_events(events, Side.PARTNER, pairing, clock, ledger)
        if pairing.stage is not None:
            deliveries += send_events(carried, Side.PARTNER, pairing.stage, plan.limits.record_bytes)
        else:
            own, theirs = tables.followers[pairing.pipeline]
            deliveries += meet_partners(carried, pairing, own, theirs, ledger, now_ms=now_ms)
    return deliveries


def meet_partners(
    arrived: Arrived, pairing: Pairing, plan: Plan, tables: PipelineTables, ledger: Ledger, *, now_ms: int
) -> list[Delivery]:
    """Partners have come where the own events of ``plan`` are, which ``tables`` keep."""
    assert tables.pairing is not None
    pairs = pair_partners(
        arrived,
        pairing,
        tables.pairing,
        clock_ms=forced_of(Side.PARTNER, tables),
        own_clock_ms=clock_of(Side.OWN, pairing, tables),
        is_source=pairing.stage is None,
    )
    return _publish(pairs, pairing, plan, ledger, now_ms=now_ms)


def end_pairs(plan: Plan, tables: PipelineTables, ledger: Ledger, *, now_ms: int) -> list[Delivery]:
    """At a checkpoint: what is published of events that find no partner any more."""
    pairing = pairs_of(plan)
    return [] if pairing is None else _publish(close_pairs(pairing, tables), pairing, plan, ledger, now_ms=now_ms)


def _publish(pairs: list[Pair], pairing: Pairing, plan: Plan, ledger: Ledger, *, now_ms: int) -> list[Delivery]:
    """What the routes publish; what they cannot is dead as it is: its place in the source and the reason."""
    if not pairs:
        return []
    own = Ledger(len(pairs))
    events = derive_columns([_joined(pair, pairing) for pair in pairs], plan.derivations)
    events = check_routes(events, plan.routes, own)
    _, deliveries = route_fitting(events, plan, own)
    ledger.note_results(own)
    return [*deliveries, *set_aside(own, plan, now_ms=now_ms)]


def _joined(pair: Pair, pairing: Pairing) -> ChangeEvent:
    own, partner = pair.own, pair.partner
    time_ms = own.time_ms if partner is None else max(own.time_ms, partner.time_ms)
    found = {} if partner is None else partner.row
    row = {**own.row, **{name: found.get(column) for column, name in pairing.columns}}
    place = SourceRecord(
        topic=pairing.topic,
        partition=own.partition,
        offset=own.offset,
        timestamp_ms=max(own.time_ms, 0),
        key=None,
        value=None,
    )
    return event_of(own, place, row=row, time_ms=time_ms)
