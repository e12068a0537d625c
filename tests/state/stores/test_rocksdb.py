"""RocksDB on a disk that does not give back what was written: told, never taken for an empty table."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from streams.state.stores.base import StoreFailedError
from streams.state.stores.rocksdb import RocksStore, StoreBrokenError

KEYS = [b"t\0%06d" % number for number in range(20_000)]


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A store with 20,000 entries, one block of its file overwritten."""
    values = random.Random(7)
    store = RocksStore(tmp_path)
    store.write({key: values.randbytes(100) for key in KEYS}.items())
    store.close()
    (file,) = tmp_path.glob("*.sst")
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = b"\xff" * 200
    file.write_bytes(content)
    return tmp_path


def test_a_scan_does_not_take_a_broken_block_for_the_end(damaged: Path) -> None:
    store = RocksStore(damaged)

    with pytest.raises(StoreFailedError, match="cannot be read"):
        list(store.scan(b"t\0", b"t\1"))


def test_a_look_up_in_a_broken_block_is_a_failure_of_the_store(damaged: Path) -> None:
    store = RocksStore(damaged)

    with pytest.raises(StoreFailedError, match="cannot be read"):
        store.get_many(KEYS)


def test_a_store_that_has_failed_is_not_opened_again_but_rebuilt(damaged: Path) -> None:
    store = RocksStore(damaged)
    with pytest.raises(StoreFailedError):
        store.get_many(KEYS)
    store.close()

    with pytest.raises(StoreBrokenError):
        RocksStore(damaged)
