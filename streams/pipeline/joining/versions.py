"""Versions: what a row was at any time of the last while.

In:   events with their final rows.
Out:  the same events; of each the version that it leaves, under its event time, is kept.
Next: streams.pipeline.outside

A version holds until the next one of its row. With a new version those go that ended before the watermark less what is
kept; the one that holds there stays. Of two versions of one time the one processed last holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from streams.records import ChangeEvent, Operation, Row

from ..plan import RowTable
from ..tables import PipelineTables, RowChange, StoredRow, TimedRow, encode_key
from ..truncating.state import Place
from ..truncating.state import place_of as truncating_place
from .history import TIME_BYTES, horizon_of, place_of, versions_since
from .state import Version


def keep_versions(
    events: Sequence[ChangeEvent], changes: Iterable[RowChange], table: RowTable | None, tables: PipelineTables
) -> None:
    """Keep what each event makes of its row, and that rows are gone which a TRUNCATE took, as ``changes`` tell."""
    if table is None or table.keep_versions_ms is None or not events:
        return
    taken = _taken(changes, table, tables)
    versions: dict[bytes, Version | None] = {}
    for event in events:
        if event.operation is not Operation.TRUNCATE:
            key, is_gone = _key_of(event.row, table), event.operation is Operation.DELETE
            versions[place_of(key, event.event_time_ms)] = Version(None if is_gone else event.row)
        for key, time_ms in taken.get(truncating_place(event), ()):
            versions[place_of(key, time_ms)] = Version(None)
    _put(versions, table.keep_versions_ms, tables)


def _taken(
    changes: Iterable[RowChange], table: RowTable, tables: PipelineTables
) -> dict[Place, list[tuple[bytes, int]]]:
    """By event, keys of rows that it takes, or that were taken before it came, and from when on."""
    taken: dict[Place, list[tuple[bytes, int]]] = {}
    held = tables.truncated.current() if changes else None
    for change in changes:
        event = change.event
        if change.after is None and event.operation is not Operation.DELETE:
            row, time_ms = change.before, event.event_time_ms
            if row is None:
                row, time_ms = event.row, time_ms if held is None else max(time_ms, held.time_ms)
            taken.setdefault(truncating_place(event), []).append((_key_of(row, table), time_ms))
    return taken


def end_versions(gone: Mapping[bytes, int], live: Mapping[bytes, StoredRow], time_ms: int, table: RowTable,
                 tables: PipelineTables) -> None:  # fmt: skip
    """The rows ``gone`` were taken at their times. What ``live`` ones were before ``time_ms`` was taken, too."""
    if table.keep_versions_ms is None:
        return
    ended = {place_of(key, taken_ms) for key, taken_ms in gone.items()}
    back = {place_of(key, time_ms) for key, row in live.items() if isinstance(row, TimedRow) and row.time_ms > time_ms}
    known = tables.joining.versions.get_many(list(back))
    places = [*ended, *(place for place in back if known.get(place) is None)]
    versions: dict[bytes, Version | None] = {place: Version(None) for place in places}
    _put(versions, table.keep_versions_ms, tables)


def _key_of(row: Row, table: RowTable) -> bytes:
    return encode_key([row.get(column) for column in table.key])


def _put(versions: dict[bytes, Version | None], keep_ms: int, tables: PipelineTables) -> None:
    """Keep ``versions``; those of their rows that have ended too long ago go."""
    keys = dict.fromkeys(place[:-TIME_BYTES] for place in versions)
    tables.joining.versions.put_many(versions)
    horizon_ms = horizon_of(tables, keep_ms)
    held = versions_since(((key, horizon_ms) for key in keys), tables)
    ended = [place for found in held for place, _ in islice(found, 1, None)]
    tables.joining.versions.put_many(dict.fromkeys(ended))
