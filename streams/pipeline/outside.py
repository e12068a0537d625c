"""Outside: the rows that are no members, kept for the day on which they are.

In:   the events that went on, and those that left rows outside, masked.
Out:  the same events, and a DELETE of each known row that was truncated; rows outside are kept until they enter or go.
Next: streams.pipeline.aggregate
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from streams.records import ChangeEvent, Operation, Walk

from .moves import remember_moves
from .order import Order, order_of
from .plan import Plan, RowTable
from .tables import PipelineTables, RowChange, StoredRow, encode_key
from .truncating.state import NONE, Place, Truncated, is_before, place_of

DELETE, TRUNCATE = Operation.DELETE, Operation.TRUNCATE


def keep_outside(
    walk: Walk, changes: list[RowChange], plan: Plan, tables: PipelineTables, *,
    late: Mapping[Place, Truncated] = NONE,
) -> list[ChangeEvent]:  # fmt: skip
    """Keep the rows that are no members as the events of ``walk`` leave them; those that are ``late`` leave none.

    Given back are the events that went on, with a DELETE for each row that a TRUNCATE among them took away, or had
    taken before.
    """
    if plan.where is not None and plan.rows is not None:
        _keep(walk, plan.rows, tables, late)
    return _with_removals(walk.passed, changes, late)


def _keep(walk: Walk, table: RowTable, tables: PipelineTables, late: Collection[Place]) -> None:
    left: dict[bytes, StoredRow | None] = {}
    events = sorted([*walk.outside, *walk.passed], key=lambda event: event.record.offset)
    kept = {id(event) for event in walk.outside}
    keys = [encode_key([event.row.get(column) for column in table.key]) for event in events]
    for event, key in zip(events, keys, strict=True):
        if event.operation is TRUNCATE:
            left |= _taken(keys, left, order_of(event), tables)
            continue
        is_outside, is_gone = id(event) in kept, event.operation is DELETE
        if late and place_of(event) in late:
            continue
        if is_outside and not is_gone:
            left[key] = StoredRow(schema_version=event.schema_version, order=order_of(event), row=event.row)
        elif is_outside or not is_gone:  # a DELETE that is not of outside is that of a member which went there
            left[key] = None
    tables.outside.put_many(left)
    remember_moves(events, table.key, tables)


def _taken(
    keys: Iterable[bytes], left: Mapping[bytes, StoredRow | None], order: Order, tables: PipelineTables
) -> dict[bytes, StoredRow | None]:
    """Rows at ``keys`` that a TRUNCATE takes; all others are swept later."""
    stored = tables.outside.get_many(list(keys))
    held = {key: left.get(key, stored.get(key)) for key in keys}
    return {key: None for key, row in held.items() if row is not None and is_before(row.order, order)}


def _with_removals(
    events: list[ChangeEvent], changes: list[RowChange], late: Mapping[Place, Truncated]
) -> list[ChangeEvent]:
    """A row that came late goes as it would have gone if it had been there: by the TRUNCATE, and at its time."""
    gone: dict[Place, list[ChangeEvent]] = {}
    for change in changes:
        event, place = change.event, place_of(change.event)
        if event.operation is TRUNCATE or place in late:
            row = event.row if change.before is None else change.before
            taker = late[place].event(event.record) if place in late else event
            gone.setdefault(place, []).append(replace(taker, operation=DELETE, row=row))
    if not gone:
        return events
    return [each for event in events for each in (event, *gone.get(place_of(event), ()))]
