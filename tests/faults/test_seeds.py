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
from tests.bench.measure import SCHEMAS
from tests.bench.oracle import differences, expected, published
from tests.bench.workload import workload
from tests.integration.cluster import Cluster, produce

pytestmark = [pytest.mark.faults]

WORKERS = ("a", "b", "c")
PARTS, PART = 12, 15_000
SLEEP_S = 13.0
"""Longer than the session: the group gives the sleeper's tasks to others."""


def seeds() -> list[int]:
    first, _, last = os.environ.get("SEEDS", "1-10").partition("-")
    return list(range(int(first), int(last or first) + 1))


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    app = unique("seeds")
    schemas = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, schemas)
    pipeline = schemas / "pipelines" / "w.yaml"
    text = pipeline.read_text().replace("bench.", f"{app}.")
    pipeline.write_text(text.replace(f"iglu:com.acme.{app}.", "iglu:com.acme.bench."))
    with Cluster(kafka.bootstrap, schemas, tmp_path, app) as held:
        held.create_topic(f"{app}.orders.v1")
        yield held


class Chaos:
    """What may happen to workers; each leaves all of them running."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
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
def test_whatever_happens_to_workers_each_event_has_its_effect_once(cluster: Cluster, seed: int) -> None:
    source, chance = f"{cluster.app}.orders.v1", random.Random(seed)
    for name in WORKERS:
        cluster.start(name)
    feeder = threading.Thread(target=_feed, args=(cluster.brokers, source, seed))
    feeder.start()
    chaos = Chaos(cluster, chance)
    while feeder.is_alive():
        time.sleep(chance.uniform(0.5, 4.0))
        chaos.revive()
        chaos.strike()
    feeder.join()
    deadline = time.monotonic() + 180
    while cluster.lag(source) and time.monotonic() < deadline:
        chaos.revive()
        time.sleep(0.5)

    wanted, dead = expected(cluster.read(source))
    found = differences(wanted, published(cluster.read(f"{cluster.app}.enriched.v1")))
    letters = len(cluster.read(f"{cluster.app}.orders.v1-dlt"))
    assert (found, letters) == (dict.fromkeys(found, 0), dead), chaos.history


def _feed(brokers: str, source: str, seed: int) -> None:
    for part in range(PARTS):
        events = workload(PART, first=part * PART, seed=seed)
        produce(brokers, source, ({"key": event.key, "value": event.value} for event in events))
        time.sleep(3.0)
