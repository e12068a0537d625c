"""Stores: memory, RocksDB and Redis are one behaviour, and a folder has one owner."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.state.stores.base import Range, Store
from streams.state.stores.memory import MemoryStore
from streams.state.stores.rocksdb import RocksStore, StoreLockedError

KEYS = st.binary(max_size=3) | st.sampled_from([b"a\0\xff", b"\xff", b"\xff\xff", b"a"])
VALUES = st.none() | st.binary(max_size=4)
GONE = st.lists(st.tuples(KEYS, KEYS).map(sorted).map(tuple), max_size=2)
WRITES = st.lists(st.tuples(st.dictionaries(KEYS, VALUES, max_size=6), GONE), max_size=6)


def test_values_come_in_the_order_of_their_keys(store: Store) -> None:
    store.write({b"a": b"1", b"b": b""}.items())

    assert store.get_many([b"b", b"x", b"a", b"b"]) == [b"", None, b"1", b""]
    assert store.get_many([]) == []


def test_a_scan_is_half_open_and_ascending(store: Store) -> None:
    store.write(dict.fromkeys((b"b", b"a", b"c", b"a\x00", b"\xff"), b"v").items())

    assert [key for key, _ in store.scan(b"a", b"c")] == [b"a", b"a\0", b"b"]
    assert list(store.scan(b"c", b"a")) == []


def test_writing_nothing_deletes(store: Store) -> None:
    store.write({b"a": b"1", b"b": b"2"}.items())
    store.write({b"a": None, b"never": None, b"b": b"3"}.items())

    assert list(store.scan(b"", b"\xff")) == [(b"b", b"3")]


def test_ranges_go_before_what_is_written(store: Store) -> None:
    keys = [b"%05d" % number for number in range(9_000)]
    store.write([(key, b"old") for key in keys])
    store.write([(b"00500", b"new"), (b"00499", None)], [(b"00100", b"08000"), (b"08500", b"08500"), (b"x", b"y")])

    assert list(store.scan(b"", b"\xff")) == sorted(
        {**dict.fromkeys(keys[:100] + keys[8_000:], b"old"), b"00500": b"new"}.items()
    )
    assert store.get_many([b"00099", b"00100", b"07999", b"08000"]) == [b"old", None, None, b"old"]


def test_what_is_written_during_a_scan_does_not_disturb_it(store: Store) -> None:
    keys = [b"%02d" % number for number in range(60)]
    store.write([(key, b"old") for key in keys])

    entries = []
    for key, value in store.scan(b"00", b"99"):
        entries.append((key, value))
        store.write({b"59\0": b"new"}.items())

    assert entries == [(key, b"old") for key in keys]


def test_ranges_are_each_what_a_scan_of_it_gives(store: Store) -> None:
    keys = [b"%04d" % number for number in range(500)]
    store.write([(key, key) for key in keys])
    ranges = [(b"%04d" % start, b"%04d" % (2 * start)) for start in range(250)]

    found = [[key for key, _ in entries] for entries in store.scan_ranges(ranges)]

    assert found == [keys[start : 2 * start] for start in range(250)]
    assert list(store.scan_ranges([])) == []


def test_large_writes_are_read_as_they_were_written(store: Store) -> None:
    entries = {b"%06d" % number: b"x" * (number % 7 * 300) for number in range(9_001)}
    store.write(entries.items())
    store.write([(key, None) for key in entries if int(key) % 3])
    kept = {key: value for key, value in entries.items() if not int(key) % 3}

    assert dict(store.scan(b"", b"\xff")) == kept
    assert store.get_many(list(entries)) == [kept.get(key) for key in entries]


def test_of_two_changes_of_a_key_the_later_one_holds(store: Store) -> None:
    store.write([(b"a", b"1"), (b"a", None), (b"b", None), (b"b", b"2"), (b"c", b"3"), (b"c", b"4")])

    assert list(store.scan(b"", b"\xff")) == [(b"b", b"2"), (b"c", b"4")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WRITES, st.lists(KEYS, max_size=5), KEYS, KEYS)
def test_each_store_holds_what_memory_holds(
    new_store: Callable[[], Store],
    writes: list[tuple[dict[bytes, bytes | None], list[Range]]],
    asked: list[bytes],
    a: bytes,
    b: bytes,
) -> None:
    store, memory = new_store(), MemoryStore()
    for changes, gone in writes:
        store.write(changes.items(), gone)
        memory.write(changes.items(), gone)

    found = [(held.get_many(asked), list(held.scan(min(a, b), max(a, b)))) for held in (store, memory)]
    assert found[0] == found[1]


def test_rocksdb_keeps_what_was_written_over_a_restart(tmp_path: Path) -> None:
    first = RocksStore(tmp_path)
    first.write({b"a": b"1", b"b": b"2"}.items())
    first.write({b"b": None}.items())
    first.close()

    again = RocksStore(tmp_path)

    assert list(again.scan(b"", b"\xff")) == [(b"a", b"1")]
    again.close()


def test_a_folder_that_is_held_is_named_and_not_taken_for_broken(tmp_path: Path) -> None:
    opens = "import sys; from pathlib import Path; from streams.state.stores.rocksdb import RocksStore as S"
    holds = f"{opens}; store = S(Path(sys.argv[1])); store.write([(b'a', b'1')]); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"

        with pytest.raises(StoreLockedError, match="another process holds"):
            RocksStore(tmp_path)
        owner.communicate("\n")

    later = RocksStore(tmp_path)
    assert later.get_many([b"a"]) == [b"1"]
    later.close()


def broken_in(folder: Path, files: str) -> None:
    """A store of a thousand entries some of whose bytes have turned over."""
    store = RocksStore(folder)
    store.write({b"%d" % number: b"x" * 100 for number in range(1_000)}.items())
    store.close()
    for file in folder.glob(files):
        content = bytearray(file.read_bytes())
        middle = slice(len(content) - 300, len(content) - 60) if file.suffix == ".sst" else slice(40, 50)
        content[middle] = bytes(byte ^ 0xFF for byte in content[middle])
        file.write_bytes(content)


@pytest.mark.parametrize("files", ["*.sst", "MANIFEST-*", "CURRENT"])
@pytest.mark.parametrize("name", ["store", "blocks-and-locks"])
def test_a_broken_store_is_not_taken_for_a_held_one(tmp_path: Path, files: str, name: str) -> None:
    broken_in(tmp_path / name, files if files != "CURRENT" else "nothing")
    if files == "CURRENT":
        (tmp_path / name / "CURRENT").write_bytes(b"MANIFEST-999999\n")

    with pytest.raises(Exception, match=r".+") as caught:
        RocksStore(tmp_path / name)

    assert not isinstance(caught.value, StoreLockedError)
