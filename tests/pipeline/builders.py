"""Builders: values with everything filled in that a test does not speak about."""

from __future__ import annotations

from collections.abc import Mapping

from streams.contracts.model import Column, ColumnType
from streams.pipeline.expressions import Scope
from streams.records import ChangeEvent, Operation, SourceRecord

COLUMN_TYPES = {
    "i": ColumnType.INTEGER,
    "j": ColumnType.INTEGER,
    "d": ColumnType.DECIMAL,
    "e": ColumnType.DECIMAL,
    "f": ColumnType.DOUBLE,
    "t": ColumnType.TEXT,
    "u": ColumnType.TEXT,
    "b": ColumnType.BOOLEAN,
    "c": ColumnType.BOOLEAN,
    "ts": ColumnType.TIMESTAMP,
    "day": ColumnType.DATE,
    "at": ColumnType.TIME,
    "id": ColumnType.UUID,
    "raw": ColumnType.BYTES,
    "user": ColumnType.OBJECT,
    "items": ColumnType.ARRAY,
    "op": ColumnType.TEXT,
    "thing": ColumnType.UNKNOWN,
}
SCOPE = Scope(columns={name: Column(name=name, type=kind) for name, kind in COLUMN_TYPES.items()}, envelope=True)


def a_source_record(
    value: bytes | None = b"{}", *, key: bytes | None = b'{"id":1}', offset: int = 0, timestamp_ms: int = 0
) -> SourceRecord:
    """A record of partition 0 of ``orders``."""
    return SourceRecord(topic="orders", partition=0, offset=offset, timestamp_ms=timestamp_ms, key=key, value=value)


def an_event(
    row: Mapping[str, object] | None = None,
    *,
    operation: Operation = Operation.INSERT,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    source: Mapping[str, object] | None = None,
    key: Mapping[str, object] | None = None,
) -> ChangeEvent:
    """A change of one row."""
    return ChangeEvent(
        record=a_source_record(),
        operation=operation,
        row=dict(row or {}),
        before=before,
        after=after,
        source=source or {},
        key=key or {},
        event_time_ms=0,
    )
