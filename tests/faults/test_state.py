"""State that is broken, gone or foreign is rebuilt for its partition alone, or refused by name; never seen in part."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.state.changelog import MARKER_KEY, Marker, encode_marker, read_marker
from streams.state.stores.rocksdb import RocksStore
from streams.worker.stop import ExitCode

from . import kafkalog
from .arena import Arena
from .judging import judge_topics, set_options

Damage = Callable[[Path], None]


def table_files(folder: Path) -> None:
    """Every block of every sorted file is something else."""
    files = list(folder.glob("*.sst"))
    assert files, "the store has no sorted file to break"
    for file in files:
        whole = bytearray(file.read_bytes())
        whole[: len(whole) // 2] = bytes(255 - byte for byte in whole[: len(whole) // 2])
        file.write_bytes(whole)


def manifest(folder: Path) -> None:
    for file in folder.glob("MANIFEST-*"):
        file.write_bytes(b"garbage" * 1_000)


def current(folder: Path) -> None:
    (folder / "CURRENT").write_bytes(b"")


def marker_gone(folder: Path) -> None:
    rewrite(folder, lambda marker: None)


def marker_ahead(folder: Path) -> None:
    """Of a changelog's end: it was truncated, or the store is another broker's."""

    def ahead(marker: Marker) -> Marker:
        changelogs = {topic: at + 1_000_000 for topic, at in marker.changelogs.items()}
        return Marker(changelogs=changelogs, sources=marker.sources, fingerprint=marker.fingerprint)

    rewrite(folder, ahead)


def foreign(folder: Path) -> None:
    """Another application's folder."""
    rewrite(folder, lambda marker: Marker(fingerprint="of another plan", sources=marker.sources))


def rewrite(folder: Path, change: Callable[[Marker], Marker | None]) -> None:
    store = RocksStore(folder)
    marker = change(read_marker(store))
    # An entry that no changelog knows: whoever goes on with this store shows it.
    store.write([(MARKER_KEY, None if marker is None else encode_marker(marker)), (b"totals_by_customer\0ghost", b"?")])
    store.close()


ALL: tuple[tuple[Damage, ...], ...] = ((table_files, manifest, current, marker_gone), (marker_ahead, foreign))
"""Partition by partition."""


@pytest.mark.fault(
    "FT19", "broken and foreign local state", protection="a store is held against its marker before it is used",
    without="markers", short=True,
)  # fmt: skip
def test_broken_state_is_rebuilt_for_its_partition_alone(arena: Arena) -> None:
    arena.restartable.add(ExitCode.STORE_FAILED)  # what cannot be read may be found only while it is used
    orders = arena.pick(short=2_000, long=100_000)
    arena.feed(orders)
    arena.start_all("a")
    arena.await_done()
    for turn, damages in enumerate(ALL, start=1):
        assert arena.stop("a") == 0
        said = len(arena.log("a"))
        for number, damage in enumerate(damages):
            damage(arena.state("a", number))
        arena.feed(orders, first=turn * orders)
        arena.start("a")
        arena.await_done()

        rebuilt = re.findall(r"local state \S+/(\d+) is [^\n]*: rebuilding", arena.log("a")[said:])
        assert sorted(set(map(int, rebuilt))) == list(range(len(damages)))
    assert arena.figures.get("restarts", 0) <= 1, "one start that fails is the most"

    arena.judge()


def refused(arena: Arena) -> str:
    """The last words of a worker that does not start; it never was ready, so nobody has seen a part of the state."""
    said = len(arena.log("a"))
    arena.start("a")
    deadline = time.monotonic() + 60
    while arena.workers["a"].poll() is None:
        assert arena.get("a", "/health/ready")[0] != 200, "it serves"
        assert time.monotonic() < deadline, "it neither serves nor ends"
        time.sleep(0.1)
    assert arena.workers["a"].returncode == ExitCode.STATE_REFUSED, arena.log("a")[-2_000:]
    return arena.log("a")[said:]


def cut(arena: Arena, topic: str, share: float) -> None:
    """Delete this share of all partitions of a changelog, from the start; Kafka lets nobody who merely compacts."""
    ends = kafkalog.ends(arena.brokers, topic, isolation="read_uncommitted")
    admin = AdminClient({"bootstrap.servers": arena.brokers})
    set_options(arena.brokers, topic, {"cleanup.policy": "compact,delete", "retention.ms": "-1"})
    places = [TopicPartition(topic, number, int(end * share)) for number, end in ends.items()]

    def is_done() -> bool:
        try:
            return all(future.result(30) is not None for future in admin.delete_records(places).values())
        except KafkaException:  # the option has not come to the broker yet
            return False

    arena.await_that(is_done, "records are deleted", revives=False)


@pytest.mark.fault(
    "FT20", "a changelog's head deleted, all of it, the topic re-created",
    protection="a restore asks where a changelog begins, and what its topic is called", without="heads", short=True,
)  # fmt: skip
def test_a_changelog_that_lost_something_is_refused_or_not_needed(arena: Arena) -> None:
    changelog = f"{arena.app}-totals_by_customer-changelog"
    arena.feed(2_000)
    arena.start_all("a")
    arena.await_done()
    assert arena.stop("a") == 0

    cut(arena, changelog, 0.5)
    arena.feed(500, first=2_000)
    arena.start_all("a")  # its own state is whole: nothing of what is gone is needed
    arena.await_done()
    assert arena.stop("a") == 0
    judge_topics(arena, but=changelog)
    for share in (0.5, 1.0):
        cut(arena, changelog, share)
        shutil.rmtree(arena.state("a", 0).parent, ignore_errors=True)
        assert re.search(rf"{changelog}\[\d\] begins at \d+: what was before has been deleted", refused(arena))
    admin = AdminClient({"bootstrap.servers": arena.brokers})
    admin.delete_topics([changelog])[changelog].result(30)
    assert "the changelog topic of totals_by_customer was deleted and re-created" in refused(arena)


def owned(arena: Arena, instance: str) -> int:
    """Tasks that a worker has and that are restored; 0 where it does not answer."""
    status, body = arena.get(instance, "/health/ready")
    return len(json.loads(body)["tasks"]) if status == 200 else 0


@pytest.mark.fault("FT21", "failover under write load", protection="tasks are restored from changelogs to their ends",
                   without="whole_restores")  # fmt: skip
def test_who_takes_over_under_load_has_the_same_state(arena: Arena) -> None:
    """There are no standbys: the other worker restores, from its own disk what it had before."""
    arena.start_all("a", "b")
    with arena.load(0.2):
        for turn in range(arena.pick(short=2, long=20)):
            gone, left = ("a", "b") if turn % 2 else ("b", "a")
            arena.kill(gone)
            del arena.workers[gone]
            took = arena.await_that(lambda left=left: owned(arena, left) == 4, f"{left} takes over")  # type: ignore[misc]
            arena.note_most("failover s", took)
            arena.count("failovers")
            arena.start(gone)
            arena.await_that(lambda: arena.has_tasks("a", "b"), "both have tasks")

    arena.judge()
