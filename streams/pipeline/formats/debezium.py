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

from ..plan import Codec, EventTime
from .debezium_quick import UNREADABLE, quick_decoder
from .debezium_rows import RowReader
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
    whole = _WholeDecoder(contract, rows, event_time, reads_key="key" in reads)
    if "key" in reads or (shape := contract.validator.shape) is None or not rows.is_plain:
        return Codec(name=FORMAT, decode=whole, has_images=True)
    quick = quick_decoder(shape, event_time, whole, rows, version=contract.version, reads_source="source" in reads)
    return Codec(name=FORMAT, decode=quick, has_images=True)


class _WholeDecoder:
    """Takes every record of a table: all operations, columns that were not sent, values that want converting."""

    def __init__(self, contract: Contract, rows: RowReader, event_time: EventTime, *, reads_key: bool) -> None:
        self._contract = contract
        self._rows = rows
        self._read_time = event_time.read
        self._reads_key = reads_key

    def __call__(self, record: SourceRecord) -> ChangeEvent | None:
        """The change; ``None`` for tombstones, heartbeats and messages."""
        if record.value is None:
            return None
        envelope = _read_envelope(record.value)
        operation = _operation_of(envelope)
        if operation is None or operation is MESSAGE:
            return None
        is_gone = operation is DELETE
        has_after = not is_gone and operation is not TRUNCATE
        key = _read_key(record.key) if self._reads_key or is_gone else _NOTHING
        source, transaction, committed_ms = _place_of(envelope, record)
        row, unsent = self._row(envelope, record.value, key, is_gone=is_gone)
        return ChangeEvent(
            record=record,
            operation=operation,
            row=row,
            before=self._rows.image(envelope.before),
            after=row if has_after else None,
            source=source,
            key=key,
            event_time_ms=self._event_time(row, committed_ms) if has_after else committed_ms,
            committed_ms=committed_ms,
            transaction=transaction,
            unsent=unsent,
            schema_version=self._contract.version,
        )

    def _row(
        self, envelope: _Envelope, value: bytes, key: Row, *, is_gone: bool
    ) -> tuple[dict[str, object], frozenset[str]]:
        """(what is known of the row, columns that were not sent)."""
        if is_gone:
            return self._rows.remaining(envelope.before or _NOTHING, self._contract.key, key)
        return self._rows.read(envelope.after or {}, value)

    def _event_time(self, row: Row, committed_ms: int) -> int:
        time_ms = committed_ms if self._read_time is None else self._read_time(row)
        return NO_TIME if time_ms is None else time_ms


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
