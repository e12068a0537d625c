"""One batch, all steps: the only place that knows their order.

The way of a batch, from top to bottom, is the specification. Retries take their place here when they come. A walk that
lacks the answer of a look-up stops there with ``UnansweredError``, and is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from streams.errors import RecordTooLargeError
from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Delivery, Operation, RecordBatch, Walk

from .aggregate import aggregate_events
from .agree import check_routes
from .claims import claim_values
from .clock import advance_clock
from .decode import decode_records
from .deduplicate import drop_duplicates
from .derive import derive_columns
from .exchange.combine import add_combined
from .exchange.receive import arrivals
from .exchange.send import exchange_events
from .filter import keep_matching
from .join import join_rows
from .joining.feed import feed_stages
from .joining.follow import Followed, follow_answers, follow_partners
from .joining.meet import answer_changes, meet_rows
from .joining.relate import relate_rows
from .lookup import look_up
from .mask import mask_events
from .members import keep_members
from .outside import keep_outside
from .plan import Plan
from .quality import check_quality
from .regroup import regroup_rows
from .route import route_events
from .set_aside import set_aside
from .table import materialise_rows
from .tables import Aggregated, PipelineTables
from .validate import validate_events


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineResult:
    """What one pipeline makes of a batch."""

    deliveries: list[Delivery]
    ledger: Ledger
    commit_times_ms: tuple[int, ...] = ()
    """When the source committed the first and the last event of the batch: samples for the latency."""


def process_batch(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Carry one batch through every step and say what must become of each record."""
    ledger = Ledger(len(batch.records), retried=plan.retried)
    decoded = decode_records(batch.records, plan, ledger)
    events = validate_events(decoded, plan, ledger, now_ms=now_ms)
    clock = advance_clock(events, tables)
    came = drop_duplicates(events, plan.deduplicate, tables.seen, clock, ledger)
    walk = _match(Walk(decoded=decoded, came=came), plan, tables, ledger, now_ms=now_ms)
    deliveries = _publish(walk, plan, tables, ledger, clock=clock, now_ms=now_ms)
    commit_times_ms = tuple(event.committed_ms for event in (*events[:1], *events[-1:]))
    return PipelineResult(deliveries=deliveries, ledger=ledger, commit_times_ms=commit_times_ms)


def _match(walk: Walk, plan: Plan, tables: PipelineTables, ledger: Ledger, *, now_ms: int) -> Walk:
    """Which of the events go on, and with which rows: nothing is written here, so an event may come here again."""
    is_sound = None if plan.quality is None else partial(plan.quality.is_sound, now_ms=now_ms)
    wanted = walk.came
    if plan.where is None:
        wanted = keep_matching(wanted, plan.condition, plan.rows, tables, ledger, is_sound=is_sound)
    members = keep_members(wanted, plan, tables, ledger, is_sound=is_sound)
    events = check_quality(members.wanted, plan.quality, ledger, now_ms=now_ms)
    masked = mask_events([*events, *members.outside], plan.masks)
    events, outside = masked[: len(events)], masked[len(events) :]
    events = look_up(events, plan.lookups, tables.answers, ledger)
    events = join_rows(events, plan.joins, tables.partners, ledger)
    return replace(walk, wanted=members.wanted, outside=outside, passed=events)


def _publish(
    walk: Walk, plan: Plan, tables: PipelineTables, ledger: Ledger, *, clock: Mapping[int, int], now_ms: int
) -> list[Delivery]:
    """What the events that go on leave in tables, groups and topics."""
    events, named = relate_rows(walk.passed, plan.relation, tables, ledger)
    events = derive_columns(events, plan.derivations)
    events = check_routes(events, plan.routes, ledger)
    told = claim_values(replace(walk, passed=events), plan.claims, tables, now_ms=now_ms)
    changes = materialise_rows(events, plan.rows, tables, is_asked=plan.asks_rows)
    told_of = keep_outside(replace(walk, passed=events), changes, plan, tables)
    aggregated = aggregate_events(events, plan.aggregations, tables, clock, ledger)
    regroup_rows(changes, plan.aggregations, tables)
    exchanged = exchange_events(events, changes, plan, clock, ledger)
    aggregated = replace(aggregated, late={**aggregated.late, **exchanged.late})
    deliveries = route_events(told_of, plan, aggregated)
    _count_used(events, plan, aggregated, ledger)
    return [*deliveries, *exchanged.deliveries, *named, *told, *set_aside(ledger, plan, now_ms=now_ms)]


def process_partners(plan: Plan, tables: PipelineTables, partition: int, *, now_ms: int) -> list[Delivery]:
    """At a checkpoint: what partners that have changed make of rows, here and in other tasks."""
    deliveries = feed_stages(plan, tables)
    if plan.meets is not None and tables.meeting is not None:
        deliveries += answer_changes(plan.meets, tables.meeting)
    if plan.relation is not None:
        deliveries += _publish_followed(follow_partners(plan, tables, partition), plan, tables, now_ms=now_ms)
    return deliveries


def process_answers(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Carry on the rows that partners in other tasks have answered."""
    followed = follow_answers(batch, plan, tables)
    deliveries = _publish_followed(followed, plan, tables, now_ms=now_ms)
    return PipelineResult(deliveries=deliveries, ledger=Ledger(0))


def process_meeting(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Let rows and partners of other tasks meet."""
    assert plan.meets is not None and tables.meeting is not None
    return PipelineResult(deliveries=meet_rows(batch, plan.meets, tables.meeting), ledger=Ledger(0))


def _publish_followed(followed: Followed, plan: Plan, tables: PipelineTables, *, now_ms: int) -> list[Delivery]:
    """What the rows that have followed leave in tables, groups and topics.

    No event of the source is in it, so no ledger counts them. What cannot be published is dead as it is: its key and
    the reason.
    """
    if not followed.events:
        return followed.told
    ledger = Ledger(len(followed.events))
    events = derive_columns(followed.events, plan.derivations)
    events = check_routes(events, plan.routes, ledger)
    events, deliveries = _route_fitting(events, plan, ledger)
    changes = materialise_rows(events, plan.rows, tables, is_asked=plan.asks_rows)
    regroup_rows(changes, plan.aggregations, tables)
    exchanged = exchange_events([], changes, plan, {}, ledger)
    return [*deliveries, *exchanged.deliveries, *followed.told, *set_aside(ledger, plan, now_ms=now_ms)]


def _route_fitting(events: list[ChangeEvent], plan: Plan, ledger: Ledger) -> tuple[list[ChangeEvent], list[Delivery]]:
    """The events that are small enough to be published, and what is published of them."""
    try:
        return events, route_events(events, plan, Aggregated(late=defaultdict(list)))
    except RecordTooLargeError as error:
        if len(events) == 1:
            ledger.bury(events[0].record, error)
            return [], []
    halves = (events[: len(events) // 2], events[len(events) // 2 :])
    fitting = [_route_fitting(half, plan, ledger) for half in halves]
    return [event for held, _ in fitting for event in held], [one for _, held in fitting for one in held]


def process_arrivals(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Carry on a batch of what another stage has sent; its events have been counted there, so the ledger has none.

    Whether an event finds its window closed is a question of its place among what upstreams tell of time, not of
    where batches are cut. It does so only where its own upstream was idle: then it is late, and counted, here.
    """
    ledger = Ledger(0)
    deliveries: list[Delivery] = []
    for run in arrivals(batch, plan, tables):
        ledger.late_by_table.update(add_combined(run.added, plan, tables))
        aggregated = aggregate_events(run.events, plan.aggregations, tables, run.clock, Ledger(0))
        late = {
            table: [event for event in events if event.record.offset not in run.late.get(table, ())]
            for table, events in aggregated.late.items()
        }
        ledger.late_by_table.update({table: len(events) for table, events in late.items() if events})
        deliveries += route_events(run.events, plan, replace(aggregated, late=late))
    return PipelineResult(deliveries=deliveries, ledger=ledger)


def _count_used(events: list[ChangeEvent], plan: Plan, aggregated: Aggregated, ledger: Ledger) -> None:
    """An event is ``late`` only if it came too late for every table and nothing else used it."""
    late = 0
    if plan.judged and plan.table is None and not plan.routes:
        counts: dict[tuple[int, Operation], int] = {}
        for events_of_table in aggregated.late.values():
            for event in events_of_table:
                place = event.record.offset, event.operation  # a record may hold two events
                counts[place] = counts.get(place, 0) + 1
        late = sum(count == len(plan.judged) for count in counts.values())
    ledger.end(Outcome.LATE, late)
    ledger.end(Outcome.PROCESSED, len(events) - late)
