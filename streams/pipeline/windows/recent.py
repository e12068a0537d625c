"""Recent: what is remembered of a group beside its windows, for kinds whose windows depend on each other.

Of sessions, by group, the place of each that is open. Of sliding windows, by moment with events, the state of these
alone: there may be any number of them, and an event reads and writes those near it. What no event to come can meet is
dropped by a sweep, and ignored until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

from streams.records import ChangeEvent

from ..tables import PipelineTables
from .kinds import Recent, Windows

ENTRIES_PER_CHECKPOINT = 5_000
Clock = Callable[[ChangeEvent], int]
"""How far time had come as an event found it."""


def keep_recent(table: str, windows: Windows, tables: PipelineTables, held: Mapping[bytes, Recent]) -> None:
    """Write what is ``held``, without what the clock has passed."""
    clock_ms = tables.current_progress().clock(table)
    if clock_ms is None:
        tables.recent[table].put_many({key: own or None for key, own in held.items()})
    else:
        tables.recent[table].put_many({key: windows.recent(key, own, clock_ms) for key, own in held.items()})


class Sweeper:
    """Goes over all of one table whenever its clock has moved on by as long as a window is open."""

    def __init__(self, table: str, windows: Windows) -> None:
        self._table = table
        self._windows = windows
        self._next_ms: int | None = None
        self._cursor: bytes | None = None

    def sweep(self, tables: PipelineTables) -> None:
        """Go on, or begin when it is time; a part at a checkpoint."""
        clock_ms = tables.current_progress().clock(self._table)
        if clock_ms is None:
            return
        if self._next_ms is None:
            self._next_ms = clock_ms + self._windows.open_ms
        elif self._cursor is None and clock_ms >= self._next_ms:
            self._cursor, self._next_ms = b"", clock_ms + self._windows.open_ms
        if self._cursor is not None:
            self._go_on(tables, self._cursor, clock_ms)

    def _go_on(self, tables: PipelineTables, cursor: bytes, clock_ms: int) -> None:
        recent = tables.recent[self._table]
        found = list(islice(recent.scan(cursor), ENTRIES_PER_CHECKPOINT))
        left = [(key, own, self._windows.recent(key, own, clock_ms)) for key, own in found]
        recent.put_many({key: rest for key, own, rest in left if rest != own})
        self._cursor = found[-1][0] + b"\0" if len(found) == ENTRIES_PER_CHECKPOINT else None
