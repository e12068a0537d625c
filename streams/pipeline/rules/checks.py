"""Checks: a rule about one column becomes a function of its value, or the reason why it does not fit the column.

A null breaks completeness and nothing else. A value that is not of its column's type breaks whatever rule asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import inf
from typing import Any

from streams.contracts.model import Column, ColumnType
from streams.quality.rules import Complete, Length, NotFuture, OneOf, Pattern, Range
from streams.quality.words import compile_pattern

from ..expressions.typed import read_number
from ..formats.times import is_integer

IsBroken = Callable[[object, int], bool]
"""Of a value that is not null, in JSON view, and the wall clock in ms."""
ColumnCheck = Complete | Pattern | Range | NotFuture | OneOf | Length

_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.DOUBLE})
_MOMENTS = frozenset({ColumnType.TIMESTAMP, ColumnType.DATE})
_DAY_US = 86_400_000_000
_EARLIEST_ZONE_US = 14 * 3_600_000_000
"""A day begins first at UTC+14."""
_UNITS_US = {"s": 1_000_000, "ms": 1_000, "us": 1, "days": _DAY_US}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_YEAR = re.compile(r"\+?\d{5,}-")
_REMEMBERED_TEXTS = 65_536


def compile_check(kind: ColumnCheck, column: Column) -> IsBroken:
    """Whether a value of ``column`` breaks ``kind``; ``ValueError`` where the two do not fit."""
    match kind:
        case Complete(missing=missing):
            return lambda value, now_ms: value in missing
        case Pattern(expression=expression):
            _require_text(column, "regex")
            return _pattern(expression)
        case Length(least=least, most=most):
            _require_text(column, "length")
            return _length(least, most)
        case Range():
            return _range(kind, column)
        case NotFuture(tolerance_ms=tolerance_ms):
            return _not_future(column, tolerance_ms)
        case OneOf(values=values):
            return _one_of(values, column)


def _require_text(column: Column, word: str) -> None:
    if column.json_types and "string" not in column.json_types:
        raise ValueError(f"{word} is for text; {column.name} is {column.type.value}")


def _pattern(expression: str) -> IsBroken:
    search = compile_pattern(expression).search
    verdicts: dict[str, bool] = {}

    def is_broken(value: object, now_ms: int) -> bool:
        if not isinstance(value, str):
            return True
        verdict = verdicts.get(value)
        if verdict is None:  # the same texts come again and again, and a dictionary is asked quickest
            if len(verdicts) >= _REMEMBERED_TEXTS:
                verdicts.clear()
            verdict = verdicts[value] = search(value.encode(errors="replace")) is None
        return verdict

    return is_broken


def _length(least: int, most: int | None) -> IsBroken:
    def is_broken(value: object, now_ms: int) -> bool:
        return not isinstance(value, str) or len(value) < least or (most is not None and len(value) > most)

    return is_broken


def _one_of(values: tuple[str, ...], column: Column) -> IsBroken:
    if column.type in _NUMBERS:
        numbers = frozenset(_number(value, column) for value in values)
        return lambda value, now_ms: read_number(value) not in numbers
    if column.type is ColumnType.BOOLEAN:
        truths = frozenset(value.lower() for value in values)
        if not truths <= {"true", "false"}:
            raise ValueError(f"{column.name} is boolean: true or false")
        return lambda value, now_ms: not isinstance(value, bool) or str(value).lower() not in truths
    _require_text(column, "enum")
    words = frozenset(values)
    return lambda value, now_ms: not isinstance(value, str) or value not in words


def _number(text: str, column: Column) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number; {column.name} is {column.type.value}") from None


def _range(kind: Range, column: Column) -> IsBroken:
    is_moments = column.type in _MOMENTS or (column.type is ColumnType.INTEGER and _is_day(kind.low or kind.high))
    if not is_moments and column.type not in _NUMBERS:
        raise ValueError(f"range is for numbers, dates and timestamps; {column.name} is {column.type.value}")
    low: Any
    high: Any
    if is_moments:
        read: Callable[[object], Any] = _moments_of(column)
        low, high = _moment(kind.low, column, is_end=False), _moment(kind.high, column, is_end=True)
    else:
        read = read_number
        low, high = (None if bound is None else _number(bound, column) for bound in (kind.low, kind.high))
    if low is not None and high is not None and low > high:
        raise ValueError(f"nothing lies between {kind.low} and {kind.high}; the lower bound comes first")

    def is_broken(value: object, now_ms: int) -> bool:
        found = read(value)
        return found is None or (low is not None and found < low) or (high is not None and found > high)

    return is_broken


def _is_day(bound: str | None) -> bool:
    return bound is not None and bound.count("-") >= 2


def _moment(bound: str | None, column: Column, *, is_end: bool) -> int | None:
    """A bound in microseconds since the epoch; a day that ends a range of timestamps is in it as a whole."""
    if bound is None:
        return None
    if not _is_day(bound):
        raise ValueError(f"{bound!r} is no date; {column.name} is {column.type.value}: range:2020-01-01..2030-12-31")
    try:
        moment = _microseconds(datetime.fromisoformat(bound))
    except ValueError:
        raise ValueError(f"{bound!r} is no date of the calendar") from None
    return moment + _DAY_US - 1 if is_end and len(bound) == len("2020-01-01") else moment


def _not_future(column: Column, tolerance_ms: int) -> IsBroken:
    if column.type not in _MOMENTS and column.type is not ColumnType.INTEGER:
        raise ValueError(f"not_future is for dates and timestamps; {column.name} is {column.type.value}")
    read = _moments_of(column)
    allowed_us = tolerance_ms * 1_000 + (_EARLIEST_ZONE_US if column.type is ColumnType.DATE else 0)

    def is_broken(value: object, now_ms: int) -> bool:
        found = read(value)
        return found is None or found > now_ms * 1_000 + allowed_us

    return is_broken


def time_reader(column: Column) -> Callable[[object], int | None]:
    """When a value of ``column`` is, in ms since the epoch; ``None`` for infinities and what is no time."""
    read = _moments_of(column)

    def read_ms(value: object) -> int | None:
        found = read(value)
        return found // 1_000 if isinstance(found, int) else None

    return read_ms


def _moments_of(column: Column) -> Callable[[object], int | float | None]:
    """Microseconds since the epoch; infinities where the calendar of this language ends."""
    unit = column.unit or ("days" if column.type is ColumnType.DATE else "ms")

    def read(value: object) -> int | float | None:
        if isinstance(value, str):
            return _moment_of_text(value)
        if not is_integer(value):
            return None
        return value // 1_000 if unit == "ns" else value * _UNITS_US[unit]

    return read


def _moment_of_text(text: str) -> int | float | None:
    try:
        return _microseconds(datetime.fromisoformat(text))
    except ValueError:
        # What PostgreSQL has and RFC 3339 has no words for: see formats/times.
        if text == "infinity" or _FAR_YEAR.match(text):
            return inf
        return -inf if text == "-infinity" or text.endswith(" BC") else None


def _microseconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    difference = aware - _EPOCH
    return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds
