"""Random faults under load, by seed: whatever happens to workers, each event has its effect once.

``make faults``: ten seeds. ``SEEDS=3-8 make faults`` takes others, ``SEEDS=4`` one again. The long suite with broken
disks, brokers and networks arrives later.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka
from tests.integration.orders_cluster import OrdersCluster

pytestmark = [pytest.mark.faults]

WORKERS = ("a", "b", "c")
PARTS, PART = 12, 15_000
SLEEP_S = 13.0
"""Longer than the session: the group gives the sleeper's tasks to others."""


def seeds() -> list[int]:
    first, _, last = os.environ.get("SEEDS", "1-10").partition("-")
    return list(range(int(first), int(last or first) + 1))


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[OrdersCluster]:
    with OrdersCluster(kafka.bootstrap, tmp_path, unique) as held:
        yield held


class Chaos:
    """What may happen to workers; each leaves all of them running."""

    def __init__(self, cluster: OrdersCluster, chance: random.Random) -> None:
        self._cluster = cluster
        self._chance = chance
        self.history: list[str] = []

    def strike(self) -> None:
        """One fault."""
        names = self._chance.sample(WORKERS, 3)
        fault = self._chance.choice((self.kill, self.kill, self.kill_two, self.stop, self.sleep, self.lose_state))
        self.history.append(f"{fault.__name__} {names}")
        fault(names)

    def kill(self, names: list[str]) -> None:
        self._cluster.kill(names[0])
        self._cluster.start(names[0])

    def kill_two(self, names: list[str]) -> None:
        self.kill(names)
        self.kill(names[1:])

    def stop(self, names: list[str]) -> None:
        # A worker that has just been started does not know SIGTERM yet, and ends by it.
        assert self._cluster.stop(names[0]) in (0, -signal.SIGTERM)
        self._cluster.start(names[0])

    def sleep(self, names: list[str]) -> None:
        worker = self._cluster.workers[names[0]]
        worker.send_signal(signal.SIGSTOP)
        time.sleep(SLEEP_S)
        worker.send_signal(signal.SIGCONT)

    def lose_state(self, names: list[str]) -> None:
        self._cluster.kill(names[0])
        shutil.rmtree(self._cluster.folder / "data" / self._cluster.app / names[0], ignore_errors=True)
        self._cluster.start(names[0])

    def revive(self) -> None:
        """Crash only: whoever ended with a code that a new start helps against is started again."""
        for name, worker in self._cluster.workers.items():
            if worker.poll() is not None:
                assert worker.returncode in (3, 4), self._cluster.log(name)[-2_000:]
                self._cluster.start(name)


@pytest.mark.parametrize("seed", seeds())
def test_whatever_happens_to_workers_each_event_has_its_effect_once(cluster: OrdersCluster, seed: int) -> None:
    chance = random.Random(seed)
    for name in WORKERS:
        cluster.start(name)
    feeder = threading.Thread(target=_feed, args=(cluster, seed))
    feeder.start()
    chaos = Chaos(cluster, chance)
    while feeder.is_alive():
        time.sleep(chance.uniform(0.5, 4.0))
        chaos.revive()
        chaos.strike()
    feeder.join()
    deadline = time.monotonic() + 180
    while cluster.lag(cluster.source) and time.monotonic() < deadline:
        chaos.revive()
        time.sleep(0.5)

    print(chaos.history)
    cluster.assert_exactly_once()


def _feed(cluster: OrdersCluster, seed: int) -> None:
    for part in range(PARTS):
        cluster.feed(PART, part * PART, seed=seed)
        time.sleep(3.0)
