"""Times in rows: where an event's time is read, and how integers of a source become RFC 3339 text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

from streams.contracts.model import Column, ColumnType
from streams.records import Row

NO_TIME = -(1 << 62)
"""The event time of an event that has none; smaller than any real one."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS_BY_UNIT = {"s": 1_000_000, "ms": 1_000, "us": 1}

DATE_INFINITIES = frozenset({2_146_033_979, -622_191_234})
"""Days that stand for a PostgreSQL date's infinity, streamed and in a snapshot (Debezium 3.7)."""


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
    """RFC 3339 of an integer in ``s``, ``ms``, ``us`` or ``ns`` since the epoch; what no calendar holds stays text."""
    microseconds = value // 1000 if unit == "ns" else value * _MICROSECONDS_BY_UNIT[unit]
    try:
        return format_timestamp(_EPOCH + timedelta(microseconds=microseconds))
    except OverflowError:
        return "infinity" if value > 0 else "-infinity"


def date_of_days(value: int) -> str:
    """ISO date of days since the epoch; what no calendar holds stays text."""
    if value not in DATE_INFINITIES:
        try:
            return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
        except OverflowError:
            pass
    return "infinity" if value > 0 else "-infinity"


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

    def read(row: Row) -> int | None:
        value = row.get(name)
        if isinstance(value, str):
            try:
                return milliseconds(datetime.fromisoformat(value))
            except ValueError:
                return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value // divide * multiply
        return None

    return read


def is_event_time(column: Column) -> bool:
    """Whether event time can be read from a column of this type."""
    return column.type in (ColumnType.TIMESTAMP, ColumnType.INTEGER)
