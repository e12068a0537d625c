"""Progress of a capture's snapshot, on a terminal or as log lines."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

if TYPE_CHECKING:
    from streams.capture.snapshots.progress import TableProgress

logger = logging.getLogger("streams.capture")

LOG_SECONDS = 30.0
"""Between two log lines of a slow snapshot."""


class ShownProgress:
    """A bar a table on a terminal; else a log line each tenth, or each 30 seconds."""

    def __init__(self, *, is_drawn: bool) -> None:
        self._is_drawn = is_drawn
        self._bar: tuple[str, Bars, TaskID] | None = None
        """(table, bar, its number) of the table under way."""
        self._said: dict[str, tuple[int, float]] = {}

    def __call__(self, progress: TableProgress) -> None:
        if self._is_drawn:
            self._draw(progress)
        else:
            self._log(progress, time.monotonic())

    def close(self) -> None:
        """Give the terminal back."""
        if self._bar is not None:
            self._bar[1].stop()
            self._bar = None

    def _draw(self, progress: TableProgress) -> None:
        if self._bar is None or self._bar[0] != progress.table:
            self.close()
            bars = _bars()
            self._bar = progress.table, bars, bars.add_task(progress.table, total=None, rate="")
            bars.start()
        _, bars, number = self._bar
        rate = f"{progress.rows_per_second:,.0f} rows/s"
        bars.update(number, completed=progress.rows, total=progress.expected or None, rate=rate)
        if progress.is_done:
            self.close()

    def _log(self, progress: TableProgress, now_s: float) -> None:
        tenth = int(progress.ratio * 10)
        last, at_s = self._said.get(progress.table, (None, now_s))
        if last == tenth and now_s - at_s < LOG_SECONDS:
            return
        self._said[progress.table] = tenth, now_s
        left = progress.seconds_left
        facts = {
            "table": progress.table,
            "rows": progress.rows,
            "expected": progress.expected,
            "rows_per_second": round(progress.rows_per_second),
            "seconds_left": None if left is None else round(left),
        }
        logger.info("snapshot of %s: %s", progress.table, _words_of(progress), extra={"facts": facts})


def _words_of(progress: TableProgress) -> str:
    left = progress.seconds_left
    if progress.is_done:
        return f"{progress.rows:,} rows, all told"
    of = f" of about {progress.expected:,}" if progress.expected else ""
    until = "" if left is None else f", {timedelta(seconds=round(left))} left"
    return f"{progress.rows:,}{of} rows, {progress.rows_per_second:,.0f}/s{until}"


def _bars() -> Bars:
    return Bars(
        TextColumn("snapshot of {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
