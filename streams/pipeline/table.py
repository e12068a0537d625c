"""Table: the latest row by key.

In:   events with their final rows.
Out:  the same events; the table holds what they leave of each row.
Next: streams.pipeline.aggregate
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from streams.records import ChangeEvent, Operation
from streams.state.table import Table

from .moves import has_moved, moved_to
from .plan import RowTable
from .tables import MOVED_KEY, MovedRow, PipelineTables, StoredRow, encode_key

Order = tuple[int, int, int]


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


def is_unplaced(event: ChangeEvent) -> bool:
    """A row of an incremental snapshot: it has no log position of its own, so a repeated one is no duplicate.

    Its order is that of the stream when it was read. When it comes again, later changes must not be undone.
    """
    return event.operation is Operation.READ and event.source.get("lsn") is None


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


def order_of(event: ChangeEvent) -> Order:
    """(end of the previous commit, log position, place in the transaction): greater is newer, per row.

    Source: Debezium's PostgreSQL connector, ``source.sequence`` = JSON ``["<last commit's end>", "<lsn>"]``.
    """
    sequence = event.source.get("sequence")
    committed, position = 0, _integer(event.source.get("lsn"))
    if isinstance(sequence, str):
        told = _sequence_of(sequence)
        committed, position = told[0], told[1] or position
    return committed, position, _integer((event.transaction or {}).get("total_order"))


def _sequence_of(text: str) -> tuple[int, int]:
    """Zeros for what is no pair: the order of one row is not worth a worker's stop."""
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        return 0, 0
    return (_integer(parts[0]), _integer(parts[1])) if isinstance(parts, list) and len(parts) > 1 else (0, 0)


def _integer(value: object) -> int:
    return int(value) if isinstance(value, (int, str)) and str(value).isdecimal() else 0
