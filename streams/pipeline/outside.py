"""Outside: the rows that are no members, kept for the day on which they are.

In:   the events that went on, and those that left rows outside, masked.
Out:  the same events, and a DELETE of each member that was truncated; rows outside are kept until they enter or go.
Next: streams.pipeline.aggregate
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from streams.records import ChangeEvent, Operation, Walk

from .moves import remember_moves
from .order import order_of
from .plan import Plan, RowTable
from .tables import PipelineTables, RowChange, StoredRow, encode_key

DELETE, TRUNCATE = Operation.DELETE, Operation.TRUNCATE


def keep_outside(walk: Walk, changes: list[RowChange], plan: Plan, tables: PipelineTables) -> list[ChangeEvent]:
    """Keep the rows that are no members as the events of ``walk`` leave them.

    Given back are the events that went on, with a DELETE for each member that a TRUNCATE among them took away.
    """
    table = plan.rows
    if plan.where is None or table is None:
        return walk.passed
    _keep(walk, table, tables)
    return list(_with_removals(walk.passed, changes))


def _keep(walk: Walk, table: RowTable, tables: PipelineTables) -> None:
    left: dict[bytes, StoredRow | None] = {}
    events = sorted([*walk.outside, *walk.passed], key=lambda event: event.record.offset)
    kept = {id(event) for event in walk.outside}
    for event in events:
        if event.operation is TRUNCATE:
            present = {**dict(tables.outside.scan()), **left}
            order = order_of(event)
            left.update({key: None for key, held in present.items() if held is not None and held.order < order})
            continue
        key = encode_key([event.row.get(column) for column in table.key])
        is_outside, is_gone = id(event) in kept, event.operation is DELETE
        if is_outside and not is_gone:
            left[key] = StoredRow(schema_version=event.schema_version, order=order_of(event), row=event.row)
        elif is_outside or not is_gone:  # a DELETE that is not of outside is that of a member which went there
            left[key] = None
    tables.outside.put_many(left)
    remember_moves(events, table.key, tables)


def _with_removals(events: list[ChangeEvent], changes: list[RowChange]) -> Iterator[ChangeEvent]:
    gone: dict[int, list[RowChange]] = {}
    for change in changes:
        if change.event.operation is TRUNCATE:
            gone.setdefault(change.event.record.offset, []).append(change)
    for event in events:
        yield event
        if event.operation is TRUNCATE:
            for change in gone.get(event.record.offset, ()):
                yield replace(event, operation=DELETE, row=change.before or {})
