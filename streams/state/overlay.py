"""One keyspace of a task: committed entries below, what is not yet committed above.

``batch`` is what the batch in hand wrote and is its savepoint: kept when the batch is done, taken back when it fails.
``dirty`` is what was kept since the last checkpoint. Around several batches another savepoint may stand, which takes
back what they have kept, too. Values are decoded Python values and are never changed in place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Generic, TypeVar

from .stores.base import Range, Store

V = TypeVar("V")
_value = itemgetter(1)
Stored = Iterator[tuple[bytes, bytes]]
Entry = tuple[bytes, bytes | None]
"""(record key, value), ``None`` deletes."""


def store_key(changelog: str, record_key: bytes) -> bytes:
    """Where the record of a changelog, by its short name, is kept in the store."""
    return changelog.encode() + b"\0" + record_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a checkpoint must write of a keyspace."""

    entries: list[Entry]
    """For the store, by its keys."""
    gone: list[Range] = field(default_factory=list)
    """Of the store's keys, to be deleted before that."""
    records: list[Entry]
    """For the changelog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec(Generic[V]):
    """Where a keyspace lives and how its values are written."""

    changelog: str
    """Short name; the topic is ``<app>-<changelog>-changelog``."""
    prefix: bytes = b""
    """Leads every key, where several keyspaces share a changelog."""
    encode: Callable[[V], bytes]
    decode: Callable[[bytes], V]
    cached: int = 0
    """Committed entries that a ``Table`` keeps decoded; an ``Overlay`` keeps none."""


class Overlay(Generic[V]):
    """Reads fall through to the store, writes stay above it until the checkpoint is committed."""

    __slots__ = ("_batch", "_before", "_dirty", "_forgotten", "_gone", "_space", "_store", "spec")

    def __init__(self, spec: TableSpec[V], store: Store) -> None:
        self.spec = spec
        self._store = store
        self._space = store_key(spec.changelog, spec.prefix)
        self._batch: dict[bytes, V | None] = {}
        self._dirty: dict[bytes, V | None] = {}
        self._before: dict[bytes, tuple[V | None, ...]] | None = None
        """What ``dirty`` held at the outer savepoint under keys kept since then, ``()``: nothing; ``None``: none is."""
        self._gone: list[Range] = []
        """Of the store's keys, in which nothing is left but what was put since."""
        self._forgotten: set[bytes] = set()
        """What was in there: the store need not be told of each. Lost with any savepoint: then it is told."""

    def get_many(self, keys: Collection[bytes]) -> Mapping[bytes, V | None]:
        """Values of ``keys``; missing or ``None`` where there is none.

        One round trip to the store for all that were not written since the last checkpoint.
        """
        found: dict[bytes, V | None] = {}
        for written in (self._dirty, self._batch):
            if written:
                found.update([(key, written[key]) for key in keys if key in written])
        asked = [key for key in keys if key not in found] if found else keys
        found.update(self._stored(asked))
        return found

    def _stored(self, keys: Collection[bytes]) -> list[tuple[bytes, V]]:
        space, decode = self._space, self.spec.decode
        values = self._store.get_many([space + key for key in keys])
        return [(key, decode(value)) for key, value in zip(keys, values, strict=True) if value is not None]

    def committed(self, keys: Collection[bytes]) -> set[bytes]:
        """Those of ``keys`` that had a value at the last checkpoint."""
        values = self._store.get_many([self._space + key for key in keys])
        return {key for key, value in zip(keys, values, strict=True) if value is not None}

    def put_many(self, values: dict[bytes, V | None]) -> None:
        """Write into the batch's savepoint, which takes ``values`` over; ``None`` deletes."""
        if self._batch:
            self._batch.update(values)
        else:
            self._batch = values

    def forget(self, start: bytes, end: bytes, *, most: int) -> bool:
        """Delete the first ``most`` entries with ``start <= key < end``; whether these were all."""
        keys = list(islice(self.keys(start, end), most))
        self.put_many(dict.fromkeys(keys))
        if keys:
            self._gone.append((self._space + start, self._space + keys[-1] + b"\0"))
            self._forgotten.update(keys)
        return len(keys) < most

    def scan(self, start: bytes = b"", end: bytes | None = None) -> Iterator[tuple[bytes, V]]:
        """Entries with ``start <= key < end`` as the task sees them now, ascending by key."""
        over, above, bounds = self._layers(start, end)
        return self._merged(over, above, self._store.scan(*bounds))

    def keys(self, start: bytes = b"", end: bytes | None = None) -> Iterator[bytes]:
        """The keys of what ``scan`` gives; no value is read."""
        over, above, bounds = self._layers(start, end)
        cut = len(self._space)
        below = (key for stored in self._store.keys(*bounds) if (key := stored[cut:]) not in over)
        return merge([key for key in above if over[key] is not None], below)

    def _layers(self, start: bytes, end: bytes | None) -> tuple[Mapping[bytes, V | None], list[bytes], Range]:
        """(what was written, which of its keys are in that range, where the store has it)."""
        over = {**self._dirty, **self._batch}
        above = sorted(key for key in over if key >= start and (end is None or key < end))
        return over, above, (self._space + start, _after(self._space) if end is None else self._space + end)

    def scan_each(self, prefixes: Iterable[bytes]) -> Iterator[Iterator[tuple[bytes, V]]]:
        """For each of ``prefixes`` (none ends in 0xff) the entries whose keys begin with it, as ``scan`` gives them."""
        return self.scan_ranges((prefix, _after(prefix)) for prefix in prefixes)

    def scan_ranges(self, ranges: Iterable[tuple[bytes, bytes]]) -> Iterator[Iterator[tuple[bytes, V]]]:
        """For each (start, end) of ``ranges`` its entries, as ``scan`` gives them; later writes are not seen."""
        over, space = {**self._dirty, **self._batch}, self._space
        above, wanted = sorted(over), list(ranges)
        held = self._store.scan_ranges([(space + start, space + end) for start, end in wanted])
        for (start, end), entries in zip(wanted, held, strict=True):
            own = above[bisect_left(above, start) : bisect_left(above, end)]
            yield self._merged(over, own, entries)

    def _merged(
        self, over: Mapping[bytes, V | None], keys_above: list[bytes], held: Stored
    ) -> Iterator[tuple[bytes, V]]:
        """Entries of the store, ``held``, and those of ``over`` at ``keys_above`` in their places."""
        cut, decode, above = len(self._space), self.spec.decode, iter(keys_above)
        waiting = next(above, None)
        for stored, value in held:
            key = stored[cut:]
            while waiting is not None and waiting <= key:
                if (entry := over[waiting]) is not None:
                    yield waiting, entry
                waiting = next(above, None)
            if key not in over:
                yield key, decode(value)
        for key in [] if waiting is None else [waiting, *above]:
            if (entry := over[key]) is not None:
                yield key, entry

    @property
    def is_dirty(self) -> bool:
        """Something was written since the last checkpoint."""
        return bool(self._dirty)

    @property
    def changelog(self) -> str:
        """Short name of its changelog."""
        return self.spec.changelog

    @property
    def dirty_items(self) -> Iterable[tuple[bytes, V | None]]:
        """What was written since the last checkpoint."""
        return self._dirty.items()

    def keep_batch(self) -> None:
        """The batch is done: its writes belong to the next checkpoint."""
        if self._before is not None:
            self._note_before(self._before)
        if self._dirty:
            self._dirty.update(self._batch)
        else:
            self._dirty = self._batch
        self._batch = {}

    def _note_before(self, before: dict[bytes, tuple[V | None, ...]]) -> None:
        dirty = self._dirty
        for key in self._batch.keys() - before.keys():
            before[key] = (dirty[key],) if key in dirty else ()

    def discard_batch(self) -> None:
        """The batch failed: as if it had not been."""
        self._batch = {}
        self._remember()

    def open_savepoint(self) -> None:
        """Batches that are kept from now on can be taken back, all of them at once; no batch is in hand."""
        self._before = {}

    def close_savepoint(self) -> None:
        """They stay."""
        self._before = None

    def roll_back(self) -> None:
        """They have not been, nor has the batch in hand; the savepoint is closed."""
        self.discard_batch()
        for key, held in (self._before or {}).items():
            if held:
                self._dirty[key] = held[0]
            else:
                del self._dirty[key]
        self._before = None

    def _remember(self) -> None:
        self._gone, self._forgotten = [], set()

    def entries(self) -> list[Entry]:
        """What was written since the last checkpoint, by the store's keys."""
        space, encode = self._space, self.spec.encode
        return [(space + key, None if value is None else encode(value)) for key, value in self._dirty.items()]

    def changes(self, number: int) -> Changes:
        """What the next checkpoint must write; the changelog holds what the store holds."""
        entries, prefix = self.entries(), self.spec.prefix
        keys = [prefix + key for key in self._dirty] if prefix else self._dirty
        records = list(zip(keys, map(_value, entries), strict=True))
        if forgotten := self._forgotten:
            told = zip(self._dirty, entries, strict=True)
            entries = [entry for key, entry in told if key not in forgotten or entry[1] is not None]
        return Changes(entries=entries, records=records, gone=self._gone)

    def commit(self) -> None:
        """The store holds the changes now; the batch in hand has been kept."""
        self._dirty = {}
        self._remember()

    def abort(self) -> None:
        """Nothing since the last checkpoint happened."""
        self._batch, self._dirty, self._before = {}, {}, None
        self._remember()


def _after(space: bytes) -> bytes:
    """The smallest key greater than all that start with ``space``; ``space`` ends in no 0xff."""
    return space[:-1] + bytes((space[-1] + 1,))
