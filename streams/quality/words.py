"""Words: what people write in rules. ``range:0-150``, ``regex:^a``, ``not_future``, ``enum:a, b``, ``1 hour``.

Everything here raises ``ValueError`` whose text says how the word is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from difflib import get_close_matches

import re2

from .rules import Check, Length, NotFuture, OneOf, Pattern, Range

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_UNIT_WORDS = {
    "ms": ("ms", "millisecond", "milliseconds"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "week", "weeks"),
}
_MS_BY_WORD = {word: _UNITS_MS[unit] for unit, words in _UNIT_WORDS.items() for word in words}
_DURATION = re.compile(r"\s*(?:,|and)?\s*(\d{1,9}(?:\.\d{1,9})?)\s*([A-Za-z]+)", re.ASCII)
_LONGEST_MS = 100 * 366 * 86_400_000

_DAY = r"\d{4}-\d{2}-\d{2}(?:T[0-9:.]+(?:Z|[+-]\d{2}:\d{2})?)?"
_BOUND = rf"(?:{_DAY}|-?\d+(?:\.\d+)?)"
_DOTS = re.compile(rf"(?P<low>{_BOUND})?\s*\.\.\s*(?P<high>{_BOUND})?", re.ASCII)
_DASH = re.compile(rf"(?P<low>{_BOUND})\s*-\s*(?P<high>{_BOUND})?", re.ASCII)
_SIZES = re.compile(r"(?P<only>\d{1,9})|(?P<least>\d{1,9})?\s*(?:-|\.\.)\s*(?P<most>\d{1,9})?", re.ASCII)


def duration_ms(text: str) -> int:
    """``1 hour``, ``15 minutes``, ``1h 30m``, ``1.5 days`` in milliseconds; a month has no length.

    >>> duration_ms("1 hour 30 minutes")
    5400000
    """
    total, at = Decimal(0), 0
    stripped = text.strip()
    while at < len(stripped):
        match = _DURATION.match(stripped, at)
        if match is None:
            raise ValueError('write a duration such as "1 hour", "15 minutes" or "1h 30m"')
        total += Decimal(match[1]) * _unit(match[2])
        at = match.end()
    if not 0 < total <= _LONGEST_MS or total != int(total):
        raise ValueError('a duration is longer than nothing, whole milliseconds and at most 100 years: "1 hour"')
    return int(total)


def _unit(word: str) -> int:
    found = _MS_BY_WORD.get(word.lower())
    if found is None:
        near = get_close_matches(word.lower(), _MS_BY_WORD, n=1)
        hint = f"did you mean {near[0]}?" if near else "there are: ms, seconds, minutes, hours, days, weeks"
        raise ValueError(f"no unit {word!r}; {hint}")
    return found


def read_check(text: str) -> tuple[str, Check]:
    """(word, meaning) of one validity rule."""
    word, colon, rest = text.partition(":")
    word = word.strip()
    read = WORDS.get(word)
    if read is None:
        near = get_close_matches(word, WORDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(WORDS)}"
        raise ValueError(f"no rule {word!r}; {hint}")
    return word, read(rest if colon else "")


def compile_pattern(expression: str) -> re2._Regexp:
    """RE2's pattern: linear in the text, so that no value can stall a worker."""
    options = re2.Options()
    options.log_errors, options.never_capture = False, True
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        said = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ValueError(
            f"no pattern of RE2 ({said}); it has no look-around and no back-references, for they can take for ever"
        ) from None


def _pattern(text: str) -> Pattern:
    if not text:
        raise ValueError("write the pattern behind the colon: regex:^[A-Z]{2}$")
    compile_pattern(text)
    return Pattern(expression=text)


def _range(text: str) -> Range:
    match = _DOTS.fullmatch(text.strip()) or _DASH.fullmatch(text.strip())
    if match is None or match["low"] is match["high"] is None:
        raise ValueError("write range:0-150; open or with negative numbers range:0.., range:..150, range:-40..85")
    return Range(low=match["low"], high=match["high"])


def _not_future(text: str) -> NotFuture:
    return NotFuture(tolerance_ms=duration_ms(text)) if text.strip() else NotFuture()


def _one_of(text: str) -> OneOf:
    values = tuple(value.strip() for value in text.split(",") if value.strip())
    if not values:
        raise ValueError("write the values behind the colon: enum:new, paid, sent")
    return OneOf(values=values)


def _length(text: str) -> Length:
    match = _SIZES.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError("write length:1-64, length:1-, length:..64 or length:2")
    if match["only"] is not None:
        return Length(least=int(match["only"]), most=int(match["only"]))
    least, most = int(match["least"] or 0), None if match["most"] is None else int(match["most"])
    if most is not None and least > most:
        raise ValueError(f"nothing is longer than {least} and shorter than {most} characters")
    return Length(least=least, most=most)


WORDS: Mapping[str, Callable[[str], Check]] = {
    "regex": _pattern,
    "range": _range,
    "not_future": _not_future,
    "enum": _one_of,
    "length": _length,
}
"""What stands before the colon of a validity rule."""
