"""Relate: each change takes the columns of the partners that its row names, and the row is kept to follow them.

In:   events that have been looked up.
Out:  the same events with the joined columns in their rows; a row that an inner join leaves out leaves the result,
      as a DELETE if it was there.
Next: streams.pipeline.derive
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Operation

from ..order import is_unplaced, order_of
from ..tables import PipelineTables, encode_key
from .kept import KeptRows
from .match import Match, match_rows
from .plan import Relation
from .state import KeptRow

DELETE, TRUNCATE = Operation.DELETE, Operation.TRUNCATE


def relate_rows(
    events: list[ChangeEvent], relation: Relation | None, tables: PipelineTables, ledger: Ledger
) -> list[ChangeEvent]:
    """The events that go on; ``relation`` ``None``: all, as they are."""
    if relation is None or tables.joined is None:
        return events
    rows = KeptRows(tables.joined, [_key_of(event, relation) for event in events])
    whole = _whole(events, relation, rows)
    matches = match_rows([(event.row, event.event_time_ms) for event in whole], relation, tables.partners)
    going = [
        held
        for event, match in zip(whole, matches, strict=True)
        if (held := _relate(event, match, relation, rows)) is not None
    ]
    rows.close()
    ledger.end(Outcome.FILTERED, len(events) - len(going))
    return going


def _key_of(event: ChangeEvent, relation: Relation) -> bytes:
    row = event.row
    return encode_key([row.get(column) for column in relation.key])


def _whole(events: Sequence[ChangeEvent], relation: Relation, rows: KeptRows) -> list[ChangeEvent]:
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
            last[key] = event.row
        whole.append(event)
    return whole


def _relate(event: ChangeEvent, match: Match, relation: Relation, rows: KeptRows) -> ChangeEvent | None:
    if event.operation is TRUNCATE:
        rows.truncate(order_of(event))
        return event
    key, order = _key_of(event, relation), order_of(event)
    known = rows.get(key)
    if is_unplaced(event) and known is not None and known.order > order:
        return None
    was_out = not relation.is_inner if known is None else known.told != ""
    if event.operation is DELETE:
        rows.put(key, known, None)
        return replace(event, row=match.row) if was_out else None
    kept = KeptRow(
        schema_version=event.schema_version,
        order=order,
        time_ms=event.event_time_ms,
        row=event.row,
        refs=tuple(match.refs),
        told=match.told(),
    )
    rows.put(key, known, kept)
    joined = replace(event, row=match.row, event_time_ms=match.time_ms)
    if match.is_whole:
        return joined
    return replace(joined, operation=DELETE) if was_out else None

