"""One batch, all steps: the only place that knows their order.

The way of a batch, from top to bottom, is the specification. A walk that lacks the answer of a look-up stops there with
``UnansweredError``, and is taken back. An event that cannot go on now waits outside, and comes back through
``process_heads``; what waited behind it, through ``process_parked``. Both take the same way from the filter on. Plain
records of plain pipelines take it in C (``lane``), and must leave the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from streams.errors import PipelineError
from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Delivery, Operation, RecordBatch, Walk

from .aggregate import aggregate_events
from .agree import check_routes
from .canary.judge import judge_canary
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
from .joining.relate import relate_rows
from .joining.roles import is_asked
from .joining.tell import tell_changes
from .joining.versions import keep_versions
from .lookup import look_up
from .mask import mask_events
from .members import keep_members
from .outside import keep_outside
from .pairs import join_own, join_partners
from .plan import Plan
from .quality import check_quality
from .regroup import regroup_rows
from .retries.back import Walked, clock_of, of_returns, only_live, place_of, release
from .retries.line import Line, with_attempts
from .retries.wire import Return
from .route import route_events
from .set_aside import fingerprint, set_aside
from .sweep import sweep_touched
from .table import materialise_rows
from .tables import Aggregated, PipelineTables
from .truncating.tell import keeps_rows, late_events, tell_truncates
from .validate import validate_events


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineResult:
    """What one pipeline makes of a batch."""

    deliveries: list[Delivery]
    ledger: Ledger
    commit_times_ms: tuple[int, ...] = ()
    """When the source committed the first and the last event of the batch: samples for the latency."""
    released: Ledger = field(default_factory=lambda: Ledger(0))
    """Of events that have been read before, and wait no more."""
    going: list[Return] = field(default_factory=list)
    """Of those, the ones that are to be walked now."""


_NO_RETURNS: Mapping[int, Return] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Circumstances:
    """What the events of a batch meet."""

    plan: Plan
    tables: PipelineTables
    now_ms: int
    clock: Mapping[int, int]
    """By offset the watermark that decides whether an event is late."""
    returns: Mapping[int, Return] = field(default_factory=dict)
    """By offset, events that have been read before."""
    are_heads: bool = False
    """Others of their rows wait for them."""

    @property
    def found(self) -> Mapping[int, int]:
        """By offset the watermark as an event found it when it was read first."""
        return {offset: back.found_ms for offset, back in self.returns.items()} or self.clock


def process_batch(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Carry one batch through every step and say what must become of each record."""
    ledger = Ledger(len(batch.records), retried=plan.retried)
    decoded = decode_records(batch.records, plan, ledger)
    events = validate_events(decoded, plan, ledger, now_ms=now_ms)
    judge_canary(events, plan.canary, ledger)
    clock = advance_clock(events, tables)
    came = drop_duplicates(events, plan.deduplicate, tables.seen, clock, ledger)
    met = _Circumstances(plan=plan, tables=tables, now_ms=now_ms, clock=clock)
    result, _ = _carry_on(Walk(decoded=decoded, came=came), met, ledger)
    return replace(result, commit_times_ms=tuple(event.committed_ms for event in (*events[:1], *events[-1:])))


def process_heads(returns: list[Return], plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Carry on events that have waited in a topic, no two of one record; what waited behind them is free then."""
    assert tables.retries is not None
    tables.retries.forget_asked((back.record.offset, back.part) for back in returns)
    live = only_live(returns, tables.retries)
    result, walked = _walk_again(live, plan, tables, now_ms=now_ms, are_heads=True)
    result.ledger.size += len(returns) - len(live)
    result.ledger.end(Outcome.FILTERED, len(returns) - len(live))
    return _release(returns, live, result, walked, plan, tables, now_ms=now_ms)


def process_parked(returns: list[Return], plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """Carry on events that have waited behind others, no two of one record."""
    return _walk_again(returns, plan, tables, now_ms=now_ms, are_heads=False)[0]


def bury_head(
    back: Return, error: PipelineError, plan: Plan, tables: PipelineTables, *, now_ms: int
) -> PipelineResult:
    """An event that makes a step raise is dead, and what waited behind it."""
    assert tables.retries is not None
    tables.retries.forget_asked([(back.record.offset, back.part)])
    ledger = Ledger(1)
    ledger.bury(back.record, error, attempts=back.attempt, first_failed_ms=back.first_failed_ms)
    result = PipelineResult(deliveries=set_aside(ledger, plan, now_ms=now_ms), ledger=ledger)
    return _release([back], [back], result, frozenset(), plan, tables, now_ms=now_ms)


def _walk_again(
    returns: list[Return], plan: Plan, tables: PipelineTables, *, now_ms: int, are_heads: bool
) -> tuple[PipelineResult, Collection[int]]:
    """What was counted and deduplicated when it was read first; it moves no clock."""
    assert plan.retries is not None
    ledger = Ledger(len(returns), retried=plan.retried)
    decoded = decode_records([back.record for back in returns], plan, ledger)
    decoded = of_returns(decoded, returns, plan.retries, ledger)
    events = validate_events(decoded, plan, ledger, now_ms=now_ms)
    met = _Circumstances(
        plan=plan,
        tables=tables,
        now_ms=now_ms,
        clock=clock_of(returns, plan, tables.current_progress().watermark),
        returns={back.record.offset: back for back in returns},
        are_heads=are_heads,
    )
    return _carry_on(Walk(decoded=decoded, came=events), met, ledger)


def _release(
    returns: list[Return], live: list[Return], result: PipelineResult, retried: Collection[int], plan: Plan,
    tables: PipelineTables, *, now_ms: int,
) -> PipelineResult:  # fmt: skip
    assert tables.retries is not None
    tables.retries.note(retrying=-len(returns))
    dead = {letter.record.offset: (letter.error, fingerprint(letter.error)) for letter in result.ledger.dead_letters}
    released = release(live, Walked(retried=retried, dead=dead), tables.retries, plan.topic)
    ledger = Ledger(len(released.dead))
    for back, error in released.dead:
        ledger.bury(back.record, error)
    ledger.add(result.released)
    deliveries = [*result.deliveries, *set_aside(ledger, plan, now_ms=now_ms)]
    return replace(result, deliveries=deliveries, released=ledger, going=released.going)


def _carry_on(walk: Walk, met: _Circumstances, ledger: Ledger) -> tuple[PipelineResult, Collection[int]]:
    """The result, and the offsets of the events that wait for their next attempt."""
    plan, tables, now_ms = met.plan, met.tables, met.now_ms
    swept = sweep_touched(walk.came, plan, tables, ledger, now_ms=now_ms) if keeps_rows(plan) else []
    if plan.retries is None or tables.retries is None:
        walk = _match(walk, plan, tables, ledger, now_ms=now_ms)
        return PipelineResult(deliveries=[*swept, *_publish(walk, met, ledger)], ledger=ledger), ()
    heads = {place_of(back): back for back in met.returns.values()} if met.are_heads else {}
    line = Line(plan, plan.retries, tables.retries, walk.came, heads)
    walk, ledger = line.pass_through(walk, partial(_match_in, met), ledger)
    waits = line.settle(ledger, found=met.found, now_ms=now_ms)
    released = Ledger(line.superseded)
    released.end(Outcome.FILTERED, line.superseded)
    deliveries = [*swept, *_publish(walk, met, ledger), *waits]
    return PipelineResult(deliveries=deliveries, ledger=ledger, released=released), line.retried


def _match_in(met: _Circumstances, walk: Walk, ledger: Ledger) -> Walk:
    return _match(walk, met.plan, met.tables, ledger, now_ms=met.now_ms, returns=met.returns)


def _match(
    walk: Walk, plan: Plan, tables: PipelineTables, ledger: Ledger, *, now_ms: int,
    returns: Mapping[int, Return] = _NO_RETURNS,
) -> Walk:  # fmt: skip
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
    events = join_rows(events, plan.joins, tables, ledger, answered={at: back.answers for at, back in returns.items()})
    return replace(walk, wanted=members.wanted, outside=outside, passed=events)


def _publish(walk: Walk, met: _Circumstances, ledger: Ledger) -> list[Delivery]:
    """What the events that go on leave in tables, groups and topics."""
    plan, tables, clock, now_ms = met.plan, met.tables, met.clock, met.now_ms
    if plan.pairing is not None:
        return _pair(walk, met, ledger)
    late = late_events(walk, plan, tables)
    related = relate_rows(walk.passed, plan.relation, tables, ledger, late=late)
    events = derive_columns(related.events, plan.derivations)
    events = check_routes(events, plan.routes, ledger)
    told = claim_values(replace(walk, passed=events), plan.claims, tables, now_ms=now_ms, late=late)
    changes = materialise_rows(events, plan.rows, tables, is_asked=plan.asks_rows or is_asked(plan), late=late)
    keep_versions(events, changes, plan.table, tables)
    gone = changes if plan.rows is not None else related.taken
    told_of = keep_outside(replace(walk, passed=events), gone, plan, tables, late=late)
    aggregated = aggregate_events(events, plan.aggregations, tables, clock, ledger)
    regroup_rows(changes, plan.aggregations, tables)
    exchanged = exchange_events(events, changes, plan, clock, ledger)
    aggregated = replace(aggregated, late={**aggregated.late, **exchanged.late})
    deliveries = route_events(told_of, plan, aggregated, changes)
    if plan.partner_of:
        deliveries += join_partners(events, plan, tables, clock, ledger, now_ms=now_ms)
    told += [*tell_truncates(events, plan, tables), *tell_changes(changes, plan)]
    _count_used(events, plan, aggregated, ledger)
    if met.returns:
        ledger.dead_letters = with_attempts(ledger.dead_letters, met.returns)
    return [*deliveries, *exchanged.deliveries, *related.named, *told, *set_aside(ledger, plan, now_ms=now_ms)]


def _pair(walk: Walk, met: _Circumstances, ledger: Ledger) -> list[Delivery]:
    """What events leave that meet those of another pipeline before they go on: the steps behind that are for pairs."""
    plan, tables, now_ms = met.plan, met.tables, met.now_ms
    late = late_events(walk, plan, tables)
    told = claim_values(walk, plan.claims, tables, now_ms=now_ms, late=late)
    changes = materialise_rows(walk.passed, plan.rows, tables, is_asked=plan.asks_rows, late=late)
    keep_outside(walk, changes, plan, tables, late=late)
    joined = join_own(walk.passed, plan, tables, met.clock, ledger, now_ms=now_ms)
    told += tell_truncates(walk.passed, plan, tables)
    return [*joined, *told, *set_aside(ledger, plan, now_ms=now_ms)]


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
