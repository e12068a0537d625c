"""Relate: each change takes the columns of the partners that its row names, and the row is kept to follow them.

In:   events that have been looked up.
Out:  the same events with the joined columns in their rows; a row that an inner join leaves out leaves the result,
      as a DELETE if it was there.
Next: streams.pipeline.derive
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Delivery, Operation

from ..order import is_unplaced, order_of
from ..tables import PipelineTables, RowChange, encode_key
from ..truncating.state import NONE, Place, place_of
from .kept import KeptRows
from .match import Answers, Match, match_rows
from .plan import Relation
from .state import KeptRow

DELETE, TRUNCATE = Operation.DELETE, Operation.TRUNCATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """What joins between tables make of a batch."""

    events: list[ChangeEvent]
    """Those that go on."""
    named: list[Delivery] = field(default_factory=list)
    """What tasks of partners are told."""
    taken: list[RowChange] = field(default_factory=list)
    """Rows of the result that a TRUNCATE takes, and those that came after they had been taken."""


def relate_rows(
    events: list[ChangeEvent], relation: Relation | None, tables: PipelineTables, ledger: Ledger, *,
    late: Collection[Place] = NONE,
) -> Related:  # fmt: skip
    """The events that go on; ``relation`` ``None``: all, as they are. Those that are ``late`` leave no row.

    A row whose partner lives in another task waits for its answer, and goes on then.
    """
    if relation is None or tables.joining.joined is None or not events:
        return Related(events=events)
    keys = [_key_of(event, relation) for event in events]
    rows = KeptRows(tables.joining.joined, keys, relation, events[0].record.partition)
    whole = _whole(events, relation, rows, late)
    asked = [(event.row, event.event_time_ms, rows.answers(key)) for event, key in zip(whole, keys, strict=True)]
    matches = match_rows(asked, relation, tables.partners)
    going, taken = [], list[RowChange]()
    for event, match in zip(whole, matches, strict=True):
        if event.operation is TRUNCATE:
            taken += [RowChange(event, kept.row, None) for kept in rows.truncate(order_of(event))]
            going.append(event)
        elif place_of(event) in late:
            held = _pass_by(event, match, relation, rows)
            going += held
            taken += [RowChange(event, None, None) for event in held]
        elif (related := _relate(event, match, relation, rows)) is not None:
            going.append(related)
    ledger.end(Outcome.PROCESSED, rows.waiting)
    ledger.end(Outcome.FILTERED, len(events) - len(going) - rows.waiting)
    return Related(events=going, named=rows.close(), taken=taken)


def _key_of(event: ChangeEvent, relation: Relation) -> bytes:
    row = event.row
    return encode_key([row.get(column) for column in relation.key])


def _whole(
    events: Sequence[ChangeEvent], relation: Relation, rows: KeptRows, late: Collection[Place]
) -> list[ChangeEvent]:
    """The events with what their rows held before, where it was not sent; what a DELETE ends names its partners."""
    last: dict[bytes, dict[str, object] | None] = {}
    whole = []
    for event in events:
        key = _key_of(event, relation)
        if event.operation is TRUNCATE:
            last = dict.fromkeys(rows.keys)
        elif event.operation is DELETE:
            event = replace(event, row={**(rows.before(key, last) or {}), **event.row})
            last[key] = None
        else:
            if event.unsent and (known := rows.before(key, last)) is not None:
                event = replace(event, row={**{c: known[c] for c in event.unsent if c in known}, **event.row})
            if place_of(event) not in late:
                last[key] = event.row
        whole.append(event)
    return whole


def _relate(event: ChangeEvent, match: Match, relation: Relation, rows: KeptRows) -> ChangeEvent | None:
    key = _key_of(event, relation)
    known = rows.get(key)
    if is_unplaced(event) and known is not None and known.order > order_of(event):
        return None
    was_out = not relation.is_inner if known is None else known.told != ""
    if event.operation is DELETE:
        rows.put(key, known, None)
        return replace(event, row=match.row) if was_out else None
    rows.put(key, known, _kept(event, match, known, rows.answers(key)))
    if match.is_waiting:
        rows.waiting += 1
        return None
    joined = replace(event, row=match.row, event_time_ms=match.time_ms)
    if match.is_whole:
        return joined
    return replace(joined, operation=DELETE) if was_out else None


def _pass_by(event: ChangeEvent, match: Match, relation: Relation, rows: KeptRows) -> list[ChangeEvent]:
    """What a row is told as that leaves none, unless another of its key is there."""
    if match.is_waiting or not match.is_whole or rows.get(_key_of(event, relation)) is not None:
        return []
    return [replace(event, row=match.row, event_time_ms=match.time_ms)]


def _kept(event: ChangeEvent, match: Match, known: KeptRow | None, answers: Answers) -> KeptRow:
    told_before = "" if known is None else known.told
    return KeptRow(
        schema_version=event.schema_version,
        order=order_of(event),
        time_ms=event.event_time_ms,
        row=event.row,
        refs=tuple(match.refs),
        told=told_before if match.is_waiting else match.told(),
        answers=answers,
    )
