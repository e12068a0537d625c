"""Debezium's JSON without schema: the envelope, and values whose scale and unit the contract knows.

Sources: Debezium 3.7 connector for PostgreSQL (data types, temporal and decimal modes) and real captures of it.
What the bytes do not say, the contract does: ``physicalType`` gives the scale of a numeric in base64 and the unit
of an integer timestamp. Only the key of a DELETE's ``before`` is believed: the rest may be made up.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from streams.contracts.model import Column, ColumnType
from streams.errors import DecodeError
from streams.records import ChangeEvent, Operation, Row, SourceRecord

from ..plan import Codec, EventTime
from .times import NO_TIME, date_of_days, is_integer, time_of_units, timestamp_of_units

FORMAT = "debezium-json"
UNAVAILABLE = "__debezium_unavailable_value"
"""Stands for a column that did not change and was not sent."""

_UNAVAILABLE_FORMS: tuple[object, ...] = (
    UNAVAILABLE,
    [UNAVAILABLE],
    list(UNAVAILABLE.encode()),
    b64encode(UNAVAILABLE.encode()).decode(),
)
_OPERATIONS = {operation.value: operation for operation in Operation}

Convert = Callable[[object], object]


class _Envelope(msgspec.Struct, gc=False):
    op: str | None = None
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    source: dict[str, object] | None = None
    transaction: dict[str, object] | None = None
    ts_ms: int | None = None
    status: str | None = None
    payload: msgspec.Raw | None = None


_decode_envelope = msgspec.json.Decoder(_Envelope, float_hook=Decimal).decode
_decode_key = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode


def debezium_codec(
    columns: Mapping[str, Column], key: tuple[str, ...], event_time: EventTime, *, version: str, reads_key: bool
) -> Codec:
    """Decode records of one table whose rows have ``columns``; ``reads_key``: expressions name ``key.x``."""
    rows = _RowReader(columns)
    read_time = event_time.read

    def decode(record: SourceRecord) -> ChangeEvent | None:
        if record.value is None:
            return None
        envelope = _read_envelope(record.value)
        operation = _operation_of(envelope)
        if operation is None or operation is Operation.MESSAGE:
            return None
        source = envelope.source or {}
        is_gone = operation is Operation.DELETE
        record_key = _read_key(record.key) if reads_key or is_gone else {}
        before = rows.image(envelope.before)
        row, unsent = rows.read(envelope.after or {}, record.value)
        after = None if envelope.after is None else row
        if is_gone:
            row, unsent = rows.remaining(envelope.before or {}, key, record_key)
        committed_ms = source.get("ts_ms")
        time_ms = committed_ms if isinstance(committed_ms, int) else record.timestamp_ms
        if read_time is not None and not is_gone and operation is not Operation.TRUNCATE:
            time_ms = NO_TIME if (read := read_time(row)) is None else read
        return ChangeEvent(
            record=record,
            operation=operation,
            row=row,
            before=before,
            after=after,
            source=source,
            key=record_key,
            event_time_ms=time_ms,
            transaction=envelope.transaction,
            unsent=unsent,
            schema_version=version,
        )

    return Codec(name=FORMAT, decode=decode, has_images=True)


def _read_envelope(value: bytes) -> _Envelope:
    try:
        envelope = _decode_envelope(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise DecodeError(FORMAT, _without_values(error)) from None
    if envelope.payload is not None:
        raise DecodeError(FORMAT, "the record carries its schema; set the converter's schemas.enable to false")
    return envelope


def _without_values(error: Exception) -> str:
    """What msgspec says of structure: types and places, and no text of the record."""
    return str(error) if isinstance(error, msgspec.MsgspecError) else type(error).__name__


def _operation_of(envelope: _Envelope) -> Operation | None:
    """``None`` for heartbeats and transaction metadata."""
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
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise DecodeError(FORMAT, f"key: {_without_values(error)}") from None


class _RowReader:
    """Images as Debezium writes them become rows as the contract describes them."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._converters = {name: convert for name, column in columns.items() if (convert := converter_of(column))}
        self._names = frozenset(columns)
        # The placeholder of arrays and bytes does not show in the record's text.
        self._hides = any(column.type in (ColumnType.ARRAY, ColumnType.BYTES) for column in columns.values())

    def read(self, image: dict[str, object], value: bytes) -> tuple[dict[str, object], frozenset[str]]:
        """(row, columns that were not sent)."""
        unsent: frozenset[str] = frozenset()
        if self._hides or UNAVAILABLE.encode() in value:
            unsent = frozenset(name for name, held in image.items() if held in _UNAVAILABLE_FORMS)
        if not unsent and not self._converters:
            return image, unsent
        row = image if not unsent else {name: held for name, held in image.items() if name not in unsent}
        return self._converted(row), unsent

    def image(self, image: dict[str, object] | None) -> dict[str, object] | None:
        """A ``before`` in the contract's form."""
        if image is None or not self._converters:
            return image
        return self._converted(image)

    def _converted(self, image: dict[str, object]) -> dict[str, object]:
        row = dict(image)
        for name in self._converters:
            if name in row:
                row[name] = self._convert(name, row[name])
        return row

    def remaining(self, before: Row, key: tuple[str, ...], record_key: Row) -> tuple[dict[str, object], frozenset[str]]:
        """What is true of a row that went: its key, from ``before`` and from the record's key."""
        named = {**{name: before[name] for name in key if name in before}, **record_key}
        row = {name: self._convert(name, value) for name, value in named.items()}
        return row, (self._names | frozenset(before)) - frozenset(row)

    def _convert(self, name: str, value: object) -> object:
        convert = self._converters.get(name)
        if convert is None or value is None:
            return value
        try:
            return convert(value)
        except (ValueError, TypeError, KeyError, ArithmeticError):
            # Not what the contract says: validation will tell, with the column's name.
            return value


def converter_of(column: Column) -> Convert | None:
    """How Debezium's form of a value becomes the contract's; ``None`` where they are the same."""
    is_text = "string" in column.json_types
    match column.type:
        case ColumnType.DECIMAL if is_text or column.physical_type is not None:
            return _decimal_converter(column.scale, column.encoding, is_text=is_text)
        case ColumnType.TIMESTAMP if is_text:
            unit = column.unit or "us"
            return lambda value: timestamp_of_units(value, unit) if is_integer(value) else value
        case ColumnType.DATE if is_text:
            return lambda value: date_of_days(value) if is_integer(value) else value
        case ColumnType.TIME if is_text:
            unit = column.unit or "us"
            return lambda value: time_of_units(value, unit) if is_integer(value) else value
        case _:
            return None


def _decimal_converter(scale: int | None, encoding: str | None, *, is_text: bool) -> Convert | None:
    """Precise mode's base64 (two's complement, big-endian) or {scale, value}, else as it came."""

    def convert(value: object) -> object:
        number: object
        if isinstance(value, dict):
            number = _from_base64(value["value"], value["scale"])
        elif isinstance(value, str) and encoding == "base64":
            number = _from_base64(value, scale or 0)
        elif isinstance(value, str):
            return value if is_text else Decimal(value)
        else:
            number = value
        if is_text and isinstance(number, Decimal):
            return format(number, "f")
        return str(number) if is_text and is_integer(number) else number

    return convert


def _from_base64(value: str, scale: int) -> Decimal:
    unscaled = int.from_bytes(b64decode(value, validate=True), "big", signed=True)
    # From text, which is exact: arithmetic would round to the context's 28 digits.
    return Decimal(f"{unscaled}E{-scale}")
