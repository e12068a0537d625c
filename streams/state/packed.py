"""A keyspace of things to be remembered for a while, kept in packs.

A checkpoint writes what is new as a few records, and a pack is deleted when the last of its keys has expired.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, repeat

from .newest import UNKNOWN, Newest
from .overlay import Changes, Entry, Overlay, TableSpec, store_key
from .packs import (
    BODY_KEY,
    PACK_KEY,
    PACKED_ENTRIES,
    Head,
    Pack,
    PackIndex,
    Serial,
    Span,
    Times,
    decode_pack,
    encode,
    entries_of,
    name_of,
    read_head,
    read_time,
    write_time,
)
from .stores.base import Store

CACHED_PACKS = 8
"""That are kept decoded: those that were asked for last."""
OPENED_PER_CHECKPOINT = 25
"""Packs by serials of another kind, whose keys are written for themselves."""


class PackedTable:
    """Keys with the time (ms of event time) when each may be forgotten; the same savepoints as a ``Table``."""

    def __init__(self, changelog: str, prefix: bytes, store: Store, *, serial: str = "") -> None:
        """``serial`` names the numbers that keys are looked for by; ``""``: there are none."""
        self.changelog = changelog
        self._prefix, self._store = prefix, store
        self._space = store_key(changelog, b"")
        self._entries: Overlay[int] = Overlay(
            TableSpec(changelog=changelog, prefix=prefix, encode=write_time, decode=read_time), store
        )
        """Keys that stand for themselves, and above them all that are new."""
        self._heads: Overlay[Head] = Overlay(
            TableSpec(changelog=changelog, prefix=PACK_KEY, encode=encode, decode=read_head), store
        )
        self._newest = Newest(changelog, prefix, store, serial=serial, is_empty=self._is_empty)
        self._strays: set[bytes] = set()
        """Keys that were looked for and are behind what is committed: if they are put they are in no pack's span."""
        self._index: PackIndex | None = None
        self._cache: dict[bytes, Times | list[tuple[bytes, int]]] = {}
        """Of some packs what they hold, as it was written until somebody asks."""
        self._written: dict[bytes, Pack] = {}
        self._expired: dict[bytes, Head] = {}
        self._oldest_ms: int | None = None
        """When the first of the packs expires; ``None``: to be looked up."""
        self._opened: list[bytes] = []

    def _is_empty(self) -> bool:
        return next(self._entries.scan(), None) is None and next(self._heads.scan(), None) is None

    def known(self, keys: Sequence[bytes | None], serials: Sequence[Serial] | None) -> dict[bytes, int]:
        """Those of ``keys``, which are about to be put, that were put before, and when each expires.

        ``serials``: of each key, equal for equal keys; ``None`` where keys have none.
        """
        if serials is None:
            return self.find([key for key in keys if key is not None], ())
        before = self.largest()
        self.advance(max(serials, default=before))
        if before < min(serials, default=before):
            return {}
        pairs = zip(keys, serials, strict=True)
        asked = [(key, serial) for key, serial in pairs if serial <= before and key is not None]
        return self.find([key for key, _ in asked], [serial for _, serial in asked])

    def largest(self) -> Serial:
        """The largest serial of all keys put so far: those up to it must be looked for, with ``find``, to be put."""
        return self._newest.largest()

    def advance(self, serial: Serial) -> None:
        """Keys with serials up to ``serial`` are about to be put."""
        self._newest.advance(serial)

    def find(self, keys: Sequence[bytes], serials: Sequence[Serial]) -> dict[bytes, int]:
        """When each of ``keys`` expires, of those that are known; ``serials``: of each, none where they have none."""
        if not keys:
            return {}
        held = self._entries.get_many(keys)
        found = {key: expires_ms for key, expires_ms in held.items() if expires_ms is not None}
        pairs = list(zip(keys, serials or repeat(UNKNOWN), strict=False))
        if serials:
            committed = self._newest.committed
            self._strays.update([key for key, serial in pairs if serial <= committed])
        missing = [pair for pair in pairs if pair[0] not in found]
        return found | self._find_packed(missing) if missing else found

    def _find_packed(self, wanted: list[tuple[bytes, Serial]]) -> dict[bytes, int]:
        index, found = self._read_index(), dict[bytes, int]()
        if index.is_empty:
            return found
        asked = {name: [key for key, _ in wanted] for name in index.foreign}
        for key, serial in wanted:
            for name in index.packs_of(serial):
                asked.setdefault(name, []).append(key)
        for name, keys in asked.items():  # each is read once for all keys: a checkpoint may have more than are cached
            times = self._times_of(name)
            found.update([(key, times[key]) for key in keys if key in times])
        return found

    def _read_index(self) -> PackIndex:
        if self._index is None:
            self._index = PackIndex(self._newest.serial)
            lead = self._space + PACK_KEY
            for key, value in self._store.scan(lead, lead[:-1] + bytes([lead[-1] + 1])):  # those of the last commit
                self._index.add(key[len(lead) :], read_head(value))
        return self._index

    def _times_of(self, name: bytes) -> Times:
        held = self._cache.pop(name, None)
        if held is None:
            (body,) = self._store.get_many([self._space + BODY_KEY + name])
            held = [] if body is None else decode_pack(body).times
        times = dict(held) if isinstance(held, list) else held
        self._keep_decoded(name, times)
        return times

    def _keep_decoded(self, name: bytes, times: Times | list[tuple[bytes, int]]) -> None:
        self._cache[name] = times
        if len(self._cache) > CACHED_PACKS:
            del self._cache[next(iter(self._cache))]

    def put_many(self, times: dict[bytes, int | None]) -> None:
        """Remember keys, each until its time; ``None`` forgets one that stands for itself, in the store alone."""
        self._entries.put_many(times)

    def scan(self, start: bytes = b"") -> Iterator[tuple[bytes, int]]:
        """Keys from ``start`` on that stand for themselves or are new, with their times, ascending."""
        return self._entries.scan(start)

    def forget_packs(self, until_ms: int, *, most: int) -> None:
        """Delete the oldest packs, ``most`` of them, of which nothing is remembered longer than ``until_ms``."""
        if self._oldest_ms is not None and until_ms < self._oldest_ms:
            return
        for name, head in islice(self._heads.scan(), most):
            if head.expires_ms > until_ms:
                self._oldest_ms = head.expires_ms
                return
            self._expired[name] = head
            self._heads.put_many({name: None})

    @property
    def is_dirty(self) -> bool:
        """Something was written since the last checkpoint."""
        return self._entries.is_dirty or self._heads.is_dirty

    def keep_batch(self) -> None:
        """The batch is done: its writes belong to the next checkpoint."""
        self._entries.keep_batch()
        self._heads.keep_batch()

    def discard_batch(self) -> None:
        """The batch failed: as if it had not been."""
        self._entries.discard_batch()
        self._heads.discard_batch()

    def open_savepoint(self) -> None:
        """Batches that are kept from now on can be taken back, all of them at once."""
        self._entries.open_savepoint()
        self._heads.open_savepoint()

    def close_savepoint(self) -> None:
        """They stay."""
        self._entries.close_savepoint()
        self._heads.close_savepoint()

    def roll_back(self) -> None:
        """They have not been, nor has the batch in hand."""
        self._entries.roll_back()
        self._heads.roll_back()

    def changes(self, number: int) -> Changes:
        """What the next checkpoint must write; ``number`` is greater than at any checkpoint before."""
        span = self._newest.span()
        entries = self._open_foreign()
        forgotten, packed, single = self._sorted_out(is_packed=span is not None)
        entries += [(self._space + self._prefix + key, None) for key in forgotten]
        gone = self._heads.changes(number)
        entries += [*gone.entries, *((self._space + BODY_KEY + name, None) for name in self._gone())]
        records = gone.records
        self._written = self._pack(number, packed, single, span)
        for name, pack in self._written.items():
            value = encode(pack)
            records.append((PACK_KEY + name, value))
            entries += entries_of(self._space, name, pack, value)
        newest, told = self._newest.changes() if self._written else ([], [])
        return Changes(entries=[*entries, *newest], records=[*records, *told])

    def _sorted_out(self, *, is_packed: bool) -> tuple[list[bytes], list[tuple[bytes, int]], list[tuple[bytes, int]]]:
        """What was written: (keys that are forgotten, keys for packs that stay, keys that stand for themselves)."""
        strays, written = self._strays, self._entries.dirty_items
        forgotten = [key for key, expires_ms in written if expires_ms is None]
        times = [(key, expires_ms) for key, expires_ms in written if expires_ms is not None]
        if not is_packed:
            return forgotten, [], times
        if strays.isdisjoint([key for key, _ in times]):
            return forgotten, times, []
        single = [entry for entry in times if entry[0] in strays]
        return forgotten, [entry for entry in times if entry[0] not in strays], single

    def _gone(self) -> list[bytes]:
        return [name for name, head in self._heads.dirty_items if head is None]

    def _pack(
        self, number: int, packed: list[tuple[bytes, int]], single: list[tuple[bytes, int]], span: Span | None
    ) -> dict[bytes, Pack]:
        parts = [
            Pack(self._prefix, held[at : at + PACKED_ENTRIES], own)
            for held, own in ((packed, span), (single, None))
            for at in range(0, len(held), PACKED_ENTRIES)
        ]
        return {name_of(number, part): pack for part, pack in enumerate(parts)}

    def _open_foreign(self) -> list[Entry]:
        """Packs by serials of another kind, some at each checkpoint: what the store keeps of them from now on."""
        self._opened = [] if self._index is None else list(islice(self._index.foreign, OPENED_PER_CHECKPOINT))
        entries: list[Entry] = []
        for name in self._opened:
            times = self._times_of(name)
            new = self._entries.committed(times)  # put again since
            lead = self._space + self._prefix
            entries += [(lead + key, write_time(expires_ms)) for key, expires_ms in times.items() if key not in new]
            entries.append((self._space + BODY_KEY + name, None))
            entries.append((self._space + PACK_KEY + name, encode(Head(max(times.values(), default=0)))))
        return entries

    def commit(self) -> None:
        """The store holds the changes now."""
        if self._index is not None:
            self._move_index(self._index)
        for name, pack in self._written.items():
            if pack.span is not None:
                self._keep_decoded(name, pack.times)
        self._entries.commit()
        self._heads.commit()
        self._newest.commit()
        self._begin()

    def _move_index(self, index: PackIndex) -> None:
        for name in self._gone():
            index.remove(name, self._expired[name])
        for name in self._opened:
            index.foreign.pop(name, None)
        for name, pack in self._written.items():
            index.add(name, pack.head())

    def _begin(self) -> None:
        self._strays, self._written, self._expired, self._opened = set(), {}, {}, []

    def abort(self) -> None:
        """Nothing since the last checkpoint happened."""
        self._entries.abort()
        self._heads.abort()
        self._newest.abort()
        self._begin()
