"""The two views of a value: JSON, as it is validated and published, and typed, as expressions see it.

Typed values are ``bool int Decimal str datetime (aware, UTC) date time UUID bytes``, dictionaries and lists.
There are no floats: a decimal read as a float would be another number.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID

from streams.contracts.model import Column, ColumnType

Reader = Callable[[object], object]
"""JSON view to typed; ``None`` where the value is not of the type (only unvalidated images hold such)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}


def reader_of(column: Column) -> Reader | None:
    """How ``column`` is read; ``None`` where both views are the same."""
    match column.type:
        case ColumnType.DECIMAL | ColumnType.DOUBLE:
            return read_number
        case ColumnType.TIMESTAMP:
            return _timestamp_reader(column.unit or "ms")
        case ColumnType.DATE:
            return _date
        case ColumnType.TIME:
            return _time
        case ColumnType.UUID:
            return _uuid
        case ColumnType.BYTES:
            return _bytes
        case _:
            return None


def read_number(value: object) -> object:
    """An exact number; ``NaN``, infinities and what no numeric can hold are nothing SQL could sum: NULL."""
    if type(value) is Decimal:
        return value if value.is_finite() and -MOST_BEHIND < value.adjusted() < MOST_BEFORE else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            return None
        return read_number(number)
    return None


MOST_BEFORE, MOST_BEHIND = 131_072, 16_384
"""Digits before and behind the point of PostgreSQL's numeric."""


def _timestamp_reader(unit: str) -> Reader:
    def read(value: object) -> object:
        try:
            if isinstance(value, str):
                moment = datetime.fromisoformat(value)
                return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            if isinstance(value, int):
                microseconds = value // 1000 if unit == "ns" else value * _UNIT_MICROSECONDS[unit]
                return _EPOCH + timedelta(microseconds=microseconds)
        except (ValueError, OverflowError):
            pass
        return None

    return read


def _date(value: object) -> object:
    try:
        if isinstance(value, str):
            return date.fromisoformat(value)
        if isinstance(value, int):
            return date(1970, 1, 1) + timedelta(days=value)
    except (ValueError, OverflowError):
        pass
    return None


def _time(value: object) -> object:
    try:
        return time.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _uuid(value: object) -> object:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _bytes(value: object) -> object:
    try:
        return b64decode(value, validate=True) if isinstance(value, str) else None
    except ValueError:
        return None


def to_json(value: object, kind: Column | ColumnType) -> object:
    """The JSON view of a typed value; decimals become text where ``kind`` is a column of JSON strings."""
    match value:
        case datetime():
            moment = value.astimezone(UTC).replace(tzinfo=None)
            return moment.isoformat(timespec="microseconds") + "Z"
        case date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
        case bytes():
            return b64encode(value).decode()
        case Decimal() if isinstance(kind, Column) and kind.json_types == {"string"}:
            return format(value, "f")
        case _:
            return value


def text_of(value: object) -> str:
    """A typed value as a cast to text writes it; ``ValueError`` for what has no text of sensible length."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal() if value.is_finite() and -_MOST_DIGITS < value.adjusted() < _MOST_DIGITS:
            return format(value, "f")
        case int() | datetime() | date() | time() | UUID():
            return str(to_json(value, ColumnType.TEXT))
        case _:
            raise ValueError("no text")


_MOST_DIGITS = 20_000
"""A number may be written 1e999999999; written out it would fill the memory."""
