"""Times: the text of a row's dates and times as the numbers that Debezium writes (``time.precision.mode=adaptive``).

Infinities are Debezium's: the largest and smallest long of a timestamp, and of a date what its driver makes of them.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

US_PER_DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
USUAL_LENGTH = len("2026-03-29T02:30:00.123456Z")
LONGEST, SHORTEST = (1 << 63) - 1, -(1 << 63)
DATE_INFINITY = 2_146_033_979
"""Days, as Debezium 3.7 streams them; behind the last date that PostgreSQL has."""
DAYS_PER_MONTH = 365.25 / 12
"""Debezium's month."""
_INTERVAL = re.compile(
    r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?)(\d+)(?:\.(\d+))?S)?)?"
)


def days_of(text: str) -> int:
    """Days since 1970 of an ISO date, also of years before 1 (`` BC``) and after 9999.

    >>> days_of("0044-03-15 BC")
    -735160
    """
    if text.endswith("infinity"):
        return DATE_INFINITY if text == "infinity" else -DATE_INFINITY
    day, _, era = text.partition(" ")
    if len(day) == 10 and not era:
        return date.fromisoformat(day).toordinal() - 719_163
    year, month, number = map(int, day.split("-"))
    if era == "BC":
        year = 1 - year
    # The Gregorian calendar repeats every 400 years, which are 146,097 days.
    cycles, year = divmod(year - 1, 400)
    return date(year + 1, month, number).toordinal() - 719_163 + cycles * 146_097


def micros_of_day(text: str) -> int:
    """Microseconds since midnight of ``23:59:59.123456``; 24:00:00 is a whole day."""
    clock, _, fraction = text.partition(".")
    hours, minutes, seconds = clock.split(":")
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1_000_000 + int(f"{fraction:0<6}" or 0)


def micros_of(text: str) -> int:
    """Microseconds since 1970 of a timestamp as rows have it; infinities are the ends of a long."""
    if len(text) == USUAL_LENGTH and text[-1] == "Z":
        since = datetime.fromisoformat(text) - EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if text.endswith("infinity"):
        return LONGEST if text == "infinity" else SHORTEST
    text, is_bc = text.removesuffix(" BC"), text.endswith(" BC")
    day, clock = text.replace("T", " ", 1).split(" ", 1)
    days = days_of(f"{day} BC" if is_bc else day)
    return days * US_PER_DAY + micros_of_day(clock.removesuffix("Z").removesuffix("+00"))


def millis_of(text: str) -> int:
    """Milliseconds since 1970."""
    micros = micros_of(text)
    return micros if micros in (LONGEST, SHORTEST) else micros // 1_000


def zoned_time(text: str) -> str:
    """``23:59:59.123456+05:30`` in UTC, as Java writes it: a fraction only where there is one.

    >>> zoned_time("23:59:59.123456+05:30")
    '18:29:59.123456Z'
    """
    match = re.fullmatch(r"(\d+:\d+:\d+(?:\.\d+)?)([+-])(\d+)(?::(\d+))?(?::(\d+))?", text)
    if match is None:
        return text
    clock, sign, hours, minutes, seconds = match.groups()
    offset = (int(hours) * 3_600 + int(minutes or 0) * 60 + int(seconds or 0)) * 1_000_000
    micros = (micros_of_day(clock) + (offset if sign == "-" else -offset)) % US_PER_DAY
    whole, fraction = divmod(micros, 1_000_000)
    tail = f".{fraction:06}".rstrip("0") if fraction else ""
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{tail}Z"


def zoned_timestamp(text: str, precision: int) -> str:
    """A ``timestamptz`` of ``precision`` digits: rows have all six."""
    if precision >= 6 or not text.endswith("Z") or "." not in text:
        return text
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:precision]}Z" if precision else f"{whole}Z"


def micros_of_interval(text: str) -> int:
    """Debezium's microseconds of an ISO 8601 interval, with months of 365.25 / 12 days.

    >>> micros_of_interval("P1Y2M3DT4H5M6.789S")
    37091106789000
    """
    match = _INTERVAL.fullmatch(text)
    if match is None:
        return LONGEST if text == "infinity" else SHORTEST
    years, months, weeks, days, hours, minutes = (int(part or 0) for part in match.groups()[:6])
    sign, seconds, fraction = match.groups()[6:]
    clock = int(seconds or 0) * 1_000_000 + int(f"{fraction or '':0<6}"[:6])
    clock = (hours * 3_600 + minutes * 60) * 1_000_000 + (-clock if sign == "-" else clock)
    return round((years * 12 + months) * DAYS_PER_MONTH * US_PER_DAY) + (weeks * 7 + days) * US_PER_DAY + clock
