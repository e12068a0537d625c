"""Silence: until when it is certain that an input has brought nothing that is not processed.

What the broker said last may be old: a process that was frozen wakes up with it, and a broker may be away. Even an
answer that comes now may have lain there. But it was asked for after the answer before it had come: what it says held
at that time or later. And where the wall clock is set, nobody knows how long it was silent: it is counted anew.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from streams.pipeline.task import Task

from .fetched import Port

STEP_MS = 1_000
"""By so much a clock is set, and not merely steered."""


class Silence:
    """Remembers of each input the last two answers that were looked at."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], tuple[int | None, int | None]] = {}
        self._ahead_ms: int | None = None

    def read_clock(self) -> int:
        """The wall clock, ms."""
        now_ms = time.time_ns() // 1_000_000
        self.note_clock(now_ms=now_ms, steady_ms=time.monotonic_ns() // 1_000_000)
        return now_ms

    def note_clock(self, *, now_ms: int, steady_ms: int) -> None:
        """What the wall clock shows beside one that nobody can set."""
        ahead_ms = now_ms - steady_ms
        if self._ahead_ms is not None and abs(ahead_ms - self._ahead_ms) > STEP_MS:
            self._answers.clear()
        self._ahead_ms = ahead_ms

    def of(
        self, task: Task, lags: Mapping[str, int | None], port: Port | None, *, now_ms: int
    ) -> tuple[int, frozenset[str]]:
        """(wall clock in ms up to which it is certain, inputs of ``task`` that had nothing more then)."""
        known = {topic: self._known_ms(topic, task.partition, port) for topic in lags}
        silent = {topic: until for topic, lag in lags.items() if lag == 0 and (until := known[topic]) is not None}
        return min([now_ms, *silent.values()]), frozenset(silent)

    def _known_ms(self, topic: str, partition: int, port: Port | None) -> int | None:
        answered_ms = None if port is None else port.answered_ms(topic, partition)
        before_ms, last_ms = self._answers.get((topic, partition), (None, None))
        if answered_ms is not None and answered_ms != last_ms:
            before_ms, last_ms = last_ms, answered_ms
            self._answers[topic, partition] = before_ms, last_ms
        return before_ms
