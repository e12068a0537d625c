"""A keyspace of things to be remembered for a while, whose changelog holds packs of them.

A changelog record for each would cost more than everything else that is done for an event. So a checkpoint writes
what is new as a few records, and a pack is deleted when the last of its entries has expired. In the store the entries
stand one by one, as in any table, and beside them for each pack the time when it may go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from struct import Struct as Layout

import msgspec

from .newest import Newest
from .overlay import Changes, Entry, Overlay, TableSpec, store_key
from .stores.base import Store

PACK_KEY = b"\0pack"
"""Leads the keys of packs, in the changelog and in the store; no other key starts with a zero byte and a word."""
PACKED_ENTRIES = 4_000

_number = Layout(">QH")
_time = Layout(">q")
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(tuple[bytes, list[tuple[bytes, int]]]).decode


def _read_time(value: bytes) -> int:
    return int(_time.unpack(value)[0])


class PackedTable:
    """Keys with the time (ms of event time) when each may be forgotten; the same savepoints as a ``Table``.

    Nothing that is committed stays in memory: a key comes once, as a rule.
    """

    def __init__(self, changelog: str, prefix: bytes, store: Store, *, serial: str = "") -> None:
        """``serial`` names the numbers that are given to ``may_hold``; ``""``: there are none."""
        self.changelog = changelog
        self._prefix = prefix
        self._entries = _times(changelog, prefix, store)
        self._packs = _times(changelog, PACK_KEY, store)
        self._newest = Newest(changelog, prefix, store, serial=serial, is_empty=self._is_empty)

    def _is_empty(self) -> bool:
        return next(self._entries.scan(), None) is None

    def may_hold(self, keys: Sequence[bytes | None], serials: Sequence[float]) -> Sequence[bytes | None]:
        """Those of ``keys``, which are about to be put, that may have been put before."""
        return self._newest.may_hold(keys, serials)

    def largest_before(self, serial: float) -> float:
        """The largest serial of all keys put so far; keys up to ``serial`` are about to be put."""
        return self._newest.largest_before(serial)

    def get_many(self, keys: Collection[bytes]) -> Mapping[bytes, int | None]:
        """When each of ``keys`` expires; missing or ``None`` for those that are not known."""
        return self._entries.get_many(keys)

    def put_many(self, times: dict[bytes, int | None]) -> None:
        """Remember keys, each until its time; ``None`` forgets, in the store alone."""
        self._entries.put_many(times)

    def scan(self, start: bytes = b"") -> Iterator[tuple[bytes, int]]:
        """Keys from ``start`` on with their times, ascending."""
        return self._entries.scan(start)

    def forget_packs(self, until_ms: int, *, most: int) -> None:
        """Delete the oldest packs, ``most`` of them, of which nothing is remembered longer than ``until_ms``."""
        for pack, expires_ms in islice(self._packs.scan(), most):
            if expires_ms > until_ms:
                return
            self._packs.put_many({pack: None})

    @property
    def is_dirty(self) -> bool:
        """Something was written since the last checkpoint."""
        return self._entries.is_dirty or self._packs.is_dirty

    def keep_batch(self) -> None:
        """The batch is done: its writes belong to the next checkpoint."""
        self._entries.keep_batch()
        self._packs.keep_batch()

    def discard_batch(self) -> None:
        """The batch failed: as if it had not been."""
        self._entries.discard_batch()
        self._packs.discard_batch()

    def open_savepoint(self) -> None:
        """Batches that are kept from now on can be taken back, all of them at once."""
        self._entries.open_savepoint()
        self._packs.open_savepoint()

    def close_savepoint(self) -> None:
        """They stay."""
        self._entries.close_savepoint()
        self._packs.close_savepoint()

    def roll_back(self) -> None:
        """They have not been, nor has the batch in hand."""
        self._entries.roll_back()
        self._packs.roll_back()

    def changes(self, number: int) -> Changes:
        """What the next checkpoint must write; ``number`` is greater than at any checkpoint before."""
        entries, gone = self._entries.entries(), self._packs.changes(number)
        times = [(key, expires_ms) for key, expires_ms in self._entries.dirty_items if expires_ms is not None]
        packs: list[Entry] = []
        marks: list[Entry] = []
        for part in range(0, len(times), PACKED_ENTRIES):
            pack = times[part : part + PACKED_ENTRIES]
            key = PACK_KEY + _number.pack(number, part // PACKED_ENTRIES)
            packs.append((key, _encode((self._prefix, pack))))
            marks.append((store_key(self.changelog, key), _time.pack(max([expires_ms for _, expires_ms in pack]))))
        newest, told = self._newest.changes() if times else ([], [])
        return Changes(entries=[*entries, *gone.entries, *marks, *newest], records=[*gone.records, *packs, *told])

    def commit(self) -> None:
        """The store holds the changes now."""
        self._entries.commit()
        self._packs.commit()
        self._newest.commit()

    def abort(self) -> None:
        """Nothing since the last checkpoint happened."""
        self._entries.abort()
        self._packs.abort()
        self._newest.abort()


def _times(changelog: str, prefix: bytes, store: Store) -> Overlay[int]:
    return Overlay(TableSpec(changelog=changelog, prefix=prefix, encode=_time.pack, decode=_read_time), store)


def unpack(space: bytes, key: bytes, value: bytes | None) -> list[Entry]:
    """What the store keeps of a pack, under keys that begin with ``space``: its entries, and when it may go."""
    if value is None:
        return [(space + key, None)]
    prefix, times = _decode(value)
    lead, write = space + prefix, _time.pack
    entries: list[Entry] = [(lead + name, write(expires_ms)) for name, expires_ms in times]
    entries.append((space + key, write(max([expires_ms for _, expires_ms in times]))))
    return entries


def pack_number(key: bytes) -> int:
    """The number that the checkpoint had which wrote a pack."""
    return int(_number.unpack(key[len(PACK_KEY) :])[0])


def pack_keys(value: bytes) -> Iterable[bytes]:
    """Keys of the entries of a pack, as the changelog would have them one by one."""
    prefix, times = _decode(value)
    return [prefix + name for name, _ in times]
