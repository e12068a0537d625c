"""Packs: whatever serials say, a key that is in the table is looked for."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from streams.state.newest import NO_SERIAL, UNKNOWN
from streams.state.packs import PackedTable
from streams.state.stores.memory import MemoryStore

serials = st.integers(-3, 12) | st.sampled_from([NO_SERIAL, UNKNOWN, 2**63 - 2, 2**63, 2**70])


def a_table(store: MemoryStore, serial: str = "id") -> PackedTable:
    """What was seen, over what ``store`` holds."""
    return PackedTable("state", b"s", store, serial=serial)


def put(table: PackedTable, serial: float, name: int = 0) -> bytes:
    """Ask for a key, as a step does, and put it; the key."""
    key = b"%r %d" % (serial, name)
    table.may_hold([key], [serial])
    table.put_many({key: 1})
    table.keep_batch()
    return key


def commit(table: PackedTable, store: MemoryStore, number: int = 1) -> None:
    """As a task commits."""
    store.write(table.changes(number).entries)
    table.commit()


class Laws(RuleBasedStateMachine):
    """Keys with serials, committed, taken back, and found again by other owners; now and then with another serial."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.table = a_table(self.store)
        self.held: dict[bytes, float] = {}
        self.open: dict[bytes, float] = {}
        self.number = 0

    @rule(serial=serials, name=st.integers(0, 2))
    def put(self, serial: float, name: int) -> None:
        """Equal keys have equal serials."""
        self.open[put(self.table, serial, name)] = serial

    @rule()
    def commit(self) -> None:
        """The store holds what was put."""
        self.number += 1
        commit(self.table, self.store, self.number)
        self.held |= self.open
        self.open = {}

    @rule(is_prepared=st.booleans())
    def abort(self, is_prepared: bool) -> None:
        """What was put since the last commit was not, perhaps because the commit failed."""
        if is_prepared:
            self.table.changes(self.number + 1)
        self.table.abort()
        self.open = {}

    @rule(serial=st.sampled_from(["id", "id", "", "lsn"]))
    def change_owner(self, serial: str) -> None:
        """A restart; another plan may know other serials."""
        self.table = a_table(self.store, serial)
        self.open = {}

    @rule()
    def look(self) -> None:
        """Nothing that is there is passed over."""
        known = self.held | self.open
        asked = self.table.may_hold([*known, None], [*known.values(), NO_SERIAL])
        assert set(known) <= set(asked)


TestLaws = Laws.TestCase
TestLaws.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)


def test_a_key_with_a_larger_serial_than_all_before_is_not_looked_for_whoever_asks() -> None:
    store = MemoryStore()
    table = a_table(store)
    put(table, 7)
    commit(table, store)

    for owner in (table, a_table(store)):
        assert owner.may_hold([b"new", b"other"], [8, 9]) == ()
    assert a_table(store).may_hold([b"new", b"again"], [8, 7]) == [b"again"]


def test_what_a_failed_commit_said_is_said_again() -> None:
    store = MemoryStore()
    table = a_table(store)
    put(table, 3)
    commit(table, store, 1)
    put(table, 7)
    table.changes(2)
    table.abort()
    commit(table, store, 2)  # of nothing

    key = put(table, 5)
    commit(table, store, 3)

    assert a_table(store).may_hold([key], [5]) == [key]


def test_what_was_kept_before_serials_were_is_looked_for() -> None:
    store = MemoryStore()
    old = a_table(store, "")
    old.put_many({b"key": 1})
    old.keep_batch()
    commit(old, store)

    assert a_table(store).may_hold([b"key"], [1_000]) == [b"key"]


def test_serials_of_another_kind_are_not_compared() -> None:
    store = MemoryStore()
    table = a_table(store, "id")
    key = put(table, 7)
    commit(table, store)

    assert a_table(store, "lsn").may_hold([key], [1_000]) == [key]
