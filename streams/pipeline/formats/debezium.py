"""Debezium's JSON without schema: the envelope.

Sources: Debezium 3.7 connector for PostgreSQL and real captures of it. Only the key of a DELETE's ``before`` is
believed: the rest may be made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from streams.contracts.model import Contract
from streams.errors import DecodeError
from streams.records import ChangeEvent, Operation, Row, SourceRecord

from ..plan import Codec, Decode, EventTime
from .debezium_quick import OPERATIONS_WITH_AFTER, UNREADABLE, quick_decoder
from .debezium_rows import ALL_SENT, RowReader
from .times import NO_TIME

FORMAT = "debezium-json"
DELETE, TRUNCATE, MESSAGE = Operation.DELETE, Operation.TRUNCATE, Operation.MESSAGE
_OPERATIONS: Mapping[str | None, Operation] = {operation.value: operation for operation in Operation}

class _Envelope(msgspec.Struct, gc=False):
    op: str | None = None
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    source: dict[str, object] | None = None
    transaction: dict[str, object] | None = None
    ts_ms: int | None = None
    payload: msgspec.Raw | None = None


Place = tuple[Row, Row | None, int]
"""(source block, transaction block, when the change was committed)."""

_decode_envelope = msgspec.json.Decoder(_Envelope, float_hook=Decimal).decode
_decode_key = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode
_NOTHING: dict[str, object] = {}


def debezium_codec(contract: Contract, event_time: EventTime, *, reads: frozenset[str]) -> Codec:
    """Decode records of one table; ``reads``: ``key`` and ``source``, where steps ask for them."""
    rows = RowReader(contract.columns)
    whole = _whole_decoder(contract, rows, event_time, reads_key="key" in reads)
    if "key" in reads or (shape := contract.validator.shape) is None or not rows.is_plain:
        return Codec(name=FORMAT, decode=whole, has_images=True)
    quick = quick_decoder(shape, event_time, whole, version=contract.version, reads_source="source" in reads)
    return Codec(name=FORMAT, decode=quick, has_images=True)


def _whole_decoder(contract: Contract, rows: RowReader, event_time: EventTime, *, reads_key: bool) -> Decode:
    key, version, read_time = contract.key, contract.version, event_time.read

    def decode(record: SourceRecord) -> ChangeEvent | None:
        value = record.value
        if value is None:
            return None
        envelope = _read_envelope(value)
        operation, image = OPERATIONS_WITH_AFTER.get(envelope.op), envelope.after
        if operation is None or image is None:
            return decode_rest(record, envelope)
        row, unsent = rows.read(image, value)
        source, transaction, committed_ms = _place_of(envelope, record)
        time_ms = committed_ms if read_time is None else read_time(row)
        return ChangeEvent(
            record=record,
            operation=operation,
            row=row,
            before=rows.image(envelope.before),
            after=row,
            source=source,
            key=_read_key(record.key) if reads_key else _NOTHING,
            event_time_ms=NO_TIME if time_ms is None else time_ms,
            committed_ms=committed_ms,
            transaction=transaction,
            unsent=unsent,
            schema_version=version,
        )

    def decode_rest(record: SourceRecord, envelope: _Envelope) -> ChangeEvent | None:
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
            before=rows.image(envelope.before),
            source=source,
            key=record_key,
            event_time_ms=committed_ms,
            committed_ms=committed_ms,
            transaction=transaction,
            unsent=unsent,
            schema_version=version,
        )

    return decode


def _read_envelope(value: bytes) -> _Envelope:
    try:
        return _decode_envelope(value)
    except UNREADABLE as error:
        raise DecodeError(FORMAT, _without_values(error)) from None


def _place_of(envelope: _Envelope, record: SourceRecord) -> Place:
    """Where a change stands; one whose source does not say when was committed when the record was written."""
    source = envelope.source or _NOTHING
    said_ms = source.get("ts_ms")
    return source, envelope.transaction, said_ms if isinstance(said_ms, int) else record.timestamp_ms


def _without_values(error: Exception) -> str:
    """What msgspec says of structure: types and places, and no text of the record."""
    return str(error) if isinstance(error, msgspec.MsgspecError) else type(error).__name__


def _operation_of(envelope: _Envelope) -> Operation | None:
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
    except UNREADABLE as error:
        raise DecodeError(FORMAT, f"key: {_without_values(error)}") from None
