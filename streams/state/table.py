"""A keyspace whose newest values are kept in memory: the rows, groups and clocks that events come back to.

``hot`` holds what was written since the last checkpoint, what was read since then, and committed entries that are
kept for the next time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import TypeVar

from .overlay import Overlay, TableSpec
from .stores.base import Store

V = TypeVar("V")


class Table(Overlay[V]):
    """Reads are answered by memory, then by the store."""

    __slots__ = ("_cold_before", "_hot")

    def __init__(self, spec: TableSpec[V], store: Store) -> None:
        super().__init__(spec, store)
        self._hot: dict[bytes, V | None] = {}
        self._cold_before = b""

    def get(self, key: bytes) -> V | None:
        """The value of ``key``, ``None`` where there is none."""
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Collection[bytes]) -> Mapping[bytes, V | None]:
        """Values of ``keys``, to be read before the next write; missing or ``None`` where there is none.

        One round trip to the store for all that are not in memory.
        """
        hot = self._hot
        missing = [key for key in keys if key not in hot]
        if missing:
            hot.update(self._stored(missing))
        return hot

    def put_many(self, values: dict[bytes, V | None]) -> None:
        """Write into the batch's savepoint, which takes ``values`` over; ``None`` deletes."""
        self._hot.update(values)
        super().put_many(values)

    def put(self, key: bytes, value: V | None) -> None:
        """Write one entry into the batch's savepoint; ``None`` deletes."""
        self._hot[key] = self._batch[key] = value

    @property
    def dirty_keys(self) -> Iterable[bytes]:
        """Keys written since the last checkpoint."""
        return self._dirty.keys()

    def discard_batch(self) -> None:
        """The batch failed: as if it had not been."""
        for key in self._batch:
            if key in self._dirty:
                self._hot[key] = self._dirty[key]
            else:
                del self._hot[key]
        super().discard_batch()

    def roll_back(self) -> None:
        """Batches since the savepoint have not been, nor has the one in hand."""
        undone = self._before or {}
        super().roll_back()
        for key in undone:
            if key in self._dirty:
                self._hot[key] = self._dirty[key]
            else:
                del self._hot[key]

    def commit(self) -> None:
        """The store holds the changes now; the batch in hand has been kept."""
        if self._cold_before:
            self._hot = {key: value for key, value in self._hot.items() if key >= self._cold_before}
            self._cold_before = b""
        for key in list(islice(self._hot, max(0, len(self._hot) - self.spec.cached))):
            del self._hot[key]
        super().commit()

    def release(self, before: bytes) -> None:
        """Nobody will ask for keys less than ``before`` soon: from the next commit on they are in the store alone."""
        self._cold_before = before

    def abort(self) -> None:
        """Nothing since the last checkpoint happened."""
        for key in (*self._dirty, *self._batch):
            self._hot.pop(key, None)
        super().abort()
