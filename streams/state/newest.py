"""Newest: the largest serial number of all keys that a table has ever been given.

A key with a larger one cannot be in the table, so the store need not be asked: as a rule that is so of each new event.
It is a question of what was stored, not of order: whatever comes late, or again, is looked for. Exact, because equal
keys have equal serials; where one is unknown, everything is looked for from then on.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from .overlay import Entry, store_key
from .packs import MOST, Serial, Span
from .stores.base import Store

NEWEST_KEY = b"\0newest"
"""Leads the key of its record, in the changelog and in the store."""
NO_SERIAL = -1
"""Of keys that are always looked for, and equal no key that has a serial."""
UNKNOWN = math.inf
"""Of keys that may equal one with any serial."""

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(tuple[str, int | None]).decode


class Newest:
    """Of one keyspace. ``serial`` names what the serials are; ``""``: its keys have none."""

    def __init__(
        self, changelog: str, prefix: bytes, store: Store, *, serial: str, is_empty: Callable[[], bool]
    ) -> None:
        self._key = NEWEST_KEY + prefix
        self._place = store_key(changelog, self._key)
        self._store, self.serial, self._is_empty = store, serial, is_empty
        self._largest: Serial | None = None
        self.committed: Serial = UNKNOWN
        """The largest at the last commit."""
        self._telling: Serial = UNKNOWN
        self._stored: bytes | None = None
        self._told: bytes | None = None

    def advance(self, serial: Serial) -> None:
        """Keys with serials up to ``serial`` are about to be given to the table."""
        if serial > self.largest():
            self._largest = UNKNOWN if serial >= MOST else serial

    def span(self) -> Span | None:
        """Of the keys given to the table since the last commit whose serials are larger than all before."""
        largest = self.largest()
        if not self.serial or largest <= self.committed:
            return None
        return Span(self.serial, self.committed, largest)

    def largest(self) -> Serial:
        """The largest serial of all keys that the table has been given."""
        if self._largest is None:
            (self._stored,) = self._store.get_many([self._place])
            if self._stored is None:
                self._largest = NO_SERIAL if self._is_empty() else UNKNOWN
            else:
                name, largest = _decode(self._stored)
                self._largest = UNKNOWN if largest is None or name != self.serial else largest
            self.committed = self._largest
        return self._largest

    def changes(self) -> tuple[list[Entry], list[Entry]]:
        """Entries for the store and records for the changelog, where the next checkpoint must write it anew."""
        largest = self.largest()
        if not self.serial and self._stored is None:
            return [], []
        value = _encode((self.serial, None if largest == UNKNOWN or not self.serial else largest))
        if value == self._stored:
            return [], []
        self._told, self._telling = value, largest
        return [(self._place, value)], [(self._key, value)]

    def commit(self) -> None:
        """The store holds the changes now."""
        if self._told is not None:
            self._stored, self.committed, self._told = self._told, self._telling, None

    def abort(self) -> None:
        """It does not: what was told has to be told again."""
        self._told = None
