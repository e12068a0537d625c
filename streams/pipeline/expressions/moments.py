"""Moments: parts and bounds of dates and timestamps, all in UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

_FIELDS = ("year", "month", "day", "hour", "minute", "second")
_STARTS = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TRUNCATIONS = (*_FIELDS, "week", "quarter")
"""Units of ``date_trunc``; weeks start on Monday."""

DURATIONS: Mapping[str, timedelta] = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1),
    "microsecond": timedelta(microseconds=1),
}
"""Units of intervals: those of one length. Months and years have none."""


def as_moment(value: date) -> datetime:
    """A date as its midnight, UTC; a timestamp as it is."""
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day, tzinfo=UTC)


def truncate(unit: str, value: date) -> datetime:
    """The start of the ``unit`` that holds ``value``; ``unit`` is one of ``TRUNCATIONS``."""
    moment = as_moment(value)
    if unit == "week":
        return truncate("day", moment) - timedelta(days=moment.weekday())
    if unit == "quarter":
        return truncate("month", moment).replace(month=moment.month - (moment.month - 1) % 3)
    dropped = (*_FIELDS[_FIELDS.index(unit) + 1 :], "microsecond")
    return moment.replace(**{field: _STARTS[field] for field in dropped})  # type: ignore[arg-type]  # all are integers


PARTS: Mapping[str, Callable[[datetime], int | Decimal]] = {
    "year": lambda moment: moment.year,
    "quarter": lambda moment: (moment.month + 2) // 3,
    "month": lambda moment: moment.month,
    "week": lambda moment: moment.isocalendar().week,
    "day": lambda moment: moment.day,
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
    "second": lambda moment: Decimal(moment.second * 1_000_000 + moment.microsecond).scaleb(-6),
    "dow": lambda moment: moment.isoweekday() % 7,
    "isodow": lambda moment: moment.isoweekday(),
    "doy": lambda moment: moment.timetuple().tm_yday,
    "epoch": lambda moment: Decimal((moment - _EPOCH) // timedelta(microseconds=1)).scaleb(-6),
}
"""What ``extract`` takes out; ``second`` and ``epoch`` to the microsecond, ``week`` is ISO's."""
