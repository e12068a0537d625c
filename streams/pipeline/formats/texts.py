"""Texts of times, intervals and arrays, as PostgreSQL and ISO 8601 write them, become the one form of a row.

Sources: PostgreSQL 15, appendix B (date/time input) and 8.5, 8.15; Debezium 3.7, temporal modes ``isostring``. All
functions raise ``ValueError`` for what is no such text.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from .times import calendar_text, format_timestamp, time_of_units

INFINITIES = frozenset({"infinity", "-infinity"})
LAST_TIMESTAMP_YEAR, LAST_DATE_YEAR = 294_276, 5_874_897
DAY_US, HOUR_US, MINUTE_US, SECOND_US = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000

_DATE = r"(?P<year>[+-]?\d{4,9})-(?P<month>\d\d)-(?P<day>\d\d)"
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?"
_ZONE = r"(?P<zone>Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?"
_TIMESTAMP = re.compile(rf"{_DATE}[T ]{_CLOCK}{_ZONE}(?P<bc> BC)?", re.ASCII)
_ONLY_DATE = re.compile(rf"{_DATE}Z?(?P<bc> BC)?", re.ASCII)
_TIME = re.compile(rf"{_CLOCK}{_ZONE}", re.ASCII)
_EPOCH = date(1970, 1, 1)


def timestamp_text(text: str) -> str:
    """RFC 3339 in UTC with microseconds; a time without a zone is UTC.

    >>> timestamp_text("2026-03-29 02:30:00.5+02")
    '2026-03-29T00:30:00.500000Z'
    """
    if text in INFINITIES:
        return text
    try:
        return format_timestamp(datetime.fromisoformat(text))
    except (ValueError, OverflowError):  # beyond the years 1 to 9999, or no time at all
        pass
    found = _matched(_TIMESTAMP, text)
    days, rest = divmod(_days_of(found) * DAY_US + _clock_us(found) - _offset_us(found["zone"]), DAY_US)
    return calendar_text(days, LAST_TIMESTAMP_YEAR, f"T{time_of_units(rest, 'us')}Z")


def timestamp_units(text: str, unit: str) -> int:
    """An integer of ``s ms us ns`` since the epoch, rounded down."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return in_unit(microseconds, "us", unit)


_NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


def in_unit(value: int, unit: str, wanted: str) -> int:
    """``value`` of ``unit`` in ``wanted``, rounded down."""
    return value if unit == wanted else value * _NANOSECONDS[unit] // _NANOSECONDS[wanted]


def date_text(text: str) -> str:
    """An ISO date; what PostgreSQL cannot hold is its infinity.

    >>> date_text("+292278994-08-16Z")
    'infinity'
    """
    return text if text in INFINITIES else calendar_text(_days_of(_matched(_ONLY_DATE, text)), LAST_DATE_YEAR, "")


def date_days(text: str) -> int:
    """Days since the epoch."""
    return _days_of(_matched(_ONLY_DATE, text))


def time_text(text: str) -> str:
    """A time of day with microseconds; a zone is left out, for the column has none."""
    return time_of_units(_clock_us(_matched(_TIME, text)), "us")


def time_units(text: str, unit: str) -> int:
    """An integer since midnight."""
    return in_unit(_clock_us(_matched(_TIME, text)), "us", unit)


def zoned_time_text(text: str) -> str:
    """A time of day in UTC, its fraction in as few groups of three digits as Java's ``OffsetTime`` takes.

    >>> zoned_time_text("23:59:59.123456+05:30")
    '18:29:59.123456Z'
    """
    found = _matched(_TIME, text)
    microseconds = _clock_us(found)
    if offset := _offset_us(found["zone"]):
        microseconds = (microseconds - offset) % DAY_US
    clock = time_of_units(microseconds, "us")
    digits = 0 if not microseconds % SECOND_US else 3 if not microseconds % 1_000 else 6
    return f"{clock[: 9 + digits] if digits else clock[:8]}Z"


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError("not of the form")
    return found


def _days_of(found: re.Match[str]) -> int:
    """Days since the epoch of a date in the Gregorian calendar, reckoned backwards before it began."""
    year = 1 - int(found["year"]) if found["bc"] else int(found["year"])
    cycles, rest = divmod(year - 1, 400)
    return (date(rest + 1, int(found["month"]), int(found["day"])) - _EPOCH).days + cycles * 146_097


def _clock_us(found: re.Match[str]) -> int:
    seconds = int(found["hour"]) * 3_600 + int(found["minute"]) * 60 + int(found["second"])
    return seconds * SECOND_US + int((found["fraction"] or "")[:6].ljust(6, "0"))


def _offset_us(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3_600 + int(digits[2:4]) * 60 + int(digits[4:6])
    return seconds * SECOND_US if zone[0] == "+" else -seconds * SECOND_US


