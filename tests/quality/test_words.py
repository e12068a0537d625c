"""Words: what people write in rules means what they think, and what means nothing is refused with how it is written."""

from __future__ import annotations

import pytest

from streams.quality.rules import Check, Length, NotFuture, OneOf, Pattern, Range
from streams.quality.words import compile_pattern, duration_ms, read_check


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1 hour", 3_600_000),
        ("15 minutes", 900_000),
        ("1h30m", 5_400_000),
        ("1 hour and 30 minutes", 5_400_000),
        ("2 days, 1 second", 172_801_000),
        ("1.5 Days", 129_600_000),
        ("500ms", 500),
        ("1 week", 604_800_000),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 huor", "did you mean hour"),
        ("1 month", "no unit 'month'"),
        ("hour", "write a duration"),
        ("", "longer than nothing"),
        ("0 s", "longer than nothing"),
        ("0.1 ms", "whole milliseconds"),
        ("999999999 weeks", "at most 100 years"),
        ("-1 hour", "write a duration"),
    ],
)
def test_what_is_no_duration_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        duration_ms(text)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("range:0-150", Range(low="0", high="150")),
        ("range:-5-5", Range(low="-5", high="5")),
        ("range:-10--1", Range(low="-10", high="-1")),
        ("range: -40 .. 85.5", Range(low="-40", high="85.5")),
        ("range:0.5-1.5", Range(low="0.5", high="1.5")),
        ("range:0-", Range(low="0", high=None)),
        ("range:0..", Range(low="0", high=None)),
        ("range:..150", Range(low=None, high="150")),
        ("range:2020-01-01-2030-12-31", Range(low="2020-01-01", high="2030-12-31")),
        ("range:2020-01-01T00:00:00Z..", Range(low="2020-01-01T00:00:00Z", high=None)),
        ("not_future", NotFuture()),
        ("not_future:1 minute", NotFuture(tolerance_ms=60_000)),
        ("enum:new, paid,sent", OneOf(values=("new", "paid", "sent"))),
        ("length:1-64", Length(least=1, most=64)),
        ("length:1-", Length(least=1, most=None)),
        ("length:..64", Length(least=0, most=64)),
        ("length:2", Length(least=2, most=2)),
        ("regex:^a:b$", Pattern(expression="^a:b$")),
    ],
)
def test_every_word_has_its_meaning(text: str, meaning: Check) -> None:
    assert read_check(text)[1] == meaning


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rnage:0-1", "did you mean range"),
        ("positive", "there are: regex, range, not_future, enum, length"),
        ("range:", "write range:0-150"),
        ("range:-150", r"range:\.\.150"),  # a bound alone: up to 150, or minus 150?
        ("range:a-b", "write range:0-150"),
        ("range:..", "write range:0-150"),
        ("enum: , ", "write the values"),
        ("length:5-2", "nothing is longer than 5"),
        ("length:long", "write length"),
        ("regex:", "write the pattern"),
        ("regex:(", "no pattern of RE2"),
        (r"regex:(a)\1", "back-references"),
        ("regex:(?=a)", "look-around"),
        ("not_future:soon", "write a duration"),
    ],
)
def test_what_has_no_meaning_is_refused_with_how_it_is_written(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_check(text)


def test_no_text_can_stall_a_pattern() -> None:
    # Python's own engine would not come back from this one in years.
    assert compile_pattern("^(a+)+$").search(b"a" * 100_000 + b"!") is None
