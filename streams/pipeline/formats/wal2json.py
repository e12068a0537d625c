"""wal2json's format 2: one record for each action of a transaction.

Source: wal2json 2.5 on PostgreSQL 15, real captures. A column that a row did not change and that lies out of line is
absent, not null; under REPLICA IDENTITY FULL its value is in ``identity``. The type of every value is told beside it.
A change is known by its log position, its row's key and what was done; its order is the log position alone: within a
table that is enough, because a TRUNCATE waits for every other transaction. Rows of a table without a key may share
all of that (COPY): nothing tells them apart, so they have no identity.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from streams.contracts.model import Column
from streams.errors import DecodeError
from streams.records import ChangeEvent, Operation, Row, SourceRecord

from ..plan import Codec
from .cache import Remembered
from .changes import Reading, without_values
from .debezium_rows import in_order
from .postgres_types import wire_of_type
from .times import NO_TIME, milliseconds
from .views import UNFIT, view_of
from .wires import UNREADABLE, Convert, plain_json

FORMAT = "wal2json-v2"
_OPERATIONS = {"I": Operation.INSERT, "U": Operation.UPDATE, "D": Operation.DELETE, "T": Operation.TRUNCATE}
_NO_ROWS = frozenset("BCM")
"""Beginnings and ends of transactions, and messages."""


class _Column(msgspec.Struct, gc=False):
    name: str
    type: str = ""
    value: object = None


class _Action(msgspec.Struct, gc=False):
    action: str
    xid: int | None = None
    timestamp: str | None = None
    lsn: str | None = None
    schema: str | None = None
    table: str | None = None
    columns: list[_Column] | None = None
    identity: list[_Column] | None = None


_decode_action = msgspec.json.Decoder(_Action, float_hook=Decimal).decode
_decode_key = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode


def wal2json_codec(reading: Reading) -> Codec:
    """Decode records of one table; an UPDATE that changes the key is two events."""
    keys = tuple(dict.fromkeys((*reading.contract.key, *(reading.identity or ()))))
    return Codec(name=FORMAT, decode=_Decoder(reading), has_images=True, split=lambda event: split_move(event, keys))


class _Decoder:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._columns = reading.contract.columns
        self._order = [*self._columns]
        self._names = frozenset(self._columns)
        self._read_time = reading.event_time.read
        self._views: Remembered[tuple[str, str], Convert | None] = Remembered(
            lambda named: view_of(self._column(named[0]), wire_of_type(named[1]))
        )

    def _column(self, name: str) -> Column | None:
        return self._columns.get(name)

    def __call__(self, record: SourceRecord) -> ChangeEvent | None:
        """The change; ``None`` for what is no change of a row."""
        if record.value is None:
            return None
        try:
            action = _decode_action(record.value)
        except UNREADABLE as error:
            raise DecodeError(FORMAT, without_values(error)) from None
        if action.action in _NO_ROWS:
            return None
        operation = _OPERATIONS.get(action.action)
        if operation is None:
            raise DecodeError(FORMAT, "unknown action")
        return self._event(record, action, operation)

    def _event(self, record: SourceRecord, action: _Action, operation: Operation) -> ChangeEvent:
        before = None if action.identity is None else self._image(action.identity)
        row, unsent = self._row(action, operation, before or {})
        committed_ms = _commit_ms(action, record)
        has_after = operation in (Operation.INSERT, Operation.UPDATE)
        return ChangeEvent(
            record=record,
            operation=operation,
            row=row,
            before=before,
            after=row if has_after else None,
            source=_source(action, committed_ms),
            key=_key(record.key) if "key" in self._reading.reads else {},
            event_time_ms=self._event_time(row, committed_ms) if has_after else committed_ms,
            committed_ms=committed_ms,
            unsent=unsent,
            schema_version=self._reading.contract.version,
        )

    def _row(
        self, action: _Action, operation: Operation, before: dict[str, object]
    ) -> tuple[dict[str, object], frozenset[str]]:
        """(what is known of the row, columns that were not sent)."""
        if operation is Operation.TRUNCATE:
            return {}, frozenset()
        if operation is Operation.DELETE:
            return {**before}, self._names.difference(before)
        if action.columns is None:
            raise DecodeError(FORMAT, "no field columns")
        row = in_order(self._image(action.columns), self._order)
        if operation is Operation.INSERT:
            return row, frozenset()
        if not before.keys() <= row.keys():  # an unsent value that the identity tells
            row = in_order({**before, **row}, self._order)
        return row, self._names.difference(row)

    def _image(self, columns: Iterable[_Column]) -> dict[str, object]:
        return {column.name: self._value(column) for column in columns}

    def _value(self, column: _Column) -> object:
        value, convert = column.value, self._views[column.name, column.type]
        if convert is None or value is None:
            return value
        try:
            return convert(value)
        except UNFIT:
            # Not what its type says: validation will tell, with the column's name.
            return plain_json(value)

    def _event_time(self, row: Row, committed_ms: int) -> int:
        time_ms = committed_ms if self._read_time is None else self._read_time(row)
        return NO_TIME if time_ms is None else time_ms


def _commit_ms(action: _Action, record: SourceRecord) -> int:
    """Without ``include-timestamp`` the change was committed when its record was written."""
    if action.timestamp is None:
        return record.timestamp_ms
    try:
        return milliseconds(datetime.fromisoformat(action.timestamp))
    except ValueError:
        raise DecodeError(FORMAT, "timestamp: not a time") from None


def _source(action: _Action, committed_ms: int) -> Row:
    return {
        "connector": "wal2json",
        "ts_ms": committed_ms,
        "schema": action.schema,
        "table": action.table,
        "txId": action.xid,
        "lsn": _position(action.lsn),
    }


def _position(text: str | None) -> int | None:
    """``0/166F1C8`` as a number; ``None`` without ``include-lsn``."""
    if text is None:
        return None
    high, slash, low = text.partition("/")
    try:
        if not slash or len(text) > len("FFFFFFFF/FFFFFFFF"):
            raise ValueError
        return int(high, 16) << 32 | int(low, 16)
    except ValueError:
        raise DecodeError(FORMAT, "lsn: not a log position") from None


def _key(key: bytes | None) -> Row:
    """The record's key where it is a JSON object; other keys are opaque."""
    if key is None or not key.startswith(b"{"):
        return {}
    try:
        return _decode_key(key)
    except UNREADABLE:
        return {}


def split_move(event: ChangeEvent, key: tuple[str, ...]) -> tuple[ChangeEvent, ...]:
    """An UPDATE that changes the key as the DELETE of the old row and the INSERT of the new one."""
    before, row = event.before, event.row
    if event.operation is not Operation.UPDATE or before is None:
        return (event,)
    told = [name for name in key if name in before]
    if all(before[name] == row.get(name) for name in told):
        return (event,)
    gone = replace(
        event,
        operation=Operation.DELETE,
        row={**before},
        after=None,
        event_time_ms=event.committed_ms,
        unsent=event.unsent.union(row).difference(before),
        moved={name: row.get(name) for name in key},
    )
    moved = {name: before[name] for name in told}
    return gone, replace(event, operation=Operation.INSERT, before=None, moved=moved)
