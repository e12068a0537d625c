"""Changes: an envelope of Debezium's form, whatever carried it, becomes one event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from streams.contracts.model import Contract
from streams.errors import DecodeError
from streams.records import ChangeEvent, Operation, Row, SourceRecord

from ..plan import EventTime
from .debezium_rows import RowReader
from .times import NO_TIME

DELETE, TRUNCATE, MESSAGE = Operation.DELETE, Operation.TRUNCATE, Operation.MESSAGE
_OPERATIONS: Mapping[str | None, Operation] = {operation.value: operation for operation in Operation}
_NOTHING: dict[str, object] = {}
NOTHING_RAW = msgspec.Raw(b"")


class Envelope(msgspec.Struct, gc=False):
    """Debezium's envelope; ``payload``: it is inside of another one, with its schema."""

    op: str | None = None
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    source: dict[str, object] | None = None
    transaction: dict[str, object] | None = None
    ts_ms: int | None = None
    payload: msgspec.Raw = NOTHING_RAW


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a change format needs to know of its pipeline."""

    contract: Contract
    event_time: EventTime
    reads: frozenset[str]
    """Parts of the envelope that steps ask for: ``key``, ``source``."""
    identity: tuple[str, ...] | None = None
    """The columns that the source's replica identity tells of a row that went; ``None``: the key, also the record's."""
    is_full: bool = False
    """The ``before`` of a DELETE is its whole row, and nothing in it is made up."""


class ChangeBuilder:
    """Makes the event of an envelope whose values are still as they came."""

    def __init__(self, format_name: str, reading: Reading) -> None:
        self._format = format_name
        self._version = reading.contract.version
        self._believed = reading.contract.key if reading.identity is None else reading.identity
        self._trusts_key = reading.identity is None
        self._is_full = reading.is_full
        self._read_time = reading.event_time.read
        self._reads_key = "key" in reading.reads

    def __call__(
        self,
        record: SourceRecord,
        envelope: Envelope,
        rows: RowReader,
        read_key: Callable[[SourceRecord], dict[str, object]],
    ) -> ChangeEvent | None:
        """The change; ``None`` for heartbeats, messages and transaction metadata."""
        operation = self._operation_of(envelope)
        if operation is None or operation is MESSAGE:
            return None
        is_gone = operation is DELETE
        has_after = not is_gone and operation is not TRUNCATE
        key = read_key(record) if self._reads_key or (is_gone and self._trusts_key) else _NOTHING
        row, unsent, before = self._images(envelope, rows, key, record.value or b"")
        source, committed_ms = _place_of(envelope, record)
        return ChangeEvent(
            record=record,
            operation=operation,
            row=row,
            before=before,
            after=row if has_after else None,
            source=source,
            key=key,
            event_time_ms=self._event_time(row, committed_ms) if has_after else committed_ms,
            committed_ms=committed_ms,
            transaction=envelope.transaction,
            unsent=unsent,
            schema_version=self._version,
        )

    def _images(
        self, envelope: Envelope, rows: RowReader, key: Row, value: bytes
    ) -> tuple[dict[str, object], frozenset[str], Row | None]:
        """(row, columns that were not sent, before). Of a row that went, ``before`` says no more than is believed.

        Under another replica identity the record's key is made up, too.
        """
        is_gone, held = envelope.op == DELETE.value, envelope.before
        before = None if held is None or (is_gone and not self._is_full) else rows.read(held, value)[0]
        if not is_gone:
            return *rows.read(envelope.after or {}, value), before
        row, unsent = rows.remaining(held or _NOTHING, self._believed, key if self._trusts_key else _NOTHING)
        return row, unsent, dict(row) if before is None and held is not None else before

    def _operation_of(self, envelope: Envelope) -> Operation | None:
        if envelope.op is None:
            if envelope.ts_ms is not None and envelope.after is None and envelope.before is None:
                return None
            raise DecodeError(self._format, "no field op")
        operation = _OPERATIONS.get(envelope.op)
        if operation is None:
            raise DecodeError(self._format, "unknown op")
        if operation in (Operation.INSERT, Operation.UPDATE, Operation.READ) and envelope.after is None:
            raise DecodeError(self._format, "no field after")
        return operation

    def _event_time(self, row: Row, committed_ms: int) -> int:
        time_ms = committed_ms if self._read_time is None else self._read_time(row)
        return NO_TIME if time_ms is None else time_ms


def _place_of(envelope: Envelope, record: SourceRecord) -> tuple[Row, int]:
    """Where a change stands; one whose source does not say when was committed when the record was written."""
    source = envelope.source or _NOTHING
    said_ms = source.get("ts_ms")
    return source, said_ms if type(said_ms) is int else record.timestamp_ms


def without_values(error: Exception) -> str:
    """What msgspec says of structure: types and places, and no text of the record."""
    return str(error) if isinstance(error, msgspec.MsgspecError) else type(error).__name__
