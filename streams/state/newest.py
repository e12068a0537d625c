"""Newest: the largest serial number of all keys that a table has ever been given.

A key with a larger one cannot be in the table, so the store need not be asked: as a rule that is so of each new event.
It is a question of what was stored, not of order: whatever comes late, or again, is looked for. Exact, because equal
keys have equal serials; where one is unknown, everything is looked for from then on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from .overlay import Entry, store_key
from .stores.base import Store

NEWEST_KEY = b"\0newest"
"""Leads the key of its record, in the changelog and in the store."""
NO_SERIAL = -1
"""Of keys that are always looked for, and equal no key that has a serial."""
UNKNOWN = math.inf
"""Of keys that may equal one with any serial."""

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(tuple[str, int | None]).decode
_MOST = 2**63 - 1


class Newest:
    """Of one keyspace. ``serial`` names what the serials are; ``""``: its keys have none."""

    def __init__(
        self, changelog: str, prefix: bytes, store: Store, *, serial: str, is_empty: Callable[[], bool]
    ) -> None:
        self._key = NEWEST_KEY + prefix
        self._place = store_key(changelog, self._key)
        self._store, self._serial, self._is_empty = store, serial, is_empty
        self._largest: float | None = None
        self._stored: bytes | None = None
        self._told: bytes | None = None

    def may_hold(self, keys: Sequence[bytes | None], serials: Sequence[float]) -> Sequence[bytes | None]:
        """Those of ``keys`` that the table may hold; all of them count as given to it now."""
        before = self.largest_before(max(serials, default=NO_SERIAL))
        if before < min(serials, default=before):
            return ()
        return [key for key, serial in zip(keys, serials, strict=True) if serial <= before]

    def largest_before(self, serial: float) -> float:
        """The largest so far; keys with serials up to ``serial`` count as given to the table now."""
        before = self._read()
        if serial > before:
            self._largest = UNKNOWN if serial >= _MOST else serial
        return before

    def _read(self) -> float:
        if self._largest is None:
            (self._stored,) = self._store.get_many([self._place])
            if self._stored is None:
                self._largest = NO_SERIAL if self._is_empty() else UNKNOWN
            else:
                name, largest = _decode(self._stored)
                self._largest = UNKNOWN if largest is None or name != self._serial else largest
        return self._largest

    def changes(self) -> tuple[list[Entry], list[Entry]]:
        """Entries for the store and records for the changelog, where the next checkpoint must write it anew."""
        largest = self._read()
        if not self._serial and self._stored is None:
            return [], []
        value = _encode((self._serial, None if largest == UNKNOWN or not self._serial else largest))
        if value == self._stored:
            return [], []
        self._told = value
        return [(self._place, value)], [(self._key, value)]

    def commit(self) -> None:
        """The store holds the changes now."""
        self._stored, self._told = self._told or self._stored, None

    def abort(self) -> None:
        """It does not: what was told has to be told again."""
        self._told = None
