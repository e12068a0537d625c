"""Load: events of four partitions, of which one asks a service that may be ill, and what becomes visible of them."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Consumer, Producer, TopicPartition

from .cluster import Cluster

ASKING, OTHERS = 0, (1, 2, 3)
ASKING_PER_SECOND = 50
ON_THEIR_WAY = 40
"""Events of each of the others that have been sent and whose results are not visible yet."""
ROWS = 500
"""Of each partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What became visible in some time."""

    name: str
    rate: float
    """Events of the others, a second."""
    median_ms: float
    """From when they were sent."""
    most_ms: float
    """99 % of them took less."""
    asking_rate: float


class Load:
    """Numbered events; those of each row are numbered upwards."""

    def __init__(self, brokers: str, source: str, results: str) -> None:
        self.sent = dict.fromkeys((ASKING, *OTHERS), 0)
        self._source = source
        self._producer = Producer({"bootstrap.servers": brokers, "linger.ms": 2, "enable.idempotence": True})
        self._consumer = Consumer(
            {"bootstrap.servers": brokers, "group.id": "tests", "isolation.level": "read_committed",
             "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 20}
        )  # fmt: skip
        partitions = self._consumer.list_topics(results, timeout=30).topics[results].partitions
        self._consumer.assign([TopicPartition(results, number, 0) for number in partitions])
        self._sent_s: dict[tuple[int, int], float] = {}
        self._visible: list[tuple[float, int, float]] = []
        """(when, partition, seconds on its way)."""

    # -- what is sent

    def _send(self, partition: int) -> None:
        number = self.sent[partition]
        id = partition * 1_000_000 + number % ROWS
        row = {"id": id, "code": f"code{number}" if partition == ASKING else None, "number": number}
        self._sent_s[partition, number] = time.monotonic()
        value, key = json.dumps(row).encode(), json.dumps({"id": id}).encode()
        self._producer.produce(self._source, value=value, key=key, partition=partition)
        self.sent[partition] = number + 1

    def _ask(self, is_over: threading.Event) -> None:
        while not is_over.wait(1 / ASKING_PER_SECOND):
            self._send(ASKING)
            self._producer.poll(0)

    def _go_on(self, is_over: threading.Event) -> None:
        for partition in OTHERS * ON_THEIR_WAY:
            self._send(partition)
        while not is_over.is_set():
            for partition in self._seen():
                if partition in OTHERS:
                    self._send(partition)
            self._producer.poll(0)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Events are sent meanwhile."""
        is_over = threading.Event()
        threads = [threading.Thread(target=run, args=(is_over,)) for run in (self._ask, self._go_on)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
            assert self._producer.flush(60) == 0

    # -- what becomes of it

    def _seen(self) -> list[int]:
        """Partitions of the events whose results have become visible."""
        found = []
        for message in self._consumer.consume(1_000, 0.02):
            row = json.loads(message.value() or b"{}")
            partition, now_s = row["id"] // 1_000_000, time.monotonic()
            self._visible.append((now_s, partition, now_s - self._sent_s.pop((partition, row["number"]))))
            found.append(partition)
        return found

    def count_visible(self, *partitions: int) -> int:
        """Events of ``partitions`` whose results are."""
        return sum(partition in partitions for _, partition, _ in tuple(self._visible))

    def let_pass(self, seconds: float, name: str = "") -> Phase:
        """What becomes visible meanwhile."""
        began_s = time.monotonic()
        time.sleep(seconds)
        ended_s = time.monotonic()
        visible = [held for held in tuple(self._visible) if began_s <= held[0] < ended_s]
        took_ms = sorted(took_s * 1_000 for _, partition, took_s in visible if partition in OTHERS) or [math.nan]
        others = sum(partition in OTHERS for _, partition, _ in visible)
        return Phase(
            name=name,
            rate=others / (ended_s - began_s),
            median_ms=took_ms[len(took_ms) // 2],
            most_ms=took_ms[len(took_ms) * 99 // 100],
            asking_rate=(len(visible) - others) / (ended_s - began_s),
        )

    def is_done(self, cluster: Cluster, instance: str) -> bool:
        """All of it has been read, and nothing waits for another attempt."""
        _, text = cluster.get(instance, "/metrics")
        waiting = re.findall(r"^cdc_waiting_events\{.*\} (\S+)$", text, re.M)
        return bool(text) and not any(map(float, waiting)) and cluster.lag(self._source) == 0
