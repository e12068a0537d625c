"""States: what a batch makes of the windows of a table whose kind needs to know the group's others.

What the table holds is never changed in place: it is what a failed batch falls back to. So a state is copied when the
batch first changes it, and everything is written at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from streams.records import ChangeEvent

from ..formats.times import NO_TIME
from ..plan import Accumulator, Aggregation
from ..tables import PipelineTables
from .kinds import Span, Windows


class States:
    """States of windows during a batch; run it in ``EXACT_SUMS``."""

    def __init__(self, aggregation: Aggregation, windows: Windows, tables: PipelineTables) -> None:
        self._aggregation = aggregation
        self._windows = windows
        self._groups = tables.groups[aggregation.table]
        self._changed: dict[bytes, Accumulator | None] = {}
        self._read: dict[bytes, Accumulator | None] = {}

    def read(self, places: Iterable[tuple[Span, bytes]]) -> None:
        """One look at the store for all of ``places``: windows with their groups."""
        keys = {self._windows.key(span, group) for span, group in places} - self._read.keys()
        if keys:
            found = self._groups.get_many(keys)
            self._read.update({key: found.get(key) for key in keys})

    def get(self, span: Span, group: bytes) -> Accumulator | None:
        """The state of a window that has been read; not to be changed."""
        key = self._windows.key(span, group)
        return self._changed[key] if key in self._changed else self._read.get(key)

    def put(self, span: Span, group: bytes, state: Accumulator | None) -> None:
        """``None``: the window is no longer there."""
        self._changed[self._windows.key(span, group)] = state

    def add(self, span: Span, group: bytes, event: ChangeEvent) -> None:
        """Count ``event`` in a window, which begins with it if it is not there."""
        key = self._windows.key(span, group)
        state = self._changed.get(key)
        if state is None:
            state = self._changed[key] = (self.get(span, group) or self.nothing()).copy()
        self.count(state, event)

    def nothing(self) -> Accumulator:
        """The state of no event."""
        return [NO_TIME, *self._aggregation.initial]

    def count(self, state: Accumulator, event: ChangeEvent) -> None:
        """Count ``event`` in a state of the batch's own."""
        state[0] = max(state[0], event.event_time_ms)  # type: ignore[call-overload]  # slot 0 is the newest event time
        for column in self._aggregation.columns:
            column.update(state, event)

    def merged(self, states: Collection[Accumulator]) -> Accumulator:
        """One state of the events of ``states``, as if they had come in that order."""
        first, *others = states or [self.nothing()]
        into = first.copy()
        for state in others:
            self._aggregation.merge(into, state)
        return into

    def write(self) -> None:
        """The batch is done."""
        self._groups.put_many(self._changed)
