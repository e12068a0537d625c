"""Stores: which of them a worker has, on which servers it does not begin, and what a rebalance leaves of a restore."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import redis as client

from streams.embedded import EmbeddedRedis
from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.state.stores.base import StoreAwayError, StoreLostError
from streams.worker.changelogs import Watch
from streams.worker.redis_stores import RedisStores
from streams.worker.restore import Restorer
from streams.worker.starts import Start, Starts
from streams.worker.stores import FolderStores, MemoryStores, stores_of

from .builders import TOPIC, a_topology


@pytest.fixture
def server(redis: EmbeddedRedis) -> Iterator[client.Redis]:
    """As somebody else sees it; its settings are put back."""
    with client.Redis.from_url(redis.url) as held:
        yield held
        held.config_set("maxmemory-policy", "noeviction")
        held.replicaof("NO", "ONE")


def test_the_setting_decides_where_tables_are_kept(tmp_path: Path) -> None:
    kinds = [
        type(stores_of(Settings(store=store, data=tmp_path), "a"))
        for store in ("memory://", "rocksdb://", "redis://h:1/2")
    ]

    assert kinds == [MemoryStores, FolderStores, RedisStores]


def test_the_address_of_a_server_may_have_an_alias_and_its_password_is_not_told() -> None:
    settings = Settings(store="redis://me:secret@tables:1/0", hosts={"tables": "127.0.0.1:7"})
    stores = stores_of(settings, "a")

    assert stores.name_of((TOPIC, 3)) == f"state of {TOPIC}[3] in Redis on 127.0.0.1:7"


def test_a_server_that_may_throw_state_away_is_refused(redis: EmbeddedRedis, server: client.Redis) -> None:
    stores = RedisStores(redis.url, "app")
    stores.prepare()
    server.config_set("maxmemory-policy", "allkeys-lru")

    with pytest.raises(ConfigurationError, match=r"STREAMS_STORE: its maxmemory-policy is allkeys-lru"):
        stores.prepare()


def test_a_replica_is_waited_for_to_become_a_primary(redis: EmbeddedRedis, server: client.Redis) -> None:
    server.replicaof("127.0.0.1", 1)

    with pytest.raises(StoreAwayError, match=r"does not answer \(ReadOnlyError\)"):
        RedisStores(redis.url, "app", patience_s=0.0).prepare()


def test_an_option_that_the_client_does_not_know_is_wrong_use(redis: EmbeddedRedis) -> None:
    with pytest.raises(ConfigurationError, match=r"STREAMS_STORE: its options are not ones of the client"):
        RedisStores(f"{redis.url}?colour=red", "app").prepare()


class Taken(MemoryStores):
    """Somebody else was quicker."""

    def open(self, place: object) -> NoReturn:
        raise StoreLostError("state")


class NothingRead(Starts):
    """A broker whose topics are all empty."""

    def bounds(self, topics: object, partition: int) -> dict[str, tuple[int, int]]:
        return dict.fromkeys(topics, (0, 0))  # type: ignore[call-overload]


@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_store_that_a_rebalance_gave_to_another_worker_is_no_failure(tmp_path: Path, is_wanted: bool) -> None:
    (sub,) = a_topology(tmp_path).subtopologies
    restorer = Restorer({}, NothingRead({}, app="app"), stores=Taken(), topic_ids={}, instance_left=lambda owner: True)
    starts = {TOPIC: Start(offset=0, is_first=True, metadata=None)}
    watch = Watch(is_wanted=lambda: is_wanted)

    if is_wanted:
        with pytest.raises(StoreLostError):
            restorer.restore(sub, 0, starts, watch)
    else:
        assert restorer.restore(sub, 0, starts, watch) is None
