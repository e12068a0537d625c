"""A store that lives as long as the process: for the test driver and for ``STREAMS_STORE=memory://``."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from .base import Range


class MemoryStore:
    """Entries in a dictionary, their keys sorted when somebody scans."""

    def __init__(self) -> None:
        self._entries: dict[bytes, bytes] = {}
        self._sorted: list[bytes] | None = []

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Values of ``keys``, in their order."""
        return [self._entries.get(key) for key in keys]

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries with ``start <= key < end``, ascending."""
        for key in self.keys(start, end):
            yield key, self._entries[key]

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """The keys of what ``scan`` gives."""
        if self._sorted is None:
            self._sorted = sorted(self._entries)
        first, last = bisect_left(self._sorted, start), bisect_left(self._sorted, end)
        yield from self._sorted[first:last]

    def scan_ranges(self, ranges: Sequence[tuple[bytes, bytes]]) -> Iterator[Iterator[tuple[bytes, bytes]]]:
        """For each (start, end) what ``scan`` gives."""
        return (self.scan(start, end) for start, end in ranges)

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], gone: Sequence[Range] = ()) -> None:
        """Delete the ranges of ``gone``, then apply all changes in their order, or nothing; ``None`` deletes."""
        for start, end in gone:
            for key in list(self.keys(start, end)):
                del self._entries[key]
            self._sorted = None
        for key, value in changes:
            if value is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = value
        self._sorted = None

    def close(self) -> None:
        """Nothing to release."""
