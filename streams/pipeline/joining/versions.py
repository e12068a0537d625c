"""Versions: what a row was at any time of the last while.

In:   events with their final rows.
Out:  the same events; of each the version that it leaves, under its event time, is kept.
Next: streams.pipeline.table

A version holds until the next one of its row. With a new version those go that ended before the watermark less what is
kept; the one that holds there stays. Of two versions of one time the one processed last holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from streams.records import ChangeEvent, Operation

from ..plan import RowTable
from ..tables import PipelineTables, encode_key
from .history import TIME_BYTES, horizon_of, place_of, versions_since
from .state import Version


def keep_versions(events: Sequence[ChangeEvent], table: RowTable | None, tables: PipelineTables) -> None:
    """Keep what each event makes of its row."""
    if table is None or table.keep_versions_ms is None or not events:
        return
    versions: dict[bytes, Version | None] = {}
    for event in events:
        time_ms = event.event_time_ms
        if event.operation is Operation.TRUNCATE:
            places = [*versions, *(place for place, _ in tables.joining.versions.scan())]
            versions |= {place_of(place[:-TIME_BYTES], time_ms): Version(None) for place in places}
            continue
        key = encode_key([event.row.get(column) for column in table.key])
        versions[place_of(key, time_ms)] = Version(None if event.operation is Operation.DELETE else event.row)
    keys = dict.fromkeys(place[:-TIME_BYTES] for place in versions)
    tables.joining.versions.put_many(versions)
    horizon_ms = horizon_of(tables, table.keep_versions_ms)
    held = versions_since(((key, horizon_ms) for key in keys), tables)
    ended = [place for found in held for place, _ in islice(found, 1, None)]
    tables.joining.versions.put_many(dict.fromkeys(ended))
