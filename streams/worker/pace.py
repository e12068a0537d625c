"""Pace: when is the next checkpoint due?

A checkpoint costs the same however much it holds, and keys that change often are written once in each. So while a
backlog is worked off, checkpoints are made by size: records that have waited long already may wait a little longer.
"""

from __future__ import annotations

import time

CHECKPOINT_BYTES = 32 << 20
"""So many bytes of input, over all tasks, end a checkpoint early: what bounds the overlay and the open transaction."""
LONGEST_S = 1.0
SHARE = 0.1
"""By so much of what they have waited already may a checkpoint keep records waiting."""


class Pace:
    """The clock of one worker's checkpoints; seconds are those of ``time.monotonic``."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._made_s = time.monotonic()
        self._least_age_s: float | None = None

    def note(self, age_s: float) -> None:
        """Records were processed, the newest of them written ``age_s`` ago."""
        self._least_age_s = age_s if self._least_age_s is None else min(self._least_age_s, age_s)

    def checkpoint(self) -> None:
        """A checkpoint begins or has just been made: the next is an interval away."""
        self._made_s = time.monotonic()
        self._least_age_s = None

    @property
    def wait_s(self) -> float:
        """How long after the last checkpoint the next may come."""
        return max(self._interval_s, min(LONGEST_S, SHARE * (self._least_age_s or 0.0)))

    def is_due(self, pending_bytes: int = 0) -> bool:
        """The time has come, or so much has been processed that it may not wait."""
        return pending_bytes > CHECKPOINT_BYTES or time.monotonic() - self._made_s >= self.wait_s
