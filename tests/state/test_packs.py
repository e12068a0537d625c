"""Packs: whatever serials say, a key that was put is known, to whoever opens the table, and after a restore."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from streams.state import packed
from streams.state.changelog import Marker, apply_changelogs
from streams.state.newest import NO_SERIAL, UNKNOWN
from streams.state.overlay import Entry
from streams.state.packed import PackedTable
from streams.state.packs import PACK_KEY, PACKED_ENTRIES, pack_keys, pack_number
from streams.state.stores.memory import MemoryStore

serials = st.integers(-3, 12) | st.sampled_from([NO_SERIAL, UNKNOWN, 2**63 - 2, 2**63, 2**70])
times = st.integers(1, 20)
puts = st.tuples(serials, st.integers(0, 2), times)
"""(serial, what else tells the key from others of that serial, how long it is kept)."""


class CountingStore(MemoryStore):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        self.asked += len(keys)
        return super().get_many(keys)


def a_table(store: MemoryStore, serial: str = "id") -> PackedTable:
    """What was seen, over what ``store`` holds."""
    return PackedTable("state", b"s", store, serial=serial)


def key_of(serial: float, name: int = 0) -> bytes:
    return b"%r %d" % (serial, name)


def put(table: PackedTable, *serials: float, expires_ms: int = 1) -> list[bytes]:
    """Ask for keys, as a step does, and put them; the keys."""
    keys = [key_of(serial) for serial in serials]
    table.known(keys, serials)
    table.put_many(dict.fromkeys(keys, expires_ms))
    table.keep_batch()
    return keys


def commit(table: PackedTable, store: MemoryStore, number: int = 1) -> list[Entry]:
    """As a task commits; what the changelog is told."""
    changes = table.changes(number)
    store.write(changes.entries)
    table.commit()
    return changes.records


def all_of(store: MemoryStore) -> list[Entry]:
    return [(key, value) for key, value in store.scan(b"", b"\xff") if not key.startswith(b"\0")]


class Laws(RuleBasedStateMachine):
    """Keys with serials, committed, taken back, forgotten, and found again by other owners, now and then by others'
    serials; and by one who has nothing but the changelog."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        for name, few in {"PACKED_ENTRIES": 2, "OPENED_PER_CHECKPOINT": 2, "CACHED_PACKS": 1}.items():
            self.patch.setattr(packed, name, few)
        self.store, self.serial = MemoryStore(), "id"
        self.table = a_table(self.store)
        self.held: dict[bytes, tuple[float, int]] = {}
        self.open: dict[bytes, tuple[float, int]] = {}
        self.batch: dict[bytes, tuple[float, int]] = {}
        self.records: list[Entry] = []
        self.number = self.now_ms = 0

    def teardown(self) -> None:
        self.patch.undo()

    @rule(held=st.lists(puts, min_size=1, max_size=6, unique_by=lambda one: one[:2]))
    def put(self, held: list[tuple[float, int, int]]) -> None:
        """Equal keys have equal serials. What is known and has not expired is not put."""
        keys = [key_of(serial, name) for serial, name, _ in held]
        known = self.table.known([*keys, None], [*(serial for serial, *_ in held), NO_SERIAL])
        new = {}
        for key, (serial, _, keep_ms) in zip(keys, held, strict=True):
            if known.get(key, 0) <= self.now_ms:
                new[key] = serial, self.now_ms + keep_ms
        self.table.put_many({key: expires_ms for key, (_, expires_ms) in new.items()})
        self.batch |= new

    @rule()
    def keep(self) -> None:
        """The batch is done."""
        self.table.keep_batch()
        self.open, self.batch = self.open | self.batch, {}

    @rule()
    def discard(self) -> None:
        """It failed."""
        self.table.discard_batch()
        self.batch = {}

    @rule()
    def commit(self) -> None:
        """The store holds what was put."""
        self.keep()
        self.number += 1
        self.records += commit(self.table, self.store, self.number)
        self.held, self.open = self.held | self.open, {}

    @rule(is_prepared=st.booleans())
    def abort(self, is_prepared: bool) -> None:
        """What was put since the last commit was not, perhaps because the commit failed."""
        if is_prepared and not self.batch:
            self.table.changes(self.number + 1)
        self.table.abort()
        self.open, self.batch = {}, {}

    @rule(serial=st.sampled_from(["id", "id", "", "lsn"]), is_lost=st.booleans())
    def change_owner(self, serial: str, is_lost: bool) -> None:
        """A restart, perhaps without a disk; another plan may know other serials."""
        if is_lost:
            self.store = MemoryStore()
            apply_changelogs(self.store, {"state": self.records}, Marker())
        self.serial, self.table = serial, a_table(self.store, serial)
        self.open, self.batch = {}, {}

    @rule(later_ms=times)
    def forget(self, later_ms: int) -> None:
        """Time goes on, and a batch's end forgets packs."""
        self.now_ms += later_ms
        self.table.forget_packs(self.now_ms, most=3)
        self.keep()

    @rule()
    def look(self) -> None:
        """All that has not expired is known, with the time it was put with last; whatever has may be."""
        wanted = self.held | self.open | self.batch
        live = {key: expires_ms for key, (_, expires_ms) in wanted.items() if expires_ms > self.now_ms}
        asked = [*wanted]
        known = self.table.known(asked, None if not self.serial else [wanted[key][0] for key in asked])
        assert {key: expires_ms for key, expires_ms in known.items() if expires_ms > self.now_ms} == live


TestLaws = Laws.TestCase
TestLaws.settings = settings(max_examples=400, stateful_step_count=40, deadline=None)


def test_a_key_with_a_larger_serial_than_all_before_is_not_looked_for_whoever_asks() -> None:
    store = CountingStore()
    table = a_table(store)
    put(table, 7)
    commit(table, store)

    for owner in (table, a_table(store)):
        owner.largest()  # is read once
        asked = store.asked
        assert owner.known([b"new", b"other"], [8, 9]) == {}
        assert store.asked == asked


def test_thousands_of_keys_are_one_entry_of_the_store() -> None:
    store = MemoryStore()
    table = a_table(store)
    put(table, *range(2 * PACKED_ENTRIES))
    records = commit(table, store, 3)

    packs = [(key, value) for key, value in records if key.startswith(PACK_KEY)]
    assert [pack_number(key) for key, _ in packs] == [3, 3]
    assert sum(len(list(pack_keys(value or b""))) for _, value in packs) == 2 * PACKED_ENTRIES
    assert len(list(store.scan(b"state", b"statf"))) == len(["heads", "bodies"]) * len(packs) + len(["newest"])


def test_many_keys_of_one_checkpoint_read_each_of_its_packs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in {"PACKED_ENTRIES": 2, "CACHED_PACKS": 3}.items():
        monkeypatch.setattr(packed, name, few)
    store = CountingStore()
    table = a_table(store)
    keys = put(table, *range(20))
    commit(table, store)
    owner = a_table(store)
    owner.largest()
    asked = store.asked

    known = owner.known(keys, range(20))

    bodies, singles = 20 // 2, len(keys)
    assert (known, store.asked - asked) == (dict.fromkeys(keys, 1), bodies + singles)


def test_a_key_behind_its_serial_stands_for_itself_and_one_that_comes_again_does_not() -> None:
    store = MemoryStore()
    table = a_table(store)
    put(table, 5)
    commit(table, store, 1)

    put(table, 3, 6)
    put(table, 6)
    commit(table, store, 2)

    assert [key for key, _ in a_table(store).scan()] == [key_of(3)]


def test_a_restore_gives_the_store_that_was_lost() -> None:
    store, other = MemoryStore(), MemoryStore()
    table, records = a_table(store), list[Entry]()
    for number, given in enumerate([(1, 2, 3), (9, 2.5, 4), (NO_SERIAL, 12)], 1):
        put(table, *given, expires_ms=number)
        records += commit(table, store, number)
    table.forget_packs(1, most=10)
    table.keep_batch()
    records += commit(table, store, 4)

    apply_changelogs(other, {"state": records}, Marker())

    assert all_of(other) == all_of(store) != []


def test_packs_that_have_expired_leave_nothing_of_themselves() -> None:
    store = CountingStore()
    table = a_table(store)
    for number in (1, 2, 3):
        put(table, number, expires_ms=number)
        commit(table, store, number)
    assert table.known([key_of(3)], [3]) == {key_of(3): 3}

    for now_ms in (1, 2):
        table.forget_packs(now_ms, most=10)
        table.keep_batch()
        records = commit(table, store, 3 + now_ms)
        assert [pack_number(key) for key, value in records if value is None] == [now_ms]

    asked = store.asked
    assert table.known([key_of(1), key_of(2)], [1, 2]) == {}
    assert store.asked == asked + 2  # whether they stand for themselves, and no pack
    assert len(list(store.scan(b"state", b"statf"))) == len(["head", "body", "newest"])


def test_what_a_failed_commit_said_is_said_again() -> None:
    store = MemoryStore()
    table = a_table(store)
    put(table, 3)
    commit(table, store, 1)
    put(table, 7)
    table.changes(2)
    table.abort()
    commit(table, store, 2)  # of nothing

    (key,) = put(table, 5)
    commit(table, store, 3)

    assert a_table(store).known([key], [5]) == {key: 1}


def test_what_was_kept_before_serials_were_is_looked_for() -> None:
    store = MemoryStore()
    old = a_table(store, "")
    old.put_many({b"key": 1})
    old.keep_batch()
    commit(old, store)

    assert a_table(store).known([b"key"], [1_000]) == {b"key": 1}


def test_a_store_from_before_packs_were_kept_whole_is_read() -> None:
    """Heads were times then, and all keys stood for themselves."""
    store = MemoryStore()
    head = (5).to_bytes(8, "big", signed=True)
    store.write([(b"state\0skey", head), (b"state\0" + PACK_KEY + b"\0" * 10, head)])
    table = a_table(store)

    assert table.known([b"key"], [1]) == {b"key": 5}
    table.forget_packs(5, most=1)
    table.keep_batch()
    assert [value for _, value in commit(table, store, 2)] == [None]


@pytest.mark.parametrize("is_late", [False, True])
def test_packs_by_serials_of_another_kind_are_searched_and_opened_some_at_a_time(
    is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "OPENED_PER_CHECKPOINT", 1)
    store = MemoryStore()
    table = a_table(store, "id")
    keys = [*put(table, 7), *put(table, 8)]
    commit(table, store, 1)
    keys += put(table, 9)
    commit(table, store, 2)

    other = a_table(store, "lsn")
    wanted_ms = 2 if is_late else 1
    for number in (3, 4, 5):
        assert other.known(keys, [1_000] * len(keys)) == dict.fromkeys(keys, 1)
        if is_late:  # one that has expired comes again, and the pack in which it was is not its place any more
            other.put_many({keys[2]: 2})
            other.keep_batch()
            is_late, keys = False, keys[:2]
        commit(other, store, number)

    assert {key_of(7), key_of(8), key_of(9)} == {key for key, _ in other.scan()}
    assert other.known([key_of(9)], [9]) == {key_of(9): wanted_ms}
