"""Table: the latest row by key.

In:   events with their final rows.
Out:  the same events; the table holds what they leave of each row, and who asks is told what each row was before.
Next: streams.pipeline.joining.versions
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from streams.records import ChangeEvent, Operation

from .moves import remember_moves
from .order import is_unplaced, order_of
from .plan import RowTable
from .tables import PipelineTables, RowChange, StoredRow, TimedRow, encode_key
from .truncating.state import NONE, TRUNCATE, Place, has_truncates, is_before, place_of


def materialise_rows(
    events: Sequence[ChangeEvent],
    table: RowTable | None,
    tables: PipelineTables,
    *,
    is_asked: bool = False,
    late: Collection[Place] = NONE,
) -> list[RowChange]:
    """Write the row that each event leaves; DELETE removes it, TRUNCATE those of the batch that are older in order.

    ``is_asked``: what became of each row is told, in the order of the events; else of those that a TRUNCATE took.
    ``late``: events that leave no row; one that would have is told with none before and none after.
    """
    rows = tables.rows
    if table is None or rows is None:
        return []
    columns, stored_of = table.key, _timed if table.is_followed else _stored
    is_told = is_asked or bool(late) or has_truncates(events)
    known = rows.get_many([_key_of(event, columns) for event in events if is_told or is_unplaced(event)])
    left: dict[bytes, StoredRow | None] = {}
    changes: list[RowChange] = []
    for event in events:
        if event.operation is TRUNCATE:
            changes += _truncate(event, [_key_of(other, columns) for other in events], known, left)
            continue
        key = _key_of(event, columns)
        last = left.get(key, known.get(key)) if is_told or is_unplaced(event) else None
        if last is not None and is_unplaced(event) and last.order > order_of(event):
            continue
        if late and place_of(event) in late:
            changes += [RowChange(event, None, None)] if last is None else []
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


def _truncate(
    event: ChangeEvent, keys: list[bytes], known: Mapping[bytes, StoredRow | None], left: dict[bytes, StoredRow | None]
) -> Iterator[RowChange]:
    """What a TRUNCATE takes of the rows at ``keys``: those of its batch. All others are swept later."""
    order = order_of(event)
    for key in dict.fromkeys(keys):
        stored = left.get(key, known.get(key))
        if stored is not None and is_before(stored.order, order):
            left[key] = None
            yield RowChange(event, stored.row, None)
