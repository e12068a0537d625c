"""Bare values: their bytes do not say what they mean, the contract does (Debezium's JSON without schema).

Sources: Debezium 3.7 connector for PostgreSQL (data types, temporal, decimal and binary modes) and real captures of it.
``physicalType`` gives the scale of a numeric in base64 and the unit of an integer timestamp.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable
from decimal import Decimal

import msgspec

from streams.contracts.model import Column, ColumnType, split_physical_type

from .intervals import interval_of_us, interval_text, interval_us
from .texts import date_text, time_text, timestamp_text, zoned_time_text
from .times import date_of_days, is_integer, time_of_units, timestamp_of_units
from .wires import SPOKEN, Convert, decimal_of, decimal_text, exact, float_of, text_of_bytes, variable_decimal

decode_json = msgspec.json.Decoder(float_hook=Decimal).decode

USUAL_LENGTH = len("2026-01-01T00:00:00.000000Z")
_ZONED_TIMES = ("timetz", "time with time zone")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII).fullmatch


def takes_text(column: Column | None) -> bool:
    """The contract's form of a value that JSON has no type for is text."""
    return column is None or not column.json_types or "string" in column.json_types


def bare_view(column: Column) -> Convert | None:
    """How Debezium's form of a value becomes the contract's; ``None`` where they are the same."""
    physical = split_physical_type(column.physical_type)[0]
    is_text = "string" in column.json_types
    match column.type:
        case ColumnType.DECIMAL if is_text or column.physical_type is not None:
            return _decimal_view(column.scale, column.encoding, is_text=is_text)
        case ColumnType.DOUBLE:
            return float_of
        case ColumnType.TIMESTAMP | ColumnType.DATE | ColumnType.TIME if is_text:
            return _temporal_view(column.type, column.unit or "us")
        case ColumnType.BYTES if column.encoding in ("hex", "base64url"):
            return _bytes_view(column.encoding)
        case ColumnType.BYTES if physical == "bit":
            return _bits_view(split_physical_type(column.physical_type)[1] or 1)
        case ColumnType.ARRAY if column.items is not None:
            return _array_view(column.items)
        case _ if physical in _ZONED_TIMES and is_text:
            return lambda value: zoned_time_text(value) if isinstance(value, str) and value[-1:] != "Z" else value
        case _ if physical == "interval":
            return _text_of_interval if is_text else _microseconds
        case _ if physical in ("json", "jsonb") and not takes_text(column):
            return lambda value: decode_json(value) if isinstance(value, str) else value
        case _:
            return None


def respells(column: Column) -> bool:
    """``bare_view`` changes values that the contract's schema admits as they come."""
    match column.type:
        case ColumnType.TIMESTAMP:
            return column.format != "date-time"
        case ColumnType.DATE:
            return column.format != "date"
        case ColumnType.DOUBLE | ColumnType.TIME:
            return True
        case _:
            return split_physical_type(column.physical_type)[0] in ("interval", *_ZONED_TIMES)


def _decimal_view(scale: int | None, encoding: str | None, *, is_text: bool) -> Convert:
    """Precise mode's base64 (two's complement, big-endian) or {scale, value}, else as it came."""

    def convert(value: object) -> object:
        number: object
        if isinstance(value, dict):
            number = variable_decimal(value)
        elif isinstance(value, str) and encoding == "base64":
            number = decimal_of(b64decode(value, validate=True), scale or 0)
        elif isinstance(value, str):
            return SPOKEN.get(value.lower(), value) if is_text else exact(value)
        else:
            number = value
        if is_text and isinstance(number, Decimal):
            return decimal_text(number)
        return str(number) if is_text and is_integer(number) else number

    return convert


def _temporal_view(kind: ColumnType, unit: str) -> Convert:
    """Text of a moment, a day or a time; what is RFC 3339 already stays as it was written."""
    is_moment = kind is ColumnType.TIMESTAMP
    of_integer: Callable[[int], str]
    is_right: Callable[[str], object]
    match kind:
        case ColumnType.TIMESTAMP:
            of_integer, of_text, is_right = lambda held: timestamp_of_units(held, unit), timestamp_text, _RFC_3339
        case ColumnType.DATE:
            of_integer, of_text, is_right = date_of_days, date_text, _ISO_DATE
        case _:
            of_integer, of_text, is_right = lambda held: time_of_units(held, unit), time_text, lambda text: None

    def convert(value: object) -> object:
        if isinstance(value, str):
            # Most are as Debezium writes them, and a look at two letters is cheaper than a match.
            is_usual = is_moment and len(value) == USUAL_LENGTH and value[10] == "T" and value[-1] == "Z"
            return value if is_usual or is_right(value) else of_text(value)
        return of_integer(value) if is_integer(value) else value

    return convert


def _bytes_view(encoding: str) -> Convert:
    def convert(value: object) -> object:
        text = str(value)
        return text_of_bytes(bytes.fromhex(text) if encoding == "hex" else urlsafe_b64decode(text))

    return convert


def _bits_view(length: int) -> Convert:
    """Text of ``length`` digits is the bits themselves; Debezium's base64 of them never looks so."""

    def convert(value: object) -> object:
        if isinstance(value, str) and len(value) == length and set(value) <= {"0", "1"}:
            return text_of_bytes(int(value, 2).to_bytes((length + 7) // 8, "little"))
        return value

    return convert


def _array_view(items: Column) -> Convert | None:
    convert = bare_view(items)
    if convert is None:
        return None
    return lambda value: (
        [held if held is None else convert(held) for held in value] if isinstance(value, list) else value
    )


def _text_of_interval(value: object) -> object:
    return interval_of_us(value) if is_integer(value) else interval_text(str(value))


def _microseconds(value: object) -> object:
    return interval_us(value) if isinstance(value, str) else value
