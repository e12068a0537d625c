"""Walk: a batch through its lane.

In:   a batch of records of a plain pipeline.
Out:  what ``streams.pipeline.process`` would make of it, whichever way each record has gone.
Next: streams.pipeline.task

Plain records go on together. Another one ends at once, which moves nothing, or it goes the long way in its place: the
batch is cut there. Nothing is written before everything is known, so a stretch that turns out not to be plain goes the
long way as if it had never been here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msgspec.structs import replace as replaced

from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Delivery, RecordBatch, SourceRecord
from streams.state.texts import TextTable

from ..decode import decode_records
from ..formats.times import NO_TIME
from ..plan import Plan
from ..process import PipelineResult, process_batch
from ..progress import Progress
from ..route import encode_json
from ..set_aside import set_aside
from ..tables import PipelineTables
from ..validate import validate_events
from .made import make_columns

if TYPE_CHECKING:
    from streams.native.lane import Run

SHARE_OF_CUTS = 16
"""A batch with more cuts than one in so many records goes the long way as a whole."""


@dataclass(slots=True, kw_only=True)
class Found:
    """What a stretch leaves, before any of it is written."""

    watermark: int = NO_TIME
    deliveries: list[Delivery] = field(default_factory=list)
    identities: dict[bytes, int | None] = field(default_factory=dict)
    serial: int | None = None
    """The largest of them."""
    duplicates: int = 0
    states: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    """By table, the texts of states."""
    late: dict[str, int] = field(default_factory=dict)


def process_plain(batch: RecordBatch, plan: Plan, tables: PipelineTables, *, now_ms: int) -> PipelineResult:
    """The same as ``process_batch``."""
    assert plan.lane is not None
    records = batch.records
    run = plan.lane.reader.read(records, now_ms + plan.max_future_ms, plan.limits.record_bytes)
    ended, cuts = _sort_out(records, run.others, plan, now_ms)
    if len(cuts) * SHARE_OF_CUTS > len(records):
        return process_batch(batch, plan, tables, now_ms=now_ms)
    parts, begin = [], 0
    for end in (*cuts, len(records)):
        own = [ledger for place, ledger in ended if begin <= place < end]
        parts.append(_process_stretch(run, (begin, end), batch, plan, tables, own, now_ms))
        if end < len(records):
            parts.append(process_batch(replace(batch, records=[records[end]]), plan, tables, now_ms=now_ms))
        begin = end + 1
    return joined(parts)


def _sort_out(
    records: list[SourceRecord], others: Sequence[int], plan: Plan, now_ms: int
) -> tuple[list[tuple[int, Ledger]], list[int]]:
    """Of the records at ``others``: (place, ledger) of those that end at once, and the places of events."""
    if not others:
        return [], []
    ledger, events = _judge(records, others, plan, now_ms)
    if not events:
        return [(others[0], ledger)], []
    going = {id(event.record) for event in events}
    cuts = [place for place in others if id(records[place]) in going]
    ended = [place for place in others if id(records[place]) not in going]
    return [(place, _judge(records, [place], plan, now_ms)[0]) for place in ended], cuts


def _judge(
    records: list[SourceRecord], places: Sequence[int], plan: Plan, now_ms: int
) -> tuple[Ledger, list[ChangeEvent]]:
    """What becomes of the records at ``places`` that end at once, and the events of the others."""
    ledger = Ledger(len(places), retried=plan.retried)
    decoded = decode_records([records[place] for place in places], plan, ledger)
    return ledger, validate_events(decoded, plan, ledger, now_ms=now_ms)


def _process_stretch(
    run: Run, stretch: tuple[int, int], batch: RecordBatch, plan: Plan, tables: PipelineTables, ended: list[Ledger],
    now_ms: int,
) -> PipelineResult:  # fmt: skip
    """What becomes of the records of a stretch; ``ended``: of those that are no events."""
    progress = tables.current_progress()
    before = NO_TIME if progress.watermark is None else progress.watermark
    found = _find(run, plan, tables, progress, run.begin(*stretch, before))
    if found is None:
        result = process_batch(replace(batch, records=run.records()), plan, tables, now_ms=now_ms)
    else:
        _write(found, tables, progress)
        result = PipelineResult(
            deliveries=found.deliveries, ledger=_ledger_of(run, plan, found), commit_times_ms=run.commit_times()
        )
    own = Ledger(0)
    for ledger in ended:
        own.add(ledger)
    result.deliveries.extend(set_aside(own, plan, now_ms=now_ms))
    result.ledger.add(own)
    return result


def _find(run: Run, plan: Plan, tables: PipelineTables, progress: Progress, watermark: int) -> Found | None:
    """What the events in hand leave; ``None`` where they turn out not to be plain."""
    found = Found(watermark=watermark)
    rule = plan.deduplicate
    if rule is not None:
        found.serial = run.serial()
        asked = run.identities(None if found.serial is None else tables.seen.largest())
        known = tables.seen.find(*asked)
        found.identities, found.duplicates = run.deduplicate(known, rule.keep_ms)
    assert plan.lane is not None
    if not (make_columns(run, plan.lane, tables) and find_states(run, plan, tables, progress, found)):
        return None
    return found if _send(run, plan, found) else None


def find_states(run: Run, plan: Plan, tables: PipelineTables, progress: Progress, found: Found) -> bool:
    """Whether the states of all groups are plain that the events in hand change; they and late events are ``found``."""
    for number, aggregation in enumerate(plan.aggregations):
        groups, name = tables.groups[aggregation.table], aggregation.table
        assert isinstance(groups, TextTable)
        missing, found.late[name] = run.place(number, progress.forced.get(name, NO_TIME), groups.held)
        groups.fetch(missing)
        states = run.aggregate(number, groups.held, encode_json)
        if states is None:
            return False
        found.states[name] = states
    return True


def _send(run: Run, plan: Plan, found: Found) -> bool:
    """Whether what the events publish is plain, and what travels to other tasks; it is ``found``."""
    limit = plan.limits.record_bytes
    for number in range(len(plan.routes)):
        published = run.publish(number, limit)
        if published is None:
            return False
        found.deliveries += published
    for number, exchange in enumerate(plan.exchanges):
        carried, late = run.carry(number, limit)
        if carried is None:
            return False
        found.deliveries += carried
        found.late.update(zip((held.table for held in exchange.aggregations), late, strict=True))
    return True


def _write(found: Found, tables: PipelineTables, progress: Progress) -> None:
    if found.watermark > (NO_TIME if progress.watermark is None else progress.watermark):
        tables.set_progress(replaced(progress, watermark=found.watermark))
    if found.serial is not None:
        tables.seen.advance(found.serial)
    tables.seen.put_many(found.identities)
    put_states(found, tables)


def put_states(found: Found, tables: PipelineTables) -> None:
    """Into the batch's savepoint."""
    for table, states in found.states.items():
        groups = tables.groups[table]
        assert isinstance(groups, TextTable)
        groups.put_texts(states)


def _ledger_of(run: Run, plan: Plan, found: Found) -> Ledger:
    events, late = run.outcomes()
    ledger = Ledger(events, retried=plan.retried)
    ledger.late_by_table.update(late_of(found))
    late = 0 if plan.routes else late
    ledger.end(Outcome.DUPLICATE, found.duplicates)
    ledger.end(Outcome.LATE, late)
    ledger.end(Outcome.PROCESSED, events - found.duplicates - late)
    return ledger


def late_of(found: Found) -> dict[str, int]:
    """By table how many events came too late for it."""
    return {table: count for table, count in found.late.items() if count}


def joined(parts: list[PipelineResult]) -> PipelineResult:
    """One behind the other."""
    if len(parts) == 1:
        return parts[0]
    ledger = Ledger(0)
    for part in parts:
        ledger.add(part.ledger)
    times = [time_ms for part in parts for time_ms in part.commit_times_ms]
    deliveries = [delivery for part in parts for delivery in part.deliveries]
    return PipelineResult(deliveries=deliveries, ledger=ledger, commit_times_ms=(*times[:1], *times[-1:]))
