"""Rows as Debezium writes them: values whose scale and unit the contract knows, columns that were not sent.

Sources: Debezium 3.7 connector for PostgreSQL (data types, temporal and decimal modes) and real captures of it.
What the bytes do not say, the contract does: ``physicalType`` gives the scale of a numeric in base64 and the unit
of an integer timestamp.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal

from streams.contracts.model import Column, ColumnType
from streams.records import Row

from .times import date_of_days, is_integer, time_of_units, timestamp_of_units

UNAVAILABLE = "__debezium_unavailable_value"
"""Stands for a column that did not change and was not sent."""
ALL_SENT: frozenset[str] = frozenset()

MARK = UNAVAILABLE.encode()
_UNAVAILABLE_FORMS: tuple[object, ...] = (
    UNAVAILABLE,
    [UNAVAILABLE],
    list(UNAVAILABLE.encode()),
    b64encode(UNAVAILABLE.encode()).decode(),
)

Convert = Callable[[object], object]


class RowReader:
    """Images as Debezium writes them become rows as the contract describes them."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._converters = {name: convert for name, column in columns.items() if (convert := converter_of(column))}
        self._names = frozenset(columns)
        self._unpacks = any(column.encoding is not None for column in columns.values())
        # The placeholder of arrays and bytes does not show in the record's text.
        self._hides = any(column.type in (ColumnType.ARRAY, ColumnType.BYTES) for column in columns.values())

    @property
    def is_plain(self) -> bool:
        """Values that are of the contract's JSON types are what they are, unless the record holds ``MARK``."""
        return not self._hides and not self._unpacks

    def read(self, image: dict[str, object], value: bytes) -> tuple[dict[str, object], frozenset[str]]:
        """(row, columns that were not sent) of an image in the record ``value``."""
        unsent = ALL_SENT
        if self._hides or MARK in value:
            unsent = frozenset(name for name, held in image.items() if held in _UNAVAILABLE_FORMS)
        row = image if not unsent else {name: held for name, held in image.items() if name not in unsent}
        return self._converted(row) if self._converters else row, unsent

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
