"""Follow: partners have changed, and the rows that name them change with them.

In:   at a checkpoint, the partners written since the last one, and those that were not finished then; in a batch, the
      answers of partners that live in other tasks.
Out:  an UPDATE for each row that names one, with its columns as they are now; a DELETE where an inner join lost it.
Next: streams.pipeline.derive

Of several changes of a partner between two checkpoints rows see the last. So many rows follow at a checkpoint that its
transaction stays short; where the next one goes on is kept with the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import structs

from streams.records import ChangeEvent, Delivery, Operation, RecordBatch, SourceRecord

from ..order import Order
from ..plan import Plan
from ..tables import PipelineTables
from .index import take_rows
from .kept import KeptRows
from .match import Match, match_rows
from .state import KeptRow, partner_key
from .wire import decode_answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Rows that have followed their partners."""

    events: list[ChangeEvent] = field(default_factory=list)
    told: list[Delivery] = field(default_factory=list)
    """Which partners in other tasks they name now."""


def follow_partners(plan: Plan, tables: PipelineTables, partition: int) -> Followed:
    """The rows of ``plan`` that follow partners of the same task at this checkpoint, as they are now."""
    relation, joined = plan.relation, tables.joining.joined
    if relation is None or joined is None:
        return Followed()
    local = [(number, join.table) for number, join in enumerate(relation.joins) if join.meeting is None]
    changed = [partner_key(number, ref) for number, table in local for ref in tables.partners[table].dirty_keys]
    keys = [row for _, row, _ in take_rows(changed, joined.index, joined.unfinished)]
    return _rejoin(KeptRows(joined, keys, relation, partition), plan, tables) if keys else Followed()


def follow_answers(batch: RecordBatch, plan: Plan, tables: PipelineTables) -> Followed:
    """The rows that partners in other tasks have answered; an answer about a partner that a row names no more is none.

    Raises ``msgspec.MsgspecError`` for a record that no stage wrote.
    """
    relation, joined = plan.relation, tables.joining.joined
    assert relation is not None and joined is not None
    number = next(held.join for held in relation.meetings if held.answers == batch.topic)
    rows = KeptRows(joined, [record.key or b"" for record in batch.records], relation, batch.partition)
    for record in batch.records:
        rows.answer(record.key or b"", number, decode_answer(record.value or b""))
    return _rejoin(rows, plan, tables)


def _rejoin(rows: KeptRows, plan: Plan, tables: PipelineTables) -> Followed:
    assert plan.relation is not None
    truncated = tables.truncated.sweeping()
    held = [(key, kept) for key in rows.keys if (kept := rows.get(key)) is not None]
    known = [(key, kept) for key, kept in held if truncated is None or not truncated.takes(kept.order)]
    asked = [(kept.row, kept.time_ms, kept.answers) for _, kept in known]
    matches = match_rows(asked, plan.relation, tables.partners)
    place = SourceRecord(
        topic=plan.topic, partition=rows.partition, offset=-1, timestamp_ms=0, key=None, value=None
    )
    events = [
        event
        for (key, kept), match in zip(known, matches, strict=True)
        if (event := _follow(key, kept, match, rows, place)) is not None
    ]
    return Followed(events=events, told=rows.close())


def _follow(key: bytes, kept: KeptRow, match: Match, rows: KeptRows, place: SourceRecord) -> ChangeEvent | None:
    refs, told = tuple(match.refs), kept.told if match.is_waiting else match.told()
    if refs != kept.refs or told != kept.told:
        rows.put(key, kept, structs.replace(kept, refs=refs, told=told))
    if told == kept.told:
        return None
    return ChangeEvent(
        record=structs.replace(place, timestamp_ms=max(match.time_ms, 0), key=key),
        operation=Operation.UPDATE if match.is_whole else Operation.DELETE,
        row=match.row,
        source=_source_of(kept.order),
        transaction={"total_order": kept.order[2]},
        key={},
        event_time_ms=match.time_ms,
        schema_version=kept.schema_version,
    )


def _source_of(order: Order) -> dict[str, object]:
    """What says that order of a change: the row's own, a partner's change makes it no newer."""
    return {"sequence": f'["{order[0]}","{order[1]}"]', "lsn": order[1]}

