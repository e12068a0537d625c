"""Load: the same rate for a long time. Does an event cost more in the end, does memory grow?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice

from confluent_kafka import Producer

from tests.bench.jobs import ORDERS, W
from tests.bench.measure import Bench
from tests.bench.workload import SourceEvent, workload

from .course import Course
from .observe import Observer, wait_begun

PART = 1_000_000


class Feeder(threading.Thread):
    """Sends orders at a rate until it is told to stop."""

    def __init__(self, brokers: str, topic: str, rate: float) -> None:
        super().__init__(daemon=True)
        self._producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random", "linger.ms": 5,
                                   "queue.buffering.max.messages": 1_000_000, "enable.idempotence": True})  # fmt: skip
        self._topic = topic
        self._rate = rate
        self._stop_asked = threading.Event()
        self.sent = 0

    def run(self) -> None:
        events = _endless()
        begun = time.monotonic()
        while not self._stop_asked.wait(0.01):
            due = int((time.monotonic() - begun) * self._rate) - self.sent
            for event in islice(events, due):
                self._producer.produce(self._topic, event.value, event.key)
            self.sent += due
            self._producer.poll(0)
        self._producer.flush(60)

    def end(self) -> int:
        """Stop; how many were sent."""
        self._stop_asked.set()
        self.join()
        return self.sent


def _endless() -> Iterator[SourceEvent]:
    first = 0
    while True:
        yield from workload(PART, first=first)
        first += PART


def study_load(bench: Bench, rate: float, seconds: float) -> Course:
    """A worker under ``rate`` events a second for so long; all of it is read in the end."""
    sources = bench.preload(W, 0)
    with bench.cluster(W, sources) as cluster:
        pid = bench.start(cluster, "bench")
        wait_begun(cluster, "bench")
        observer, feeder = Observer(cluster, pid, sources[ORDERS]), Feeder(bench.brokers, sources[ORDERS], rate)
        feeder.start()
        deadline = time.monotonic() + seconds
        observer.until(lambda _: time.monotonic() >= deadline, patience_s=seconds + 60)
        sent = feeder.end()
        return observer.until(lambda done: done >= sent, patience_s=600)
