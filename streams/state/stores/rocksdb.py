"""A store on the local disk: one RocksDB per task, with one block cache for the process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, cast

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch

from .base import Range, StoreFailedError

BLOCK_CACHE_BYTES = 64 << 20
WRITE_BUFFER_BYTES = 16 << 20
BASE_LEVEL_BYTES = 32 << 20
FILE_BYTES = 8 << 20


class StoreLockedError(Exception):
    """Another process holds the folder. It is alive: never wipe it."""


class StoreBrokenError(Exception):
    """The folder was found to be broken by who used it last."""


@cache
def _shared_cache() -> Cache:
    """One cache for all stores: facts on Faust's own store, 2 GiB each, say why."""
    return Cache(BLOCK_CACHE_BYTES)


def _options() -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(_shared_cache())
    table.set_bloom_filter(10, False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    # Most look-ups are of keys that are not there: without a filter each walks down the whole write buffer.
    options.set_memtable_whole_key_filtering(True)
    # Ten bits for each of the entries that a buffer has room for: a larger filter costs each write a miss of the cache.
    options.set_memtable_prefix_bloom_ratio(0.01)
    # A merge of new files takes all of the level below, as markers sort first and states last. So that level is small:
    # from there a file at a time moves on, and as windows and packs come and go in the order of time, few meet others.
    options.set_max_bytes_for_level_base(BASE_LEVEL_BYTES)
    options.set_target_file_size_base(FILE_BYTES)
    return options


class RocksStore:
    """Committed state of one task in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._broken = folder / "BROKEN"
        if self._broken.exists():
            raise StoreBrokenError(f"{folder} could not be read")
        try:
            self._db = Rdict(str(folder), _options())
        except Exception as error:  # rocksdict raises plain Exception for everything
            # By the name of its lock file: "block checksum mismatch" has the word in it, and folders may have.
            if "/LOCK:" in str(error):
                raise StoreLockedError(f"another process holds {folder}") from error
            raise

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Values of ``keys``, in their order."""
        # The stubs want a list of every key type at once; raw mode takes and gives bytes.
        try:
            return cast("list[bytes | None]", self._db.get(cast("list[Any]", keys)))
        except Exception as error:  # rocksdict raises plain Exception for everything
            raise self._failure() from error

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries with ``start <= key < end``, ascending."""
        cursor = self._cursor(start, end)
        valid, key, value, go_on = cursor.valid, cursor.key, cursor.value, cursor.next
        while valid():
            yield key(), value()
            go_on()
        self._check(cursor)

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """The keys of what ``scan`` gives, for half of what that costs."""
        cursor = self._cursor(start, end)
        valid, key, go_on = cursor.valid, cursor.key, cursor.next
        while valid():
            yield key()
            go_on()
        self._check(cursor)

    def _cursor(self, start: bytes, end: bytes) -> Any:
        bounds = ReadOptions()
        bounds.set_iterate_upper_bound(end)
        cursor = self._db.iter(bounds)
        cursor.seek(start)
        return cursor

    def _check(self, cursor: Any) -> None:
        try:
            cursor.status()  # a block that cannot be read looks like the end
        except Exception as error:
            raise self._failure() from error

    def scan_ranges(self, ranges: Sequence[tuple[bytes, bytes]]) -> Iterator[Iterator[tuple[bytes, bytes]]]:
        """For each (start, end) what ``scan`` gives."""
        return (self.scan(start, end) for start, end in ranges)

    def write(self, changes: Iterable[tuple[bytes, bytes | None]], gone: Sequence[Range] = ()) -> None:
        """Delete the ranges of ``gone``, then apply all changes in their order, or nothing; ``None`` deletes."""
        batch = WriteBatch(raw_mode=True)
        for start, end in gone:
            batch.delete_range(start, end)
        put, delete = batch.put, batch.delete
        for key, value in changes:
            if value is None:
                delete(key)
            else:
                put(key, value)
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._failure() from error

    def _failure(self) -> StoreFailedError:
        with suppress(OSError):
            self._broken.touch()  # the next start rebuilds the store
        return StoreFailedError(f"{self._broken.parent} cannot be read or written")

    def close(self) -> None:
        """Flush and release the folder's lock."""
        self._db.close()
