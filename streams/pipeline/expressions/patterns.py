"""Patterns: LIKE, and regular expressions as Python's ``re`` reads them.

A pattern that is a literal is compiled once, one that comes from the row once for as long as it is in use.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial

from streams.records import ChangeEvent

from .scope import Evaluate

Pattern = re.Pattern[str]
_KEPT = 256


def like(value: Evaluate, pattern: Evaluate, *, is_caseless: bool) -> Evaluate:
    """``%`` any run, ``_`` any character, backslash escapes; the whole text must match."""
    pattern_of = partial(_kept_like, is_caseless=is_caseless)
    return _match(value, pattern, lambda shape, text: pattern_of(shape).fullmatch(text) is not None)


def regexp(value: Evaluate, pattern: Evaluate, *, is_caseless: bool) -> Evaluate:
    """Any part of the text may match; a pattern that is none gives NULL."""

    def matches(shape: str, text: str) -> bool | None:
        compiled = regexp_pattern(shape, is_caseless=is_caseless)
        return None if compiled is None else compiled.search(text) is not None

    return _match(value, pattern, matches)


def _match(value: Evaluate, pattern: Evaluate, matches: Callable[[str, str], bool | None]) -> Evaluate:
    def evaluate(event: ChangeEvent) -> object:
        text, shape = value(event), pattern(event)
        return matches(shape, text) if isinstance(text, str) and isinstance(shape, str) else None

    return evaluate


def like_pattern(shape: str, *, is_caseless: bool) -> Pattern:
    """A LIKE pattern as a regular expression for ``fullmatch``."""
    parts, steps = [], iter(shape)
    for step in steps:
        if step == "%":
            parts.append(".*")
        elif step == "_":
            parts.append(".")
        else:
            parts.append(re.escape(next(steps, "\\") if step == "\\" else step))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if is_caseless else 0))


_kept_like = lru_cache(_KEPT)(like_pattern)


@lru_cache(_KEPT)
def regexp_pattern(shape: str, *, is_caseless: bool) -> Pattern | None:
    """A compiled pattern; ``None`` for a text that is none."""
    try:
        return re.compile(shape, re.IGNORECASE if is_caseless else 0)
    except re.error:
        return None
