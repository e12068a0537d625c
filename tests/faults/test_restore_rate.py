"""How fast state comes back, beside merely reading the same changelogs on the same machine in the same minute."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.contracts import load_contracts
from streams.pipeline.compile import compile_topology
from streams.pipeline.topology import SubTopology
from streams.state.stores.base import Store
from streams.state.stores.rocksdb import RocksStore
from streams.worker.changelogs import ChangelogReader, Watch, _take
from tests.bench.workload import workload

from . import kafkalog
from .arena import Arena

LEAST_SHARE = 0.5


Ends = Mapping[tuple[str, int], int]
"""By changelog and partition."""


def options_of(arena: Arena, *, is_tuned: bool) -> dict[str, object]:
    """Of a client that merely reads; tuned as that of a restore, or as it comes but for its buffers."""
    held: dict[str, object] = {
        "bootstrap.servers": arena.brokers, "group.id": "reading", "isolation.level": "read_committed",
        "enable.partition.eof": True, "auto.offset.reset": "error", "enable.auto.commit": False,
        "queued.max.messages.kbytes": 65_536, "max.partition.fetch.bytes": 4 << 20, "fetch.wait.max.ms": 50,
    }  # fmt: skip
    return held | ({"fetch.queue.backoff.ms": 1, "fetch.wait.max.ms": 10} if is_tuned else {})


def merely_read(arena: Arena, ends: Ends, *, is_tuned: bool) -> tuple[int, float]:
    """(records, seconds) of a client that throws away what it reads."""
    begun, records, left = time.perf_counter(), 0, set(ends)
    reader = Consumer(options_of(arena, is_tuned=is_tuned))
    reader.assign([TopicPartition(*place, 0) for place in ends])
    while left:
        for message in _take(reader) if is_tuned else reader.consume(20_000, 0.2):
            records += message.error() is None
            if message.error() is not None:
                left.discard((message.topic(), message.partition()))
    reader.close()
    return records, time.perf_counter() - begun


def restore(arena: Arena, sub: SubTopology, ends: Ends, folder: Path) -> float:
    """Seconds for all tasks, at once as a worker does it, into stores that are empty."""

    def restored(number: int) -> Store:
        reader = ChangelogReader(
            {"bootstrap.servers": arena.brokers}, sub, number, watch=Watch(), fence_owner=lambda: True
        )
        targets = {topic: ends[topic, number] for _, topic in sub.changelogs}
        store = RocksStore(folder / str(number))
        assert reader.read(store, dict.fromkeys(targets, 0), targets) is not None
        return store

    begun = time.perf_counter()
    with ThreadPoolExecutor() as pool:
        stores = list(pool.map(restored, range(4)))
    seconds = time.perf_counter() - begun
    for store in stores:  # only when a task is given up
        store.close()
    return seconds


@pytest.mark.fault(
    "RESTORE", "a restore, beside merely reading the changelogs", protection="changelogs are applied in large batches"
)
def test_a_restore_is_at_least_half_as_fast_as_merely_reading(arena: Arena) -> None:
    arena.feed_events(workload(arena.pick(short=100_000, long=300_000), customers=100_000))  # a row for each
    arena.start_all("a")
    arena.await_done()
    assert arena.stop("a") == 0
    topology = compile_topology(load_contracts(arena.folder / "schemas"), app=arena.app, only=("w",))
    (sub,) = topology.subtopologies
    ends = {
        (topic, number): end
        for _, topic in sub.changelogs
        for number, end in kafkalog.ends(arena.brokers, topic, isolation="read_uncommitted").items()
    }
    read_s, tuned_s, restore_s = [], [], []
    for turn in range(3):  # in turns, and the best of each: machines are busy now and then
        records, seconds = merely_read(arena, ends, is_tuned=False)
        read_s.append(seconds)
        tuned_s.append(merely_read(arena, ends, is_tuned=True)[1])
        restore_s.append(restore(arena, sub, ends, arena.folder / f"restored-{turn}"))

    arena.figures["records"] = records
    arena.figures["read a second"] = round(records / min(read_s))
    arena.figures["restored a second"] = round(records / min(restore_s))
    arena.figures["share"] = round(min(read_s) / min(restore_s), 2)
    arena.figures["share of a tuned reader"] = round(min(tuned_s) / min(restore_s), 2)
    assert not arena.shard.is_long or arena.figures["share"] >= LEAST_SHARE
