"""Recent: what is remembered of a group beside its windows, for kinds whose windows depend on each other.

Of sessions, the place of each that is open. Of sliding windows, each moment with events and the state of these alone.
What no event to come can meet is dropped when its group is written next, or by a sweep: until then it is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

from streams.records import ChangeEvent

from ..tables import PipelineTables
from .kinds import Recent, Windows

GROUPS_PER_CHECKPOINT = 5_000
Clock = Callable[[ChangeEvent], int]
"""How far time had come as an event found it."""


def keep_recent(table: str, windows: Windows, tables: PipelineTables, held: Mapping[bytes, Recent]) -> None:
    """Write what is ``held`` of groups, without what the clock has passed."""
    clock_ms = tables.current_progress().clock(table)
    left = held if clock_ms is None else {group: windows.recent(own, clock_ms) for group, own in held.items()}
    tables.recent[table].put_many({group: own or None for group, own in left.items()})


class Sweeper:
    """Goes over all groups of one table whenever its clock has moved on by as long as a window is open."""

    def __init__(self, table: str, windows: Windows) -> None:
        self._table = table
        self._windows = windows
        self._next_ms: int | None = None
        self._cursor: bytes | None = None

    def sweep(self, tables: PipelineTables) -> None:
        """Go on, or begin when it is time; a few groups at a checkpoint."""
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
        found = list(islice(recent.scan(cursor), GROUPS_PER_CHECKPOINT))
        left = {group: self._windows.recent(own, clock_ms) for group, own in found}
        recent.put_many({group: left[group] or None for group, own in found if left[group] != own})
        self._cursor = found[-1][0] + b"\0" if len(found) == GROUPS_PER_CHECKPOINT else None
