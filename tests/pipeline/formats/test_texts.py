"""Texts of times, intervals and arrays: one form, whoever wrote them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.pipeline.formats.arrays import array_elements
from streams.pipeline.formats.intervals import interval_of_us, interval_text, interval_us
from streams.pipeline.formats.texts import (
    date_days,
    date_text,
    in_unit,
    time_text,
    time_units,
    timestamp_text,
    timestamp_units,
    zoned_time_text,
)
from streams.pipeline.formats.times import date_of_days, timestamp_of_units


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-29 02:30:00.123456", "2026-03-29T02:30:00.123456Z"),
        ("2026-03-29 02:30:00+05:30", "2026-03-28T21:00:00.000000Z"),
        ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.500000Z"),
        ("0044-03-15 12:00:00 BC", "0044-03-15T12:00:00.000000Z BC"),
        ("10000-01-01 00:30:00+01", "9999-12-31T23:30:00.000000Z"),
        ("0001-01-01 00:30:00+01", "0001-12-31T23:30:00.000000Z BC"),
        ("-292275055-05-16T23:00:00Z", "-infinity"),
        ("infinity", "infinity"),
    ],
)
def test_a_timestamp_is_rfc_3339_in_utc_with_microseconds(text: str, expected: str) -> None:
    assert timestamp_text(text) == expected


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_text_and_integer_of_one_moment_are_one_text(moment: datetime) -> None:
    microseconds = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    assert timestamp_text(str(moment)) == timestamp_of_units(microseconds, "us")
    assert timestamp_units(str(moment), "us") == microseconds
    assert timestamp_units(str(moment), "ms") == microseconds // 1_000


@given(st.dates())
def test_text_and_days_of_one_date_are_one_text(day: date) -> None:
    assert date_text(f"{day.isoformat()}Z") == date_of_days(date_days(day.isoformat())) == day.isoformat()


@given(st.times())
def test_a_time_has_microseconds_and_no_zone(moment: time) -> None:
    assert time_text(f"{moment.isoformat()}Z") == moment.isoformat(timespec="microseconds")


def test_midnight_at_the_end_of_a_day_is_kept() -> None:
    assert (time_text("24:00:00"), time_units("24:00:00", "ms")) == ("24:00:00.000000", 86_400_000)
    assert zoned_time_text("24:00:00+00") == "24:00:00Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("23:59:59.123456+05:30", "18:29:59.123456Z"),
        ("00:30:00.5+01", "23:30:00.500Z"),
        ("00:00:00-00:00:30", "00:00:30Z"),
        ("18:29:59.123456Z", "18:29:59.123456Z"),
    ],
)
def test_a_time_with_a_zone_is_in_utc(text: str, expected: str) -> None:
    assert zoned_time_text(text) == expected


@pytest.mark.parametrize("text", ["", "2026", "2026-13-01", "2026-02-30", "1/2/3", "1e5-01-01", "٢٠٢٦-٠١-٠١"])
def test_what_is_no_date_is_refused(text: str) -> None:
    for read in (date_text, timestamp_text, time_text, zoned_time_text):
        with pytest.raises(ValueError):
            read(text)


@pytest.mark.parametrize(("unit", "expected"), [("s", -1), ("ms", -1), ("us", -1), ("ns", -1)])
def test_units_are_rounded_down(unit: str, expected: int) -> None:
    assert in_unit(-1, "ns", unit) == expected
    assert in_unit(in_unit(7, "s", unit), unit, "s") == 7


# -- intervals


@pytest.mark.parametrize(
    ("text", "iso", "microseconds"),
    [
        ("1 year 2 mons 3 days 04:05:06.789", "P1Y2M3DT4H5M6.789S", 37_091_106_789_000),
        ("P1Y2M3DT4H5M6.789S", "P1Y2M3DT4H5M6.789S", 37_091_106_789_000),
        ("-1 days", "P-1D", -86_400_000_000),
        ("P0Y0M-1DT0H0M0S", "P-1D", -86_400_000_000),
        ("-1 years -2 mons +3 days -04:05:06", "P-1Y-2M3DT-4H-5M-6S", -36_572_706_000_000),
        ("-00:00:00.5", "PT-0.5S", -500_000),
        ("00:00:00", "PT0S", 0),
        ("1 mon", "P1M", 2_629_800_000_000),
    ],
)
def test_an_interval_has_one_text_and_debeziums_microseconds(text: str, iso: str, microseconds: int) -> None:
    assert (interval_text(text), interval_us(text)) == (iso, microseconds)


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_microseconds_survive_their_text(value: int) -> None:
    assert interval_us(interval_of_us(value)) == value


@pytest.mark.parametrize("text", ["", "P", "PT", "1 day 2", "x", "1 day1 day 1:2:3", "P1.5Y"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        interval_text(text)


# -- arrays


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("{}", []),
        ('{a,NULL,"c d","NULL","a\\"b\\\\"}', ["a", None, "c d", "NULL", 'a"b\\']),
        ("{{1,2},{3,NULL}}", [["1", "2"], ["3", None]]),
        ("[0:1][2:3]={{1,2},{3,4}}", [["1", "2"], ["3", "4"]]),
        ("{ a b , c }", ["a b", "c"]),
        ('{"",""}', ["", ""]),
    ],
)
def test_an_arrays_elements_are_what_postgresql_wrote(text: str, elements: list[object]) -> None:
    assert array_elements(text) == elements


@given(st.lists(st.none() | st.text(), max_size=5))
def test_any_texts_survive_their_array(elements: list[str | None]) -> None:
    quoted = [
        "NULL" if held is None else '"' + held.replace("\\", "\\\\").replace('"', '\\"') + '"' for held in elements
    ]

    assert array_elements("{" + ",".join(quoted) + "}") == elements


NO_ARRAYS = ("", "a", "{", "}", "{,}", "{a,}", "{,a}", "{a}b", "{a}{b}", '{"a"b}', "{{{{{{{}}}}}}}")


@pytest.mark.parametrize("text", NO_ARRAYS)
def test_what_is_no_array_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        array_elements(text)
