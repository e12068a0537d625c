"""Table: the latest row by key.

In:   events with their final rows.
Out:  the same events; the table holds what they leave of each row, and who asks is told what each row was before.
Next: streams.pipeline.outside
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.records import ChangeEvent, Operation
from streams.state.table import Table

from .moves import remember_moves
from .order import Order, is_unplaced, order_of
from .plan import RowTable
from .tables import PipelineTables, RowChange, StoredRow, TimedRow, encode_key


def materialise_rows(
    events: Sequence[ChangeEvent], table: RowTable | None, tables: PipelineTables, *, is_asked: bool = False
) -> list[RowChange]:
    """Write the row that each event leaves; DELETE removes it, TRUNCATE all rows that are older in order.

    ``is_asked``: what became of each row is told, in the order of the events; else nothing is.
    """
    rows = tables.rows
    if table is None or rows is None:
        return []
    columns, stored_of = table.key, _timed if table.is_followed else _stored
    asked = events if is_asked else [event for event in events if is_unplaced(event)]
    known = rows.get_many([_key_of(event, columns) for event in asked])
    left: dict[bytes, StoredRow | None] = {}
    changes: list[RowChange] = []
    for event in events:
        if event.operation is Operation.TRUNCATE:
            gone = _truncated(rows, left, order_of(event))
            changes += [RowChange(event, stored.row, None) for stored in gone.values()]
            left.update(dict.fromkeys(gone))
            continue
        key = _key_of(event, columns)
        last = left.get(key, known.get(key)) if is_asked or is_unplaced(event) else None
        if last is not None and is_unplaced(event) and last.order > order_of(event):
            continue
        left[key] = held = None if event.operation is Operation.DELETE else stored_of(event)
        if is_asked:
            changes.append(RowChange(event, _row_of(last), _row_of(held)))
    rows.put_many(left)
    remember_moves(events, columns, tables)
    return changes


def _row_of(stored: StoredRow | None) -> dict[str, object] | None:
    return None if stored is None else stored.row


def _key_of(event: ChangeEvent, columns: tuple[str, ...]) -> bytes:
    row = event.row
    return encode_key([row.get(column) for column in columns])


def _stored(event: ChangeEvent) -> StoredRow:
    return StoredRow(schema_version=event.schema_version, order=order_of(event), row=event.row)


def _timed(event: ChangeEvent) -> StoredRow:
    held = _stored(event)
    return TimedRow(held.schema_version, held.order, held.row, event.event_time_ms)


def _truncated(
    rows: Table[StoredRow], left: Mapping[bytes, StoredRow | None], order: Order
) -> dict[bytes, StoredRow]:
    """The rows that a TRUNCATE of that ``order`` takes away."""
    present = {**dict(rows.scan()), **left}
    return {key: stored for key, stored in present.items() if stored is not None and stored.order < order}
