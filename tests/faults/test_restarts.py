"""Workers that are stopped, started, added and taken away, one by one and all at once."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka

from .arena import Arena
from .judging import count_aborted, count_changelog
from .watching import time_at_work

WORKERS = ("a", "b", "c")
PATIENT = {"group.initial.rebalance.delay.ms": 3_000}
"""Kafka's own default: an empty group waits for more members before it hands out tasks. Embedded ones do not."""


@pytest.fixture
def patient_arena(tmp_path: Path, arena_of: Callable[[str], Arena]) -> Iterator[Arena]:
    """On a broker that gives whoever comes first no tasks of others that are about to come."""
    with EmbeddedKafka(tmp_path / "kafka", options=PATIENT) as kafka, arena_of(kafka.bootstrap) as held:
        yield held


@pytest.mark.fault("FT03", "kill -9 of all workers at once", protection="local state as of its marker is used again",
                   without="local_state")  # fmt: skip
def test_all_workers_killed_at_once_go_on_with_the_state_they_have(patient_arena: Arena) -> None:
    arena = patient_arena
    arena.start_all(*WORKERS, SABOTAGE="tell_restores")
    for _ in range(arena.pick(short=1, long=5)):
        with arena.load(0.2):
            time.sleep(arena.chance.uniform(5.0, 15.0))
            said = {name: len(arena.log(name)) for name in WORKERS}
            for name in WORKERS:
                arena.kill(name)
            arena.count("kills", len(WORKERS))
            for name in WORKERS:
                arena.start(name, SABOTAGE="tell_restores")
            arena.await_recovery()
        restored = sum(_restored(arena.log(name)[said[name] :]) for name in WORKERS)
        arena.note_most("restored records", restored)
        arena.note_most("state MB", sum(_size(arena.folder / "data" / arena.app / name) for name in WORKERS) / 1e6)

    arena.judge()
    held = count_changelog(arena)
    arena.figures["changelog records"] = held
    assert arena.figures["restored records"] < held / 5, "stores were rebuilt that were there"


def _restored(said: str) -> int:
    return sum(map(int, re.findall(r"restored (\d+) records", said)))


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.fault("FT04", "SIGTERM under load, worker after worker", protection="a last checkpoint before leaving",
                   without="last_checkpoint")  # fmt: skip
def test_rolling_restarts_repeat_nothing_and_lose_nothing(arena: Arena) -> None:
    arena.restartable.clear()
    arena.start_all(*WORKERS)
    with arena.load(0.1):
        for _, name in zip(range(arena.pick(short=2, long=50)), itertools.cycle(WORKERS), strict=False):
            arena.stop_one(name)
            assert arena.workers[name].returncode == 0
            arena.count("restarted")
            arena.start(name)
            arena.await_recovery()

    arena.judge()
    repeated = count_aborted(arena)
    arena.figures["work done twice"] = repeated
    assert repeated == 0


@pytest.mark.fault("FT10", "workers join and leave, all the time",
                   protection="a last checkpoint before giving up tasks", without="last_checkpoint")  # fmt: skip
def test_a_storm_of_rebalances_loses_and_repeats_nothing(arena: Arena) -> None:
    arena.start_all("a", "b")
    with arena.load(0.1), time_at_work(arena):
        for number in range(arena.pick(short=1, long=15)):
            name = f"j{number % 3}"
            arena.start(name)
            arena.await_that(lambda name=name: arena.has_tasks(name), "tasks for who has joined")  # type: ignore[misc]
            time.sleep(arena.chance.uniform(0.0, arena.pick(short=0.5, long=10.0)))
            if arena.chance.random() < 0.7:
                arena.stop_one(name)
            arena.retire(name)
            arena.count("joins and leaves", 2)
            arena.await_recovery()

    arena.judge()


