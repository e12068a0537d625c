"""A table: reads fall through its layers, writes stay above the store until the commit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from streams.state.overlay import Overlay, TableSpec, store_key
from streams.state.stores.base import Store
from streams.state.stores.memory import MemoryStore
from streams.state.table import Table


def a_spec(*, prefix: bytes, cached: int = 0) -> TableSpec[int]:
    """Of integers, written as digits."""
    return TableSpec(changelog="t", prefix=prefix, encode=lambda value: b"%d" % value, decode=int, cached=cached)


def a_table(
    entries: dict[bytes, int] | None = None, *, prefix: bytes = b"", cached: int = 0, store: Store | None = None
) -> Table[int]:
    """A table of integers whose store holds ``entries``."""
    table = Table(a_spec(prefix=prefix, cached=cached), MemoryStore() if store is None else store)
    table.put_many(entries or {})
    if entries:
        commit(table, store=store)
    return table


def commit(table: Overlay[int], *, store: Store | None) -> None:
    """As a task commits: the store has the changes, then the table is told."""
    table.keep_batch()
    if store is not None:
        changes = table.changes(1)
        store.write(changes.entries, changes.gone)
    table.commit()


@pytest.fixture(params=[0, 2, 100])
def stored(request: pytest.FixtureRequest, store: Store) -> tuple[Table[int], Store]:
    """A table over a store that holds a, b and c."""
    return a_table({b"a": 1, b"b": 2, b"c": 3}, cached=request.param, store=store), store


def test_a_batch_is_over_what_is_kept_and_that_over_the_store(stored: tuple[Table[int], Store]) -> None:
    table, _ = stored
    table.put_many({b"b": 20, b"c": 30})
    table.keep_batch()
    table.put(b"c", 300)

    found = table.get_many([b"a", b"b", b"c", b"d"])
    assert [found.get(key) for key in (b"a", b"b", b"c", b"d")] == [1, 20, 300, None]
    assert table.get(b"c") == 300


def test_a_deleted_entry_is_gone_in_every_layer(stored: tuple[Table[int], Store]) -> None:
    table, _ = stored
    table.put(b"a", None)
    assert table.get(b"a") is None
    table.keep_batch()

    assert (table.get(b"a"), list(table.scan())) == (None, [(b"b", 2), (b"c", 3)])


def test_a_scan_merges_all_layers_in_order(stored: tuple[Table[int], Store]) -> None:
    table, _ = stored
    table.put_many({b"aa": 11, b"b": None, b"z": 26})
    table.keep_batch()
    table.put_many({b"": 0, b"c": 33, b"z": 27, b"b\0": 5})

    assert list(table.scan()) == [(b"", 0), (b"a", 1), (b"aa", 11), (b"b\0", 5), (b"c", 33), (b"z", 27)]
    assert list(table.scan(b"aa", b"c")) == [(b"aa", 11), (b"b\0", 5)]
    assert list(table.scan(b"d")) == [(b"z", 27)]
    assert list(table.scan(b"c", b"c")) == []
    assert list(table.keys()) == [key for key, _ in table.scan()]
    assert list(table.keys(b"aa", b"c")) == [b"aa", b"b\0"]


def test_a_discarded_batch_takes_back_what_it_wrote_and_no_more(stored: tuple[Table[int], Store]) -> None:
    table, _ = stored
    table.put(b"a", 10)
    table.keep_batch()
    table.put_many({b"a": 100, b"b": None, b"d": 4})

    table.discard_batch()

    assert dict(table.scan()) == {b"a": 10, b"b": 2, b"c": 3}
    assert list(table.dirty_keys) == [b"a"]


def test_an_abort_takes_back_everything_since_the_commit(stored: tuple[Table[int], Store]) -> None:
    table, _ = stored
    table.put_many({b"a": 10, b"d": 4})
    table.keep_batch()
    table.put(b"b", None)

    table.abort()

    assert (dict(table.scan()), table.is_dirty, table.changes(1).entries) == ({b"a": 1, b"b": 2, b"c": 3}, False, [])


def test_a_checkpoint_writes_each_key_once_with_its_last_value_and_its_prefix() -> None:
    table = a_table(prefix=b"p")
    table.put_many({b"a": 1, b"b": 2})
    table.keep_batch()
    table.put_many({b"a": 3, b"c": None})
    table.keep_batch()

    changes = table.changes(1)
    assert sorted(changes.records) == [(b"pa", b"3"), (b"pb", b"2"), (b"pc", None)]
    assert changes.entries == [(store_key("t", key), value) for key, value in changes.records]


def test_keyspaces_of_one_changelog_do_not_see_each_other() -> None:
    store = MemoryStore()
    left, right = a_table({b"k": 1}, prefix=b"s", store=store), a_table({b"k": 2}, prefix=b"t", store=store)
    tails = a_table({b"": 7, b"\xff": 8}, prefix=b"s\xfe", store=store)

    assert (left.get(b"k"), right.get(b"k"), dict(right.scan())) == (1, 2, {b"k": 2})
    assert dict(tails.scan()) == {b"": 7, b"\xff": 8}


def test_a_batch_that_nobody_keeps_is_not_dirty() -> None:
    table = a_table()
    table.put(b"a", 1)

    assert (table.is_dirty, table.changes(1).entries) == (False, [])


class CountingStore(MemoryStore):
    """Knows what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        self.asked += keys
        return super().get_many(keys)


def test_what_is_kept_in_memory_is_not_asked_of_the_store_until_it_is_released() -> None:
    store = CountingStore()
    table = a_table({b"a": 1, b"b": 2, b"c": 3}, cached=10, store=store)
    table.get_many([b"a", b"b", b"c"])
    assert store.asked == []

    table.release(b"b\0")
    table.put(b"a", 10)
    assert table.get(b"a") == 10
    commit(table, store=store)

    assert [table.get(key) for key in (b"a", b"b", b"c")] == [10, 2, 3]
    assert store.asked == [store_key("t", b"a"), store_key("t", b"b")]


def test_an_overlay_answers_with_the_batch_then_what_is_kept_then_the_store() -> None:
    store = CountingStore()
    overlay = Overlay(a_spec(prefix=b"p"), store)
    overlay.put_many({b"a": 1, b"b": 2, b"c": 3, b"d": 4})
    commit(overlay, store=store)
    overlay.put_many({b"b": 20, b"c": 30})
    overlay.keep_batch()
    overlay.put_many({b"c": 300, b"d": None})

    found = overlay.get_many([b"a", b"b", b"c", b"d", b"e"])

    assert [found.get(key) for key in (b"a", b"b", b"c", b"d", b"e")] == [1, 20, 300, None, None]
    assert store.asked == [store_key("t", b"pa"), store_key("t", b"pe")]


def test_what_is_put_behind_a_range_that_was_forgotten_stays(stored: tuple[Table[int], Store]) -> None:
    table, store = stored

    assert not table.forget(b"a", b"c", most=2)
    table.put(b"b", 20)
    commit(table, store=store)

    assert list(store.scan(b"t", b"u")) == [(store_key("t", b"b"), b"20"), (store_key("t", b"c"), b"3")]


@pytest.mark.parametrize("end", [Table.discard_batch, Table.abort, Table.roll_back])
def test_a_range_whose_forgetting_has_not_been_stays(
    stored: tuple[Table[int], Store], end: Callable[[Table[int]], None]
) -> None:
    table, store = stored
    table.open_savepoint()
    assert table.forget(b"a", b"z", most=9)
    end(table)
    table.put(b"d", 4)
    commit(table, store=store)

    assert [key for key, _ in store.scan(b"t", b"u")] == [store_key("t", key) for key in (b"a", b"b", b"c", b"d")]


class OverlayMachine(RuleBasedStateMachine):
    """An overlay against three dictionaries."""

    keys = st.sampled_from([b"", b"a", b"a\0", b"b", b"\xff", b"\xff\xff"])
    values = st.none() | st.integers(0, 9)

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.table = self.open()
        self.committed: dict[bytes, int] = {}
        self.kept: dict[bytes, int] = {}
        self.now: dict[bytes, int] = {}
        self.saved: dict[bytes, int] | None = None
        """What was kept when the savepoint was opened, where there is one."""

    def open(self) -> Overlay[int]:
        """What is tried."""
        return Overlay(a_spec(prefix=b"p"), self.store)

    @rule(changes=st.dictionaries(keys, values, max_size=3))
    def write(self, changes: dict[bytes, int | None]) -> None:
        self.table.put_many(changes)
        self.now = {key: value for key, value in {**self.now, **changes}.items() if value is not None}

    @rule(start=keys, most=st.integers(min_value=1, max_value=3))
    def forget(self, start: bytes, most: int) -> None:
        inside = sorted(key for key in self.now if start <= key < b"c")

        assert self.table.forget(start, b"c", most=most) == (len(inside) < most)
        self.now = {key: value for key, value in self.now.items() if key not in inside[:most]}

    @rule()
    def keep(self) -> None:
        self.table.keep_batch()
        self.kept = dict(self.now)

    @rule()
    def discard(self) -> None:
        self.table.discard_batch()
        self.now = dict(self.kept)

    @precondition(lambda self: self.saved is None)
    @rule()
    def open_savepoint(self) -> None:
        self.discard()
        self.table.open_savepoint()
        self.saved = dict(self.kept)

    @precondition(lambda self: self.saved is not None)
    @rule()
    def close_savepoint(self) -> None:
        self.table.close_savepoint()
        self.saved = None

    @precondition(lambda self: self.saved is not None)
    @rule()
    def roll_back(self) -> None:
        self.table.roll_back()
        self.now, self.kept, self.saved = dict(self.saved or {}), dict(self.saved or {}), None

    @precondition(lambda self: self.saved is None)
    @rule()
    def commit(self) -> None:
        self.table.discard_batch()
        commit(self.table, store=self.store)
        self.committed = self.now = dict(self.kept)
        self.kept = dict(self.kept)

    @rule()
    def abort(self) -> None:
        self.table.abort()
        self.now, self.kept, self.saved = dict(self.committed), dict(self.committed), None

    @rule(asked=st.sets(keys, min_size=1))
    def read(self, asked: set[bytes]) -> None:
        found = self.table.get_many(asked)
        assert {key: found.get(key) for key in asked} == {key: self.now.get(key) for key in asked}

    @precondition(lambda self: self.saved is None)
    @rule(key=keys, value=values)
    def checkpoint_between_two_readings(self, key: bytes, value: int | None) -> None:
        self.read({key})
        self.write({key: value})
        self.keep()
        self.commit()
        self.read({key})

    @rule(start=keys, end=st.none() | keys)
    def scan(self, start: bytes, end: bytes | None) -> None:
        wanted = [(key, self.now[key]) for key in sorted(self.now) if key >= start and (end is None or key < end)]
        assert list(self.table.scan(start, end)) == wanted

    @rule(prefixes=st.lists(st.sampled_from([b"a", b"a\0", b"b"]), max_size=4))
    def scan_each(self, prefixes: list[bytes]) -> None:
        found = [list(entries) for entries in self.table.scan_each(prefixes)]
        assert found == [
            [(key, self.now[key]) for key in sorted(self.now) if key.startswith(prefix)] for prefix in prefixes
        ]


class TableMachine(OverlayMachine):
    """The same of a table, whatever it keeps in memory."""

    table: Table[int]

    def open(self) -> Table[int]:
        return Table(a_spec(prefix=b"p", cached=2), self.store)

    @rule(before=OverlayMachine.keys)
    def release(self, before: bytes) -> None:
        self.table.release(before)

    @invariant()
    def dirty_keys_are_those_that_a_checkpoint_writes(self) -> None:
        assert {b"p" + key for key in self.table.dirty_keys} == {key for key, _ in self.table.changes(1).records}


@pytest.mark.parametrize("machine", [OverlayMachine, TableMachine])
def test_whatever_is_done_it_reads_as_three_dictionaries_do(
    machine: type[OverlayMachine], new_store: Callable[[], Store]
) -> None:
    tries = settings(max_examples=40, deadline=None, stateful_step_count=25)

    run_state_machine_as_test(lambda: machine(new_store()), settings=tries)
