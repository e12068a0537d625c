"""Lag: how much log PostgreSQL keeps for a slot, and when that is too much. No I/O, no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from ..options import CaptureError

WARN_RATIO = 0.8
"""Of the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLag:
    """As of one look."""

    kept_bytes: int
    """Log that PostgreSQL must keep: what grows on its disk."""
    waiting_bytes: int
    """Of these, what the capture has not confirmed; the rest is kept for transactions that are open."""


class Verdict(Enum):
    """What to do about it."""

    FINE = "fine"
    WARN = "warn"
    """It came near the limit since the last time it was far from it."""
    BEYOND = "beyond"


class LagGuard:
    """Judges looks at a slot in their order. One beyond the limit that shrinks is being worked off, and may go on."""

    def __init__(self, limit_bytes: int | None) -> None:
        self._limit_bytes = limit_bytes
        self._last_bytes: int | None = None
        self._is_warned = False

    def judge(self, lag: SlotLag) -> Verdict:
        """The verdict on the newest look."""
        limit, last, self._last_bytes = self._limit_bytes, self._last_bytes, lag.kept_bytes
        if limit is None or lag.kept_bytes < limit * WARN_RATIO:
            self._is_warned = False
            return Verdict.FINE
        if lag.kept_bytes > limit and last is not None and lag.kept_bytes >= last:
            return Verdict.BEYOND
        is_new, self._is_warned = not self._is_warned, True
        return Verdict.WARN if is_new else Verdict.FINE


class SlotLagError(CaptureError):
    """PostgreSQL keeps more log for the slot than is allowed."""

    exit_code = 3

    def __init__(self, slot: str, lag: SlotLag, limit_bytes: int) -> None:
        if lag.waiting_bytes * 2 < lag.kept_bytes:
            advice = "a transaction that is open keeps most of it: SELECT pid, xact_start FROM pg_stat_activity WHERE"
            advice += " backend_xmin IS NOT NULL ORDER BY xact_start; tells which it is; end it"
        else:
            advice = f"find what slows the capture down, or give the log up: streams capture drop --slot {slot}"
        super().__init__(
            f"slot {slot} lags by {size_text(lag.kept_bytes)}, and not less than before: more than --max-slot-lag"
            f" {size_text(limit_bytes)}; {advice}; then start again, with a larger limit if there is room"
        )


UNITS = ("B", "kB", "MB", "GB", "TB")
"""Each 1,024 of the one before, as PostgreSQL counts."""


def size_text(size_bytes: int) -> str:
    """As people read it.

    >>> size_text(1_610_612_736), size_text(512)
    ('1.5 GB', '512 B')
    """
    size, unit = float(size_bytes), 0
    while size >= 1_024 and unit < len(UNITS) - 1:
        size, unit = size / 1_024, unit + 1
    return f"{size:.1f} {UNITS[unit]}" if unit else f"{size_bytes} B"


def size_bytes_of(text: str) -> int:
    """What people write: ``10GB``, ``512 MB``, bytes without a unit; raises ``ValueError``.

    >>> size_bytes_of("1.5GB")
    1610612736
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]?b)|(\d+)", text.strip(), re.I)
    if found is None:
        raise ValueError("no size")
    if found[3]:
        return int(found[3])
    power = [unit.lower() for unit in UNITS].index(found[2].lower())
    return int(Decimal(found[1]) * (1 << 10 * power))
