"""Redis as a store: one owner, large writes in parts, and never an answer from entries that are not this worker's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis as client
from redis.exceptions import ConnectionError as LostConnectionError

from streams.embedded import EmbeddedRedis
from streams.state.changelog import MARKER_KEY, Marker, apply_changelogs, read_marker
from streams.state.overlay import store_key
from streams.state.stores import redis as redis_store
from streams.state.stores.base import StoreAwayError, StoreFailedError, StoreFullError, StoreLostError
from streams.state.stores.redis import RedisStore
from streams.worker.redis_stores import RedisStores, find_unfit

LOST = "is not as this worker left it: another worker has taken the task over, or the server was flushed"
ENTRIES = [(b"%06d" % number, b"x" * 500) for number in range(9_000)]
"""More than one script writes, and more than is sent at once."""


@pytest.fixture
def stores(redis: EmbeddedRedis, unique: Callable[[str], str]) -> RedisStores:
    return RedisStores(redis.url, unique("app"))


@pytest.fixture
def server(redis: EmbeddedRedis) -> Iterator[client.Redis]:
    """As somebody else sees the server."""
    with client.Redis.from_url(redis.url) as held:
        yield held


def content(store: RedisStore) -> dict[bytes, bytes]:
    return dict(store.scan(b"", b"\xff"))


def marked(number: int) -> list[tuple[bytes, bytes]]:
    """The last change of a write: up to where the store has come."""
    return [(b"\0marker", b"%d" % number)]


def test_a_store_is_found_again_as_it_was_left(stores: RedisStores) -> None:
    left = stores.open(("t", 0))
    left.write([(b"a", b"1"), (b"b", b"2"), *marked(1)])
    left.close()

    assert content(stores.open(("t", 0))) == {b"\0marker": b"1", b"a": b"1", b"b": b"2"}


def test_who_takes_a_store_over_ends_all_that_its_former_owner_can_do(stores: RedisStores) -> None:
    zombie = stores.open(("t", 0))
    zombie.write([(b"a", b"1"), *marked(1)])
    owner = stores.open(("t", 0))

    for attempt in (
        lambda: zombie.write([(b"a", b"2"), *marked(2)]),
        lambda: zombie.get_many([b"a"]),
        lambda: list(zombie.scan(b"", b"\xff")),
        zombie.empty,
    ):
        with pytest.raises(StoreLostError, match=LOST):
            attempt()

    assert content(owner) == {b"\0marker": b"1", b"a": b"1"}


def test_tasks_applications_and_topics_do_not_see_each_other(
    redis: EmbeddedRedis, unique: Callable[[str], str]
) -> None:
    first, second = (RedisStores(redis.url, unique("app")) for _ in range(2))
    held = [first.open(("t", 0)), first.open(("t", 1)), first.open(("u", 0)), second.open(("t", 0))]
    for number, store in enumerate(held):
        store.write(marked(number))

    assert [content(store) for store in held] == [{b"\0marker": b"%d" % number} for number in range(4)]


def test_all_keys_of_a_task_are_in_one_slot_and_begin_with_the_application(
    stores: RedisStores, server: client.Redis
) -> None:
    stores.open(("orders.v1", 3)).write([(b"a", b"1"), *marked(1)])

    names = [name.decode() for name in server.scan_iter(match="*:orders.v1:*")]
    assert len(names) == 2
    assert {re.sub(r"^(\{app-.*:3\}):orders\.v1:(rows|keys)$", "fits", name) for name in names} == {"fits"}


@pytest.mark.parametrize("ways", ["flush", "rows", "keys"])
def test_what_was_flushed_is_told_at_the_next_reading_and_never_taken_for_an_empty_table(
    stores: RedisStores, server: client.Redis, ways: str, unique: Callable[[str], str]
) -> None:
    store = stores.open(("t", 0))
    store.write([(b"a", b"1"), *marked(1)])
    keys = [key for key in server.scan_iter() if stores._app.encode() in key]
    server.delete(*[key for key in keys if ways == "flush" or key.endswith(ways.encode())])

    if ways != "keys":
        with pytest.raises(StoreLostError, match=LOST):
            store.get_many([b"a"])
    with pytest.raises(StoreLostError, match=LOST):
        list(store.scan(b"a", b"b"))
    assert content(stores.open(("t", 0))) == {}


def test_an_older_copy_of_the_server_is_told_at_the_next_reading(
    stores: RedisStores, server: client.Redis
) -> None:
    store = stores.open(("t", 0))
    store.write([(b"a", b"1"), *marked(1)])
    (rows,) = [key for key in server.scan_iter() if key.endswith(b"rows") and stores._app.encode() in key]
    before = server.dump(rows)
    store.write([(b"a", b"2"), *marked(2)])
    server.restore(rows, 0, before, replace=True)

    with pytest.raises(StoreLostError, match=LOST):
        store.get_many([b"a"])
    with pytest.raises(StoreLostError, match=LOST):
        store.write(marked(3))
    assert content(stores.open(("t", 0))) == {b"\0marker": b"1", b"a": b"1"}


def test_a_store_without_some_of_its_index_is_emptied_when_it_is_taken(
    stores: RedisStores, server: client.Redis
) -> None:
    store = stores.open(("t", 0))
    store.write([(b"a", b"1"), (b"b", b"1"), *marked(1)])
    (keys,) = [key for key in server.scan_iter() if key.endswith(b"keys") and stores._app.encode() in key]
    server.zrem(keys, b"a")

    assert stores.open(("t", 0)).get_many([b"a", b"b", b"\0marker"]) == [None, None, None]


@contextmanager
def breaking(monkeypatch: pytest.MonkeyPatch, *, before: int, after: int) -> Iterator[list[int]]:
    """The connection breaks at some writes: ``before`` they reach the server, or ``after`` it has done them."""
    sent: list[int] = []
    execute = RedisStore._execute

    def broken(self: RedisStore, script: str, calls: list[object]) -> list[object]:
        if script is not redis_store.WRITE:
            return execute(self, script, calls)
        sent.append(len(calls))
        if len(sent) == before:
            raise LostConnectionError
        answers = execute(self, script, calls)
        if len(sent) == after:
            raise LostConnectionError
        return answers

    with monkeypatch.context() as patch:
        patch.setattr(RedisStore, "_execute", broken)
        yield sent


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1), (2, 0), (0, 2)])
def test_a_write_goes_on_where_the_connection_broke(
    stores: RedisStores, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    monkeypatch.setattr(redis_store, "SENT_CHUNKS", 2)
    store = stores.open(("t", 0))
    with breaking(monkeypatch, before=before, after=after) as sent:
        store.write([*ENTRIES, *marked(1)])
    store.write(marked(2))

    assert len(sent) > 2
    assert content(store) == {**dict(ENTRIES), b"\0marker": b"2"}


def test_a_write_that_broke_off_stands_behind_its_marker_and_the_changelogs_make_it_whole(
    stores: RedisStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "SENT_CHUNKS", 1)
    before, log = Marker(changelogs={"t": 10}), [(key, value) for key, value in ENTRIES] + [(b"old", None)]
    dead = stores.open(("t", 0))
    apply_changelogs(dead, {"t": [(b"old", b"v"), (b"kept", b"v")]}, before)
    with breaking(monkeypatch, before=3, after=0), pytest.raises(StoreAwayError):
        monkeypatch.setattr(RedisStore, "_place_in", _die)
        dead.write([*[(store_key("t", key), value) for key, value in log], (MARKER_KEY, b"{}")])

    again = stores.open(("t", 0))
    torn = len(content(again))
    assert (read_marker(again), 1_000 < torn < len(ENTRIES)) == (before, True)
    apply_changelogs(again, {"t": log}, Marker(changelogs={"t": 20}))

    wanted = {store_key("t", key): value for key, value in [*ENTRIES, (b"kept", b"v")]}
    assert {key: value for key, value in content(again).items() if key != MARKER_KEY} == wanted


def _die(*_: object) -> int:
    raise StoreAwayError("the worker was killed")


def test_a_zombie_in_the_middle_of_a_write_is_stopped_there(
    stores: RedisStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "SENT_CHUNKS", 1)
    zombie = stores.open(("t", 0))
    taken: list[RedisStore] = []
    execute = RedisStore._execute

    def slow(self: RedisStore, script: str, calls: list[object]) -> list[object]:
        answers = execute(self, script, calls)
        if script is redis_store.WRITE and not taken:
            taken.append(stores.open(("t", 0)))
        return answers

    monkeypatch.setattr(RedisStore, "_execute", slow)
    with pytest.raises(StoreLostError, match=LOST):
        zombie.write([*ENTRIES, *marked(1)])

    assert taken[0].get_many([b"\0marker", ENTRIES[-1][0]]) == [None, None]


def test_an_older_copy_that_takes_the_server_s_place_in_the_middle_of_a_write_gets_no_marker(
    stores: RedisStores, server: client.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "SENT_CHUNKS", 1)
    store = stores.open(("t", 0))
    store.write(marked(1))
    copies = {key: server.dump(key) for key in server.scan_iter() if stores._app.encode() in key}
    execute = RedisStore._execute

    def swapped(self: RedisStore, script: str, calls: list[object]) -> list[object]:
        answers = execute(self, script, calls)
        if script is redis_store.WRITE and copies:
            for key in list(copies):
                server.restore(key, 0, copies.pop(key), replace=True)
        return answers

    monkeypatch.setattr(RedisStore, "_execute", swapped)
    with pytest.raises(StoreLostError, match=LOST):
        store.write([*ENTRIES, *marked(2)])

    assert content(stores.open(("t", 0))) == {b"\0marker": b"1"}


def test_a_scan_that_has_begun_does_not_see_what_is_deleted_then(stores: RedisStores) -> None:
    store = stores.open(("t", 0))
    store.write([*ENTRIES, *marked(1)])

    entries = store.scan(b"0", b"9")
    first = next(entries)
    store.write([*[(key, None) for key, _ in ENTRIES], *marked(2)])

    assert [first, *entries] == ENTRIES
    assert content(store) == {b"\0marker": b"2"}


def test_rows_a_megabyte_large_are_scanned_a_few_at_a_time(stores: RedisStores) -> None:
    store = stores.open(("t", 0))
    large = [(b"%03d" % number, b"x" * 100_000) for number in range(200)]
    store.write([*large, *marked(1)])

    assert list(store.scan(b"0", b"9")) == large


def test_an_emptied_store_is_still_its_owner_s(stores: RedisStores) -> None:
    store = stores.open(("t", 0))
    store.write([*ENTRIES, *marked(1)])

    stores.renew(("t", 0), store)
    assert content(store) == {}
    store.write([(b"a", b"2"), *marked(2)])

    assert content(store) == {b"a": b"2", b"\0marker": b"2"}


def test_a_full_server_refuses_a_write_as_a_whole_and_takes_it_when_it_has_room(
    stores: RedisStores, server: client.Redis
) -> None:
    store = stores.open(("t", 0))
    store.write([(b"a", b"1"), (b"gone", b"1"), *marked(1)])
    server.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreFullError, match="is full"):
            store.write([(b"a", b"2"), (b"gone", None), *marked(2)])
        held = content(store)
    finally:
        server.config_set("maxmemory", 0)
    store.write([(b"a", b"2"), (b"gone", None), *marked(2)])

    assert held == {b"a": b"1", b"gone": b"1", b"\0marker": b"1"}
    assert content(store) == {b"a": b"2", b"\0marker": b"2"}


def test_an_error_quotes_no_row(stores: RedisStores, server: client.Redis) -> None:
    store = stores.open(("t", 0))
    (rows,) = [key for key in server.scan_iter() if key.endswith(b"rows") and stores._app.encode() in key]
    server.set(rows, b"no hash")

    with pytest.raises(StoreFailedError, match=r"refuses a command \(WRONGTYPE\)") as caught:
        store.write([(b"a", b"ada@example.test"), *marked(1)])

    assert "ada@" not in f"{caught.value}{caught.value.__cause__}"


def test_a_server_that_is_not_there_is_named_after_a_while() -> None:
    stores = RedisStores("redis://me:secret@127.0.0.1:1/0", "app", patience_s=0.0)

    with pytest.raises(StoreAwayError, match=r"^Redis on 127\.0\.0\.1:1 does not answer \(ConnectionError\)$"):
        stores.prepare()


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"maxmemory_policy": "noeviction", "role": "master", "cluster_enabled": 0}, []),
        ({"maxmemory_policy": "allkeys-lru"}, ["its maxmemory-policy is allkeys-lru, and it would throw state away"]),
        ({"maxmemory_policy": "noeviction", "cluster_enabled": 1}, ["it is a Redis Cluster"]),
    ],
)
def test_a_server_that_might_forget_is_unfit(info: dict[str, object], said: list[str]) -> None:
    found = list(find_unfit(info))

    assert [problem[: len(start)] for problem, start in zip(found, said, strict=True)] == said
