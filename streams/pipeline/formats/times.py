"""Times in rows: where an event's time is read, and how integers of a source become RFC 3339 text.

What RFC 3339 has no words for keeps PostgreSQL's: years before 1 end in `` BC``, later than 9999 have more digits, and
what lies outside PostgreSQL's own range (4714 BC to 294276 for timestamps, to 5874897 for dates) is its infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TypeGuard

from streams.contracts.model import Column, ColumnType
from streams.records import Row

NO_TIME = -(1 << 62)
"""The event time of an event that has none; smaller than any real one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS_BY_UNIT = {"s": 1_000_000, "ms": 1_000, "us": 1}

_LARGEST = (1 << 63) - 1
"""Debezium's timestamp that stands for infinity, whatever the unit."""
_OVERFLOWN = {-622_191_234: "infinity", 622_191_232: "-infinity"}
"""Days of a snapshot's infinities: the driver's milliseconds of either, in days, cut to 32 bits."""
_FIRST_YEAR, _LAST_TIMESTAMP_YEAR, _LAST_DATE_YEAR = -4713, 294_276, 5_874_897


def is_integer(value: object) -> TypeGuard[int]:
    """Whether ``value`` is a whole number; JSON's true is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down; a moment without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def format_timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds; a moment without a zone is UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def timestamp_of_units(value: int, unit: str) -> str:
    """RFC 3339 of an integer in ``s``, ``ms``, ``us`` or ``ns`` since the epoch."""
    if not -_LARGEST <= value < _LARGEST:
        return "infinity" if value > 0 else "-infinity"
    microseconds = value // 1000 if unit == "ns" else value * _MICROSECONDS_BY_UNIT[unit]
    try:
        return format_timestamp(_EPOCH + timedelta(microseconds=microseconds))
    except OverflowError:
        days, rest = divmod(microseconds, 86_400_000_000)
        return calendar_text(days, _LAST_TIMESTAMP_YEAR, f"T{time_of_units(rest, 'us')}Z")


def date_of_days(value: int) -> str:
    """ISO date of days since the epoch; a snapshot's infinities overflow 32 bits in Debezium 3.7 and are no dates."""
    if value in _OVERFLOWN:
        return _OVERFLOWN[value]
    return calendar_text(value, _LAST_DATE_YEAR, "")


def calendar_text(days: int, last_year: int, time_of_day: str) -> str:
    """Days since the epoch and a time of day in the Gregorian calendar, reckoned backwards before it began.

    >>> calendar_text(-735_160, 9999, "")
    '0044-03-15 BC'
    """
    # Its 400 years have 146,097 days: whole cycles are set aside, so that datetime's years 1 to 9999 suffice.
    cycles, rest = divmod(days, 146_097)
    day = date(1970, 1, 1) + timedelta(days=rest)
    year = day.year + 400 * cycles
    if not _FIRST_YEAR <= year <= last_year:
        return "infinity" if days > 0 else "-infinity"
    if year < 1:
        return f"{1 - year:04}{day:-%m-%d}{time_of_day} BC"
    return f"{year:04}{day:-%m-%d}{time_of_day}"


def time_of_units(value: int, unit: str) -> str:
    """ISO time of day of an integer since midnight; PostgreSQL's 24:00:00 is kept."""
    microseconds = value // 1000 if unit == "ns" else value * _MICROSECONDS_BY_UNIT[unit]
    seconds, fraction = divmod(microseconds, 1_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"


def event_time_reader(name: str, columns: Mapping[str, Column]) -> Callable[[Row], int | None]:
    """A function that reads the event time of a row from column ``name``, in ms since the epoch.

    A column of RFC 3339 text is a timestamp; an integer is epoch milliseconds unless its contract says another unit.
    """
    column = columns[name]
    divide = {"us": 1_000, "ns": 1_000_000}.get(column.unit or "ms", 1)
    multiply = 1_000 if column.unit == "s" else 1
    is_ms = divide == multiply

    def read(row: Row) -> int | None:
        value = row.get(name)
        if type(value) is int:
            return value if is_ms else value // divide * multiply
        if isinstance(value, str):
            try:
                return milliseconds(datetime.fromisoformat(value))
            except ValueError:
                return None
        return None

    return read


def is_event_time(column: Column) -> bool:
    """Whether event time can be read from a column of this type."""
    return column.type in (ColumnType.TIMESTAMP, ColumnType.INTEGER)
