"""Tell: a table tells stages that events of other tasks ask of every change of its rows, in its turn.

They are asked what a row is or was at a time, so that what it was between two checkpoints counts, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.records import Delivery

from ..plan import Plan
from ..tables import RowChange, encode_key
from .wire import Partner, encode


def tell_changes(changes: Iterable[RowChange], plan: Plan) -> list[Delivery]:
    """What stages that events ask are told of every change of a row."""
    meetings = [meeting for meeting in plan.feeds if meeting.is_asked]
    if not meetings or plan.table is None:
        return []
    deliveries: list[Delivery] = []
    for change in changes:
        row, time_ms = change.before if change.after is None else change.after, change.event.event_time_ms
        if row is None:
            continue  # it was not there before, and is not
        key = encode_key([row.get(column) for column in plan.table.key])
        for meeting in meetings:
            columns = {name: row.get(name) for name in meeting.columns}
            value = None if change.after is None else encode(Partner(time_ms=time_ms, row=columns))
            deliveries.append(Delivery(topic=meeting.rows, key=key, value=value, timestamp_ms=max(time_ms, 0)))
    return deliveries
