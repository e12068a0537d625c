"""Intervals: PostgreSQL's text and ISO 8601's become one of them, or a number of microseconds.

Sources: PostgreSQL 15, 8.5.4 (``intervalstyle`` postgres and iso_8601); Debezium 3.7's ``MicroDuration``, which takes a
month for a twelfth of 365.25 days.
"""

from __future__ import annotations

import re

_NUMBER = r"([+-]?\d{1,15})"
_ISO = re.compile(
    rf"P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?"
    rf"(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:([+-]?\d{{1,15}}(?:\.\d{{1,9}})?)S)?)?",
    re.ASCII,
)
_PART = re.compile(r"([+-]?\d{1,15}) (year|mon|day)s?", re.ASCII)
_CLOCK = re.compile(r"([+-]?)(\d{1,12}):(\d\d):(\d\d(?:\.\d{1,9})?)", re.ASCII)
_DAY_US, _MONTH_US = 86_400_000_000, 2_629_800_000_000

Parts = tuple[int, int, int]
"""(months, days, microseconds), each with its own sign."""


def interval_text(text: str) -> str:
    """ISO 8601 without the parts that are zero, as PostgreSQL writes it.

    >>> interval_text("1 year 2 mons 3 days 04:05:06.789")
    'P1Y2M3DT4H5M6.789S'
    """
    months, days, rest = _parts_of(text)
    year, month = _split(months, 12)
    seconds, fraction = _split(rest, 1_000_000)
    minutes, second = _split(seconds, 60)
    hour, minute = _split(minutes, 60)
    sign = "-" if rest < 0 and not second else ""
    point = f".{abs(fraction):06}".rstrip("0") if fraction else ""
    shown = f"{sign}{second}{point}S" if second or fraction else ""
    day = "".join(f"{number}{letter}" for number, letter in ((year, "Y"), (month, "M"), (days, "D")) if number)
    clock = "".join(f"{number}{letter}" for number, letter in ((hour, "H"), (minute, "M")) if number) + shown
    return f"P{day}T{clock}" if clock else f"P{day}" if day else "PT0S"


def interval_us(text: str) -> int:
    """Microseconds, a month counted as a twelfth of 365.25 days."""
    months, days, rest = _parts_of(text)
    return months * _MONTH_US + days * _DAY_US + rest


def interval_of_us(value: int) -> str:
    """ISO 8601 in hours, minutes and seconds of microseconds."""
    return interval_text(f"{'-' if value < 0 else ''}{abs(value) // 3_600_000_000}:{_minutes(abs(value))}")


def _minutes(microseconds: int) -> str:
    rest = microseconds % 3_600_000_000
    return f"{rest // 60_000_000:02}:{rest // 1_000_000 % 60:02}.{rest % 1_000_000:06}"


def _split(value: int, size: int) -> tuple[int, int]:
    """Quotient and rest, both with the sign of ``value``."""
    sign = -1 if value < 0 else 1
    whole, rest = divmod(abs(value), size)
    return sign * whole, sign * rest


def _parts_of(text: str) -> Parts:
    if (iso := _ISO.fullmatch(text)) is not None and text[-1] not in "PT":
        year, month, day, hour, minute = (int(part or 0) for part in iso.groups()[:5])
        return year * 12 + month, day, (hour * 60 + minute) * 60_000_000 + _second_us(iso[6] or "0")
    months = days = 0
    rest = text
    while (part := _PART.match(rest)) is not None:
        number, name = int(part[1]), part[2]
        months += number * {"year": 12, "mon": 1, "day": 0}[name]
        days += number if name == "day" else 0
        rest = rest[part.end() :].removeprefix(" ")
    clock = _CLOCK.fullmatch(rest)
    if (rest and clock is None) or not text:
        raise ValueError("no interval")
    return months, days, 0 if clock is None else _clock_us(clock)


def _clock_us(clock: re.Match[str]) -> int:
    total = (int(clock[2]) * 60 + int(clock[3])) * 60_000_000 + _second_us(clock[4])
    return -total if clock[1] == "-" else total


def _second_us(text: str) -> int:
    whole, _, fraction = text.partition(".")
    microseconds = abs(int(whole)) * 1_000_000 + int(fraction[:6].ljust(6, "0"))
    return -microseconds if text.startswith("-") else microseconds
