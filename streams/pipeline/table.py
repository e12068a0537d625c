"""Table: the latest row by key.

In:   events with their final rows.
Out:  the same events; the table holds what they leave of each row.
Next: streams.pipeline.aggregate
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.records import ChangeEvent, Operation
from streams.state.table import Table

from .moves import has_moved, moved_to
from .order import Order, is_unplaced, order_of
from .plan import RowTable
from .tables import MOVED_KEY, MovedRow, PipelineTables, StoredRow, encode_key


def materialise_rows(events: Sequence[ChangeEvent], table: RowTable | None, tables: PipelineTables) -> None:
    """Write the row that each event leaves; DELETE removes it, TRUNCATE all rows that are older in order."""
    rows = tables.rows
    if table is None or rows is None:
        return
    columns = table.key
    known = rows.get_many([_key_of(event, columns) for event in events if is_unplaced(event)])
    left: dict[bytes, StoredRow | None] = {}
    for event in events:
        if event.operation is Operation.TRUNCATE:
            left.update(_truncate(rows, left, order_of(event)))
            continue
        key = _key_of(event, columns)
        if is_unplaced(event) and (last := left.get(key, known.get(key))) is not None and last.order > order_of(event):
            continue
        left[key] = None if event.operation is Operation.DELETE else _stored(event)
    rows.put_many(left)
    _keep_moved(events, columns, tables)


def _keep_moved(events: Sequence[ChangeEvent], columns: tuple[str, ...], tables: PipelineTables) -> None:
    """Of the rows whose key changes, the last one whose second half has not come yet."""
    for event in events:
        if (to := moved_to(event, columns)) is not None:
            tables.moved.put(MOVED_KEY, MovedRow(key=to.decode(), row=event.row))
        elif has_moved(event):
            tables.moved.put(MOVED_KEY, None)


def _key_of(event: ChangeEvent, columns: tuple[str, ...]) -> bytes:
    row = event.row
    return encode_key([row.get(column) for column in columns])


def _stored(event: ChangeEvent) -> StoredRow:
    return StoredRow(schema_version=event.schema_version, order=order_of(event), row=event.row)


def _truncate(
    rows: Table[StoredRow], left: dict[bytes, StoredRow | None], order: Order
) -> dict[bytes, StoredRow | None]:
    """The removals that a TRUNCATE of that ``order`` causes."""
    present = {**dict(rows.scan()), **left}
    return {key: None for key, stored in present.items() if stored is not None and stored.order < order}
