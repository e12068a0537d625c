"""Times: integers of a source as the text that PostgreSQL means."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.model import Column, ColumnType
from streams.pipeline.formats.times import date_of_days, event_time_reader, time_of_units, timestamp_of_units

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(day=st.dates())
def test_days_are_the_calendars(day: date) -> None:
    assert date_of_days((day - date(1970, 1, 1)).days) == day.isoformat()


@given(moment=st.datetimes(timezones=st.just(UTC)))
def test_microseconds_are_the_clocks(moment: datetime) -> None:
    text = timestamp_of_units((moment - EPOCH) // timedelta(microseconds=1), "us")

    assert (datetime.fromisoformat(text), text[-1], len(text)) == (moment, "Z", 27)


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (-719_163, "0001-12-31 BC"),
        (-735_160, "0044-03-15 BC"),
        (-2_440_588, "4714-11-24 BC"),
        (2_932_897, "10000-01-01"),
        (2_145_042_905, "5874897-12-31"),
        (2_146_033_979, "infinity"),
        (-622_191_234, "infinity"),
        (622_191_232, "-infinity"),
        (-2_146_000_000, "-infinity"),
    ],
)
def test_dates_outside_four_digits_keep_postgresqls_words(days: int, text: str) -> None:
    assert date_of_days(days) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1, "s", "1970-01-01T00:00:01.000000Z"),
        (-1, "ms", "1969-12-31T23:59:59.999000Z"),
        (1_999, "ns", "1970-01-01T00:00:00.000001Z"),
        (253_402_300_800_000_000, "us", "10000-01-01T00:00:00.000000Z"),
        (-62_135_596_800_000_001, "us", "0001-12-31T23:59:59.999999Z BC"),
        (9_223_372_036_854_775_807, "us", "infinity"),
        (-9_223_372_036_854_775_808, "us", "-infinity"),
        (9_223_372_036_825_200_000, "ms", "infinity"),
    ],
)
def test_timestamps_of_every_unit(value: int, unit: str, text: str) -> None:
    assert timestamp_of_units(value, unit) == text


def test_midnight_at_the_end_of_a_day_is_kept() -> None:
    assert (time_of_units(86_400_000_000, "us"), time_of_units(1, "ms")) == ("24:00:00.000000", "00:00:00.001000")


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        (None, 1_700, 1_700),
        ("ms", 1_700, 1_700),
        ("us", 1_700_999, 1_700),
        ("ns", 1_700_999_999, 1_700),
        ("s", 2, 2_000),
        (None, "1970-01-01T00:00:01.7009Z", 1_700),
        (None, "1970-01-01T01:00:01+01:00", 1_000),
        (None, True, None),
        (None, None, None),
        (None, "infinity", None),
    ],
)
def test_event_time_is_milliseconds_whatever_the_column_holds(
    unit: str | None, value: object, expected: int | None
) -> None:
    column = Column(name="at", type=ColumnType.TIMESTAMP, unit=unit)

    assert event_time_reader("at", {"at": column})({"at": value}) == expected
