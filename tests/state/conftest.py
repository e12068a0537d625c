"""What tests of state share: new stores of each kind."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from streams.state.stores.base import Store
from streams.state.stores.memory import MemoryStore
from streams.state.stores.rocksdb import RocksStore
from streams.worker.redis_stores import RedisStores

KINDS = ("memory", "rocksdb", "redis")


@pytest.fixture(scope="module", params=KINDS)
def new_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, stamp: Callable[[str], str]
) -> Iterator[Callable[[], Store]]:
    """Makes empty stores of one kind, of which a test may have four; they are closed in the end."""
    numbers = itertools.count()
    with ExitStack() as opened:
        if request.param == "memory":
            make: Callable[[], Store] = MemoryStore
        elif request.param == "rocksdb":
            folder = tmp_path_factory.mktemp("rocks")
            opened_before = [opened.enter_context(closing(RocksStore(folder / str(number)))) for number in range(4)]
            make = lambda: emptied(opened_before[next(numbers) % 4])  # noqa: E731
        else:
            stores = RedisStores(request.getfixturevalue("redis").url, stamp("app"))
            make = lambda: stores.open(("t", next(numbers)))  # noqa: E731
        yield make


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Store:
    """An empty store."""
    return new_store()


def emptied(store: Store) -> Store:
    """Instead of a new one: RocksDB takes its time to open."""
    store.write([(key, None) for key, _ in store.scan(b"", b"\xff" * 9)])
    return store
