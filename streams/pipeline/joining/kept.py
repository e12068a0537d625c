"""Kept: the rows of a relation that a batch touches, and the index that says who names a partner."""

from __future__ import annotations

from ..order import Order
from .state import JoinTables, KeptRow, index_key


class KeptRows:
    """The kept rows that a batch touches, with the index that follows them."""

    def __init__(self, tables: JoinTables, keys: list[bytes]) -> None:
        self._tables = tables
        self.keys = dict.fromkeys(keys)
        found = tables.kept.get_many(list(self.keys))
        self._stored = {key: found.get(key) for key in self.keys}
        self._changed: dict[bytes, KeptRow | None] = {}
        self._index: dict[bytes, bool | None] = {}

    def get(self, key: bytes) -> KeptRow | None:
        """As the events before have left it."""
        return self._changed[key] if key in self._changed else self._stored.get(key)

    def before(self, key: bytes, last: dict[bytes, dict[str, object] | None]) -> dict[str, object] | None:
        """The row as ``last`` has it, else as it is kept."""
        if key in last:
            return last[key]
        stored = self._stored.get(key)
        return None if stored is None else stored.row

    def put(self, key: bytes, known: KeptRow | None, kept: KeptRow | None) -> None:
        """``kept`` in place of ``known``; the index moves with what they name."""
        self._changed[key] = kept
        before, after = () if known is None else known.refs, () if kept is None else kept.refs
        if before != after:
            self._index.update({index_key(n, ref.encode(), key): None for n, ref in enumerate(before) if ref})
            self._index.update({index_key(n, ref.encode(), key): True for n, ref in enumerate(after) if ref})

    def truncate(self, order: Order) -> None:
        """All rows older than ``order`` go."""
        present = {**dict(self._tables.kept.scan()), **self._changed}
        for key, kept in present.items():
            if kept is not None and kept.order < order:
                self.put(key, kept, None)

    def close(self) -> None:
        """The batch is done."""
        self._tables.kept.put_many(self._changed)
        self._tables.index.put_many(self._index)
