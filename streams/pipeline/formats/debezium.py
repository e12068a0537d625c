"""Debezium's JSON without schema: the envelope.

Sources: Debezium 3.7 connector for PostgreSQL and real captures of it. Only the key of a DELETE's ``before`` is
believed: the rest may be made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import cast

import msgspec

from streams.contracts.model import Column
from streams.errors import DecodeError
from streams.records import ChangeEvent, Operation, Row, SourceRecord

from ..plan import Codec, EventTime
from .debezium_rows import ALL_SENT, MARK, RowReader
from .times import NO_TIME

FORMAT = "debezium-json"
INSERT, UPDATE, READ = Operation.INSERT, Operation.UPDATE, Operation.READ
DELETE, TRUNCATE, MESSAGE = Operation.DELETE, Operation.TRUNCATE, Operation.MESSAGE
_OPERATIONS: Mapping[str | None, Operation] = {operation.value: operation for operation in Operation}
_WITH_AFTER: Mapping[str | None, Operation] = {held.value: held for held in (INSERT, UPDATE, READ)}
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)

class _Envelope(msgspec.Struct, gc=False):
    """What steps read of an envelope; ``source`` and ``transaction`` where one of them asks."""

    op: str | None = None
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    source: dict[str, object] | None = None
    transaction: dict[str, object] | None = None
    ts_ms: int | None = None
    payload: msgspec.Raw | None = None


class _CommitTime(msgspec.Struct, gc=False):
    """All of a source block that is read where no step asks for it."""

    ts_ms: int | None = None


class _ShortEnvelope(msgspec.Struct, gc=False):
    """The same without what nobody reads: half the work of reading a record is its source block."""

    op: str | None = None
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    source: _CommitTime | None = None
    ts_ms: int | None = None
    payload: msgspec.Raw | None = None


Envelope = _Envelope | _ShortEnvelope
Place = tuple[Row, Row | None, int]
"""(source block, transaction block, when the change was committed)."""

_decode_key = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode
_NOTHING: dict[str, object] = {}


def debezium_codec(
    columns: Mapping[str, Column], key: tuple[str, ...], event_time: EventTime, *, version: str, reads: frozenset[str]
) -> Codec:
    """Decode records of one table whose rows have ``columns``; ``reads``: ``key`` and ``source``, where steps do."""
    rows, read_time = RowReader(columns), event_time.read
    shape: type[Envelope] = _Envelope if "source" in reads else _ShortEnvelope
    read: Callable[[bytes], Envelope] = msgspec.json.Decoder(shape, float_hook=Decimal).decode
    operation_of, is_plain, reads_key = _WITH_AFTER.get, rows.is_plain, "key" in reads

    # Once an event: what could be a call of its own stands here.
    def decode(record: SourceRecord) -> ChangeEvent | None:
        value = record.value
        if value is None:
            return None
        try:
            envelope = read(value)
        except _UNREADABLE as error:
            raise DecodeError(FORMAT, _without_values(error)) from None
        operation, row, unsent = operation_of(envelope.op), envelope.after, ALL_SENT
        if operation is None or row is None:
            return decode_rest(record, envelope)
        if not is_plain or MARK in value:
            row, unsent = rows.read(row, value)
        source, transaction, committed_ms = _place_of(envelope, record)
        time_ms = committed_ms if read_time is None else read_time(row)
        return ChangeEvent(
            record=record,
            operation=operation,
            row=row,
            before=envelope.before and rows.image(envelope.before),
            after=row,
            source=source,
            key=_read_key(record.key) if reads_key else _NOTHING,
            event_time_ms=NO_TIME if time_ms is None else time_ms,
            committed_ms=committed_ms,
            transaction=transaction,
            unsent=unsent,
            schema_version=version,
        )

    def decode_rest(record: SourceRecord, envelope: Envelope) -> ChangeEvent | None:
        """DELETE and TRUNCATE; no event for heartbeats and messages."""
        operation = _operation_of(envelope)
        if operation is None or operation is MESSAGE:
            return None
        row: dict[str, object] = {}
        unsent, record_key = ALL_SENT, _read_key(record.key) if reads_key or operation is DELETE else _NOTHING
        if operation is DELETE:
            row, unsent = rows.remaining(envelope.before or _NOTHING, key, record_key)
        source, transaction, committed_ms = _place_of(envelope, record)
        return ChangeEvent(
            record=record,
            operation=operation,
            row=row,
            before=envelope.before and rows.image(envelope.before),
            source=source,
            key=record_key,
            event_time_ms=committed_ms,
            committed_ms=committed_ms,
            transaction=transaction,
            unsent=unsent,
            schema_version=version,
        )

    return Codec(name=FORMAT, decode=decode, has_images=True)


def _place_of(envelope: Envelope, record: SourceRecord) -> Place:
    """Where a change stands; one whose source does not say when was committed when the record was written."""
    if type(envelope) is _ShortEnvelope:
        short = envelope.source
        if short is None or (said_ms := short.ts_ms) is None:
            said_ms = record.timestamp_ms
        return _NOTHING, None, said_ms
    whole = cast(_Envelope, envelope)
    source = whole.source or _NOTHING
    found = source.get("ts_ms")
    return source, whole.transaction, found if isinstance(found, int) else record.timestamp_ms


def _without_values(error: Exception) -> str:
    """What msgspec says of structure: types and places, and no text of the record."""
    return str(error) if isinstance(error, msgspec.MsgspecError) else type(error).__name__


def _operation_of(envelope: Envelope) -> Operation | None:
    """``None`` for heartbeats and transaction metadata."""
    if envelope.payload is not None:
        raise DecodeError(FORMAT, "the record carries its schema; set the converter's schemas.enable to false")
    if envelope.op is None:
        if envelope.ts_ms is not None and envelope.after is None and envelope.before is None:
            return None
        raise DecodeError(FORMAT, "no field op")
    operation = _OPERATIONS.get(envelope.op)
    if operation is None:
        raise DecodeError(FORMAT, "unknown op")
    if operation in (Operation.INSERT, Operation.UPDATE, Operation.READ) and envelope.after is None:
        raise DecodeError(FORMAT, "no field after")
    return operation


def _read_key(key: bytes | None) -> Row:
    if key is None:
        return {}
    try:
        return _decode_key(key)
    except _UNREADABLE as error:
        raise DecodeError(FORMAT, f"key: {_without_values(error)}") from None
