"""Views: a value of a known meaning in the form that the contract asks for.

Number → exact literal, string → decimal text, date-time → RFC 3339 in UTC with microseconds, integer → the contract's
unit, bytes → base64. A column that the contract does not know has the form a JSON reader would expect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from streams.contracts.model import Column, ColumnType

from .bare import bare_view, decode_json, takes_text
from .intervals import interval_of_us, interval_text, interval_us
from .texts import (
    date_days,
    date_text,
    in_unit,
    time_text,
    time_units,
    timestamp_text,
    timestamp_units,
    zoned_time_text,
)
from .times import date_of_days, is_integer, time_of_units, timestamp_of_units
from .wires import Convert, Kind, Wire, decimal_text, exact, text_of_bytes

UNFIT = (ValueError, TypeError, KeyError, ArithmeticError, msgspec.MsgspecError, RecursionError)
"""What a ``Convert`` raises for a value that is not what its schema or contract says."""


def view_of(column: Column | None, wire: Wire) -> Convert | None:
    """From what the bytes hold to the row's JSON view; ``None`` where that is the same."""
    view = _view(column, wire)
    if wire.read is None:
        return None if view is None else _unless_null(view)
    read = wire.read
    return _unless_null(read if view is None else lambda value: view(read(value)))


def _unless_null(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _view(column: Column | None, wire: Wire) -> Convert | None:
    is_text = takes_text(column)
    match wire.kind:
        case Kind.PLAIN:
            return None if column is None else bare_view(column)
        case Kind.DECIMAL | Kind.FLOAT:
            return _number_view(column)
        case Kind.BYTES:
            return lambda value: text_of_bytes(_bytes(value))
        case Kind.BITS:
            return _bits_view(column)
        case Kind.JSON:
            return None if is_text else lambda value: decode_json(_text(value))
        case Kind.ARRAY:
            return _array_view(None if column is None else column.items, wire.items)
        case Kind.OBJECT:
            return _object_view({} if column is None else column.fields, wire)
        case Kind.MAP:
            return _map_view(wire.items)
        case _:
            return _temporal_view(wire, wire.unit if column is None else column.unit or wire.unit, is_text=is_text)


def _temporal_view(wire: Wire, unit: str, *, is_text: bool) -> Convert:
    match wire.kind:
        case Kind.TIMESTAMP:
            return _timestamp_view(wire.unit, unit, is_text=is_text)
        case Kind.DATE:
            return _text_of_date if is_text else _days_of_date
        case Kind.TIME:
            return _time_view(wire.unit, unit, is_text=is_text)
        case Kind.INTERVAL:
            return _text_of_interval if is_text else _microseconds
        case _:
            return lambda value: zoned_time_text(_text(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("no bytes")
    return value


# -- numbers


def _number_view(column: Column | None) -> Convert:
    if column is not None and takes_text(column) and column.json_types and "number" not in column.json_types:
        return decimal_text
    is_integer_column = column is not None and column.json_types == {"integer"}

    def number(value: object) -> object:
        if not isinstance(value, Decimal):
            return value
        if not value.is_finite():
            return decimal_text(value)  # JSON has no such numbers
        return int(exact(value)) if is_integer_column and value == value.to_integral_value() else value

    return number


# -- times


def _timestamp_view(source: str, unit: str, *, is_text: bool) -> Convert:
    if is_text:
        return lambda value: timestamp_of_units(value, source) if is_integer(value) else timestamp_text(_text(value))
    return lambda value: in_unit(value, source, unit) if is_integer(value) else timestamp_units(_text(value), unit)


def _time_view(source: str, unit: str, *, is_text: bool) -> Convert:
    if is_text:
        return lambda value: time_of_units(value, source) if is_integer(value) else time_text(_text(value))
    return lambda value: in_unit(value, source, unit) if is_integer(value) else time_units(_text(value), unit)


def _text_of_date(value: object) -> object:
    return date_of_days(value) if is_integer(value) else date_text(_text(value))


def _days_of_date(value: object) -> object:
    return value if is_integer(value) else date_days(_text(value))


def _text_of_interval(value: object) -> object:
    return interval_of_us(value) if is_integer(value) else interval_text(_text(value))


def _microseconds(value: object) -> object:
    return value if is_integer(value) else interval_us(_text(value))


# -- bits and containers


def _bits_view(column: Column | None) -> Convert | None:
    """Bytes, the lowest first, where the contract says base64; else the digits."""
    if column is not None and column.type is ColumnType.BOOLEAN:
        return lambda value: int(_text(value), 2) == 1
    if column is None or column.type is not ColumnType.BYTES:
        return None

    def packed(value: object) -> str:
        digits = _text(value)
        return text_of_bytes(int(digits, 2).to_bytes((len(digits) + 7) // 8, "little"))

    return packed


def _array_view(column: Column | None, items: Wire | None) -> Convert | None:
    convert = None if items is None else view_of(column, items)
    if convert is None:
        return None

    def array(value: object) -> list[object]:
        if not isinstance(value, list):
            raise TypeError("no array")
        # Arrays of PostgreSQL have any number of dimensions, whatever their type says.
        return [array(held) if isinstance(held, list) else convert(held) for held in value]

    return array


def _object_view(columns: Mapping[str, Column], wire: Wire) -> Convert | None:
    """Each field in the form its column asks for; fields that no schema names stay."""
    converts = {name: convert for name, held in wire.fields.items() if (convert := view_of(columns.get(name), held))}
    return _each(converts.get) if converts else None


def _map_view(items: Wire | None) -> Convert | None:
    convert = None if items is None else view_of(None, items)
    return None if convert is None else _each(lambda name: convert)


def _each(convert_of: Callable[[str], Convert | None]) -> Convert:
    def whole(value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise TypeError("no object")
        return {name: held if (fit := convert_of(name)) is None else fit(held) for name, held in value.items()}

    return whole
