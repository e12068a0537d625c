"""Follow: partners have changed, and the rows that name them change with them.

In:   at a checkpoint, the partners written since the last one, and those that were not finished then.
Out:  an UPDATE for each row that names one, with its columns as they are now; a DELETE where an inner join lost it.
Next: streams.pipeline.derive

Of several changes of a partner between two checkpoints rows see the last. So many rows follow at a checkpoint that its
transaction stays short; where the next one goes on is kept with the same transaction.
"""

from __future__ import annotations

from itertools import islice

from msgspec.structs import replace

from streams.records import ChangeEvent, Operation, SourceRecord

from ..order import Order
from ..plan import Plan
from ..tables import PipelineTables
from .kept import KeptRows
from .match import Match, match_rows
from .plan import Relation
from .state import END, JoinTables, KeptRow, Unfinished, partner_key

ROWS_A_CHECKPOINT = 5_000
"""Rows that follow, and partners that are looked at, at most."""
Due = dict[bytes, bytes]
"""By partner, the row behind which to go on."""


def follow_partners(plan: Plan, tables: PipelineTables, partition: int) -> list[ChangeEvent]:
    """The rows of ``plan`` that follow their partners at this checkpoint, as they are now."""
    relation, joined = plan.relation, tables.joined
    if relation is None or joined is None or not (due := _due(relation, tables, joined)):
        return []
    keys = _rows_of(due, joined)
    rows = KeptRows(joined, keys)
    known = [(key, kept) for key in rows.keys if (kept := rows.get(key)) is not None]
    matches = match_rows([(kept.row, kept.time_ms) for _, kept in known], relation, tables.partners)
    place = SourceRecord(topic=plan.topic, partition=partition, offset=-1, timestamp_ms=0, key=None, value=None)
    events = [
        event
        for (key, kept), match in zip(known, matches, strict=True)
        if (event := _follow(key, kept, match, rows, place)) is not None
    ]
    rows.close()
    return events


def _due(relation: Relation, tables: PipelineTables, joined: JoinTables) -> Due:
    """Those that are not finished, then what has changed: that begins anew."""
    unfinished = dict(joined.unfinished.scan())
    due = {key: held.after.encode() for key, held in unfinished.items()}
    for number, join in enumerate(relation.joins):
        due.update({partner_key(number, ref): b"" for ref in tables.partners[join.table].dirty_keys})
    return due


def _rows_of(due: Due, joined: JoinTables) -> list[bytes]:
    """Keys of the rows that follow now; what is left over is kept for the next checkpoint."""
    changed: dict[bytes, Unfinished | None] = {}
    keys, left = list[bytes](), ROWS_A_CHECKPOINT
    bounds = [(partner + END + after + (b"\0" if after else b""), partner + b"\x01") for partner, after in due.items()]
    for (partner, after), found in zip(due.items(), joined.index.scan_ranges(bounds), strict=True):
        rows = [key[len(partner) + 1 :] for key, _ in islice(found, max(left, 0))]
        is_done = len(rows) < left
        left -= max(len(rows), 1)
        keys += rows
        changed[partner] = None if is_done else Unfinished((rows[-1] if rows else after).decode())
    stored = joined.unfinished.get_many(list(changed))
    joined.unfinished.put_many({key: held for key, held in changed.items() if held is not None or stored.get(key)})
    return keys


def _follow(key: bytes, kept: KeptRow, match: Match, rows: KeptRows, place: SourceRecord) -> ChangeEvent | None:
    refs, told = tuple(match.refs), match.told()
    if refs != kept.refs or told != kept.told:
        rows.put(key, kept, KeptRow(kept.schema_version, kept.order, kept.time_ms, kept.row, refs, told))
    if told == kept.told:
        return None
    return ChangeEvent(
        record=replace(place, timestamp_ms=max(match.time_ms, 0), key=key),
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

