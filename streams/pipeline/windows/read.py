"""Read: what a pipeline file says of windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .kinds import Hopping, Session, Sliding, Windows

_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
KINDS = ("tumbling", "hopping", "sliding", "session")
MOST_WINDOWS = 1_000
"""Hopping windows that one event may be in: each is written for it."""


def duration_ms(text: str) -> int:
    """``10s`` as 10000."""
    number = text.rstrip("smhd")
    return int(number) * _UNIT_MS[text[len(number) :]]


def window_problems(window: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(place in ``window``, what is wrong there)."""
    kinds = [kind for kind in KINDS if kind in window]
    if len(kinds) != 1:
        message = "name its length, such as tumbling: 1m" if not kinds else f"is it {' or '.join(kinds)}? Name one"
        yield (), message
    elif kinds == ["hopping"]:
        yield from _hopping_problems(duration_ms(window["hopping"]["size"]), duration_ms(window["hopping"]["step"]))
    elif duration_ms(window[kinds[0]]) == 0 and kinds[0] != "sliding":
        yield (kinds[0],), "a window is longer than nothing"


def _hopping_problems(size_ms: int, step_ms: int) -> Iterator[tuple[tuple[str, ...], str]]:
    if size_ms == 0:
        yield ("hopping", "size"), "a window is longer than nothing"
    elif step_ms == 0:
        yield ("hopping", "step"), "a window begins later than the one before"
    elif step_ms > size_ms:
        yield ("hopping", "step"), "events between two windows would be in none; a step is no longer than the size"
    elif size_ms // step_ms > MOST_WINDOWS:
        yield ("hopping", "step"), f"an event would be in {size_ms // step_ms:,} windows; {MOST_WINDOWS:,} at most"


def read_windows(window: Mapping[str, Any]) -> Windows:
    """The windows that ``window`` names; it has no problems."""
    grace_ms, retain_ms = duration_ms(window.get("grace", "0s")), duration_ms(window.get("retain", "24h"))
    if "session" in window:
        return Session(gap_ms=duration_ms(window["session"]), grace_ms=grace_ms, retain_ms=retain_ms)
    if "sliding" in window:
        return Sliding(size_ms=duration_ms(window["sliding"]), grace_ms=grace_ms, retain_ms=retain_ms)
    size, step = (window["hopping"][part] if "hopping" in window else window["tumbling"] for part in ("size", "step"))
    return Hopping(size_ms=duration_ms(size), step_ms=duration_ms(step), grace_ms=grace_ms, retain_ms=retain_ms)
