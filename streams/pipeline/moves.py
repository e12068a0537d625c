"""Moves: a row whose key changes arrives as DELETE of the old key and INSERT of the new one.

Debezium writes the two one after the other and ties them by headers; a format that has both in one record says so
itself (``ChangeEvent.moved``). The INSERT may leave out a column that did not
change; its value is in the row that has just gone, so that row is kept for one event. Where the two keys live in
different partitions the INSERT's task never had the row, and the column stays unknown.
Source: Debezium's connector for PostgreSQL, primary key updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from streams.records import ChangeEvent, Headers, Operation

from .entries import MovedRow
from .tables import MOVED_KEY, PipelineTables, encode_key

NEW_KEY = "__debezium.newkey"
"""Header of the DELETE: the key, as JSON, under which the row goes on."""
OLD_KEY = "__debezium.oldkey"
"""Header of the INSERT: where the row comes from."""


def moved_to(event: ChangeEvent, columns: tuple[str, ...]) -> bytes | None:
    """The canonical key under which a deleted row goes on; ``None`` if it is gone for good."""
    if event.operation is not Operation.DELETE:
        return None
    key: Any = event.moved
    if key is None:
        key = _told_by_header(event.record.headers)
    if not isinstance(key, dict) or any(column not in key for column in columns):
        return None
    return encode_key([key[column] for column in columns])


def _told_by_header(headers: Headers) -> Any:
    header = dict(headers).get(NEW_KEY) if headers else None
    try:
        return None if header is None else msgspec.json.decode(header)
    except msgspec.MsgspecError:
        return None


def remember_moves(events: Sequence[ChangeEvent], columns: tuple[str, ...], tables: PipelineTables) -> None:
    """Of the rows whose key changes, keep the last one whose second half has not come yet."""
    for event in events:
        if (to := moved_to(event, columns)) is not None:
            tables.moved.put(MOVED_KEY, MovedRow(key=to.decode(), row=event.row))
        elif has_moved(event):
            tables.moved.put(MOVED_KEY, None)


def has_moved(event: ChangeEvent) -> bool:
    """Whether a new row is one that had another key."""
    if event.operation is not Operation.INSERT:
        return False
    return event.moved is not None or any(name == OLD_KEY for name, _ in event.record.headers)
