"""Moves: a row whose key changes arrives as DELETE of the old key and INSERT of the new one.

Debezium writes the two one after the other and ties them by headers. The INSERT may leave out a column that did not
change; its value is in the row that has just gone, so that row is kept for one event. Where the two keys live in
different partitions the INSERT's task never had the row, and the column stays unknown.
Source: Debezium's connector for PostgreSQL, primary key updates.
"""

from __future__ import annotations

from typing import Any

import msgspec

from streams.records import ChangeEvent, Operation

from .tables import encode_key

NEW_KEY = "__debezium.newkey"
"""Header of the DELETE: the key, as JSON, under which the row goes on."""
OLD_KEY = "__debezium.oldkey"
"""Header of the INSERT: where the row comes from."""


def moved_to(event: ChangeEvent, columns: tuple[str, ...]) -> bytes | None:
    """The canonical key under which a deleted row goes on; ``None`` if it is gone for good."""
    if event.operation is not Operation.DELETE or not event.record.headers:
        return None
    header = dict(event.record.headers).get(NEW_KEY)
    try:
        key: Any = None if header is None else msgspec.json.decode(header)
    except msgspec.MsgspecError:
        return None
    if not isinstance(key, dict) or any(column not in key for column in columns):
        return None
    return encode_key([key[column] for column in columns])


def has_moved(event: ChangeEvent) -> bool:
    """Whether a new row is one that had another key."""
    return event.operation is Operation.INSERT and any(name == OLD_KEY for name, _ in event.record.headers)
