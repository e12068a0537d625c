"""Feed: a table tells stages where rows of other tasks meet its rows what becomes of them.

In:   at a checkpoint, the rows written since the last one; at first also those that were there before.
Out:  a record for each, with the columns that are joined; none is left of a row that went.
Next: streams.pipeline.joining.meet
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from streams.records import Delivery
from streams.state.overlay import Overlay
from streams.state.table import Table

from ..plan import Plan
from ..tables import PipelineTables, StoredRow, TimedRow
from .index import ROWS_A_CHECKPOINT
from .plan import Meeting
from .state import ALL_TOLD, Unfinished
from .wire import Partner, encode


def feed_stages(plan: Plan, tables: PipelineTables) -> list[Delivery]:
    """What all stages are told at this checkpoint."""
    rows, fed = tables.rows, tables.joining.fed
    if rows is None or fed is None:
        return []
    deliveries: list[Delivery] = []
    for meeting in plan.feeds:
        # A stage that is asked has been told of every change, in its turn.
        changed = [] if meeting.is_asked else [(key, stored) for key, stored in rows.dirty_items]
        deliveries += _told([*_first(meeting, rows, fed.told), *changed], meeting)
    return deliveries


def _first(
    meeting: Meeting, rows: Table[StoredRow], fed: Overlay[Unfinished]
) -> Iterable[tuple[bytes, StoredRow | None]]:
    """Rows that were there before the stage was, so many at a checkpoint."""
    place = meeting.stage.encode()
    known = fed.get_many([place]).get(place)
    after = "" if known is None else known.after
    if after == ALL_TOLD:
        return []
    found = list(islice(rows.scan(after.encode() + b"\0" if after else b""), ROWS_A_CHECKPOINT))
    is_all = len(found) < ROWS_A_CHECKPOINT
    fed.put_many({place: Unfinished(after=ALL_TOLD if is_all else found[-1][0].decode())})
    return found


def _told(rows: Iterable[tuple[bytes, StoredRow | None]], meeting: Meeting) -> Iterable[Delivery]:
    for key, stored in rows:
        time_ms = stored.time_ms if isinstance(stored, TimedRow) else 0
        columns = {} if stored is None else {name: stored.row.get(name) for name in meeting.columns}
        value = None if stored is None else encode(Partner(time_ms=time_ms, row=columns))
        yield Delivery(topic=meeting.rows, key=key, value=value, timestamp_ms=max(time_ms, 0))
