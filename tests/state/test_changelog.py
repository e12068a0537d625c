"""Changelogs: what they hold rebuilds the store, whatever the restore is cut into."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.state.changelog import (
    EMPTIED_KEY,
    MARKER_KEY,
    Marker,
    apply_changelogs,
    changelog_topic,
    decode_marker,
    encode_marker,
    read_marker,
)
from streams.state.overlay import TableSpec, store_key
from streams.state.stores.base import Store
from streams.state.stores.memory import MemoryStore
from streams.state.table import Table


def content(store: Store) -> list[tuple[bytes, bytes]]:
    """Everything but the marker."""
    return [(key, value) for key, value in store.scan(b"", b"\xff" * 9) if key != MARKER_KEY]


def test_a_new_store_has_come_nowhere(store: Store) -> None:
    assert read_marker(store) == Marker()


def test_a_marker_comes_back_as_it_went() -> None:
    marker = Marker(changelogs={"a": 1}, sources={"b": 2}, fingerprint="f", written_ms=3)

    assert decode_marker(encode_marker(marker)) == marker


@pytest.mark.parametrize("value", [b"", b"[]", b'{"sources":[]}', b"\xff"])
def test_what_is_no_marker_is_refused(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_marker(value)


def test_names_keep_apart_applications_and_tables() -> None:
    assert changelog_topic("app", "orders") == "app-orders-changelog"
    assert store_key("orders", b"k") != store_key("order", b"sk")


def test_marker_records_are_not_entries(store: Store) -> None:
    marker = Marker(changelogs={"t": 2})

    apply_changelogs(store, {"t": [(b"k", b"v"), (MARKER_KEY, encode_marker(Marker(sources={"s": 9})))]}, marker)

    assert (content(store), read_marker(store)) == ([(store_key("t", b"k"), b"v")], marker)


KEYS = st.binary(max_size=2)
CHECKPOINTS = st.lists(st.dictionaries(KEYS, st.none() | st.integers(0, 9), max_size=4), max_size=8)


@settings(max_examples=60, deadline=None)
@given(CHECKPOINTS, st.integers(1, 5))
def test_the_changelog_rebuilds_the_store_that_wrote_it(
    new_store: Callable[[], Store], checkpoints: list[dict[bytes, int | None]], run: int
) -> None:
    written, log = new_store(), []
    spec: TableSpec[int] = TableSpec(changelog="t", prefix=b"s", encode=lambda value: b"%d" % value, decode=int)
    table = Table(spec, written)
    for values in checkpoints:
        table.put_many(values)
        table.keep_batch()
        changes = table.changes(1)
        log += changes.records
        written.write(changes.entries)
        table.commit()

    rebuilt = new_store()
    for start in range(0, len(log), run):
        apply_changelogs(rebuilt, {"t": log[start : start + run]}, Marker(changelogs={"t": start + run}))

    assert content(rebuilt) == content(written)
    assert dict(Table(spec, rebuilt).scan()) == dict(table.scan())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=2)), max_size=12))
def test_a_compacted_changelog_rebuilds_the_same(log: list[tuple[bytes, bytes | None]]) -> None:
    last = {key: place for place, (key, _) in enumerate(log)}
    compacted = [(key, value) for place, (key, value) in enumerate(log) if last[key] == place]
    whole, short = MemoryStore(), MemoryStore()

    apply_changelogs(whole, {"t": log}, Marker())
    apply_changelogs(short, {"t": compacted}, Marker())

    assert content(whole) == content(short)


@settings(max_examples=60, deadline=None)
@given(CHECKPOINTS, CHECKPOINTS, st.integers(1, 5), st.integers(0, 40))
def test_a_changelog_that_was_emptied_rebuilds_what_came_since_in_stores_of_any_age(
    new_store: Callable[[], Store],
    before: list[dict[bytes, int | None]],
    after: list[dict[bytes, int | None]],
    run: int,
    known: int,
) -> None:
    def records(checkpoints: list[dict[bytes, int | None]]) -> list[tuple[bytes, bytes | None]]:
        return [(b"s" + key, None if n is None else b"%d" % n) for held in checkpoints for key, n in held.items()]

    log = [*records(before), (EMPTIED_KEY, b"1"), *records(after)]
    store, fresh = new_store(), MemoryStore()
    store.write([(store_key("other", b"k"), b"v")])
    apply_changelogs(store, {"t": log[:known]}, Marker())
    for start in range(known, len(log), run):
        apply_changelogs(store, {"t": log[start : start + run]}, Marker())
    apply_changelogs(fresh, {"t": records(after)}, Marker())

    assert content(store) == sorted([*content(fresh), (store_key("other", b"k"), b"v")])
