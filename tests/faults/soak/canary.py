"""Canary: an order a partition every ten seconds, through all that other orders go through, and how long each took."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from .notes import Beat, Notes
from .orders import Orders

EVERY_S = 10.0
MISSING_S = 60.0
"""So long may a canary be away while nothing is broken."""
ALLOWANCE_S = 25.0
"""Session time-out + 15 s: so long after it was healed a fault still excuses."""
Window = tuple[float, float]
"""When something was broken: from, to."""


def quiet_s(since_s: float, until_s: float, windows: Iterable[Window]) -> float:
    """Seconds of a stretch in which nothing was broken; windows may overlap.

    >>> quiet_s(10, 100, [(0, 20), (50, 60), (55, 70), (95, 200)])
    55.0
    """
    quiet, at_s = 0.0, since_s
    for begun_s, ended_s in sorted(windows):
        quiet += max(0.0, min(begun_s, until_s) - at_s)
        at_s = max(at_s, ended_s)
    return quiet + max(0.0, until_s - at_s)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank; ``None`` of nothing.

    >>> percentile([3, 1, 2, 4], 0.5), percentile(range(1, 101), 0.99)
    (2, 99)
    """
    if not values:
        return None
    return sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]


class Watch:
    """Which canaries are under way, which are missing, and how long those took that came."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[int, float]] = {}
        self._is_told: set[int] = set()
        self._beats: list[Beat] = []
        self._lock = threading.Lock()

    def send(self, number: int, partition: int, now_s: float) -> None:
        with self._lock:
            self._waiting[number] = partition, now_s

    def arrive(self, number: int, now_s: float) -> Beat | None:
        """``None``: nobody waits for it, or not any more."""
        with self._lock:
            if (sent := self._waiting.pop(number, None)) is None:
                return None
            beat = Beat(partition=sent[0], sent_s=sent[1], latency_s=round(now_s - sent[1], 4))
            self._beats.append(beat)
            return beat

    def missing(self, now_s: float, windows: Sequence[Window]) -> list[tuple[int, float]]:
        """(partition, when it was sent) of canaries that have been away for too long; each is told once."""
        excused = [(begun_s, ended_s + ALLOWANCE_S) for begun_s, ended_s in windows]
        with self._lock:
            found = [
                number for number, (_, sent_s) in self._waiting.items()
                if number not in self._is_told and quiet_s(sent_s, now_s, excused) > MISSING_S
            ]  # fmt: skip
            self._is_told.update(found)
            return [self._waiting[number] for number in found]

    def latencies(self, since_s: float, until_s: float) -> list[float]:
        """Of canaries that were sent then and have come."""
        with self._lock:
            return [beat.latency_s for beat in reversed(self._beats) if since_s <= beat.sent_s <= until_s]

    def is_calm(self, since_s: float, now_s: float, limit_s: float) -> bool:
        """Whether every canary sent since then took no longer than the limit, and none has been away for so long."""
        took = self.latencies(since_s, now_s)
        return bool(took) and max(took) <= limit_s and not self.is_late(now_s, limit_s)

    def is_late(self, now_s: float, limit_s: float) -> bool:
        """Whether one has been away for longer than that."""
        with self._lock:
            return any(now_s - sent_s > limit_s for _, sent_s in self._waiting.values())

    @property
    def under_way(self) -> int:
        return len(self._waiting)


class Canary:
    """The one that sends and the one that reads what is committed, a thread each; a context manager."""

    def __init__(self, brokers: str, topics: tuple[str, str], orders: Orders, notes: Notes) -> None:
        """``topics``: the source, and where orders are published."""
        self._source, self._published = topics
        self._brokers = brokers
        self._orders = orders
        self._notes = notes
        self.watch = Watch()
        self.acknowledged = 0
        self.trouble: list[str] = []
        """What ended a thread."""
        self._is_over, self._is_sent = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._guard, args=(work,)) for work in (self._send, self._receive)]

    def __enter__(self) -> Canary:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_sent.set()
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def end_sending(self) -> None:
        """No more canaries; those under way are still waited for."""
        self._is_sent.set()
        self._threads[0].join()

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.trouble.append(f"the canary's thread ended: {type(error).__name__}: {error}")

    def _send(self) -> None:
        producer = Producer({"bootstrap.servers": self._brokers, "partitioner": "murmur2_random", "linger.ms": 0,
                             "enable.idempotence": True, "message.timeout.ms": 0, "log_level": 0})  # fmt: skip
        due_s = self._notes.clock()
        while not self._is_sent.is_set():
            for partition in self._orders.canary_keys.values():
                number, event = self._orders.canary(partition)
                self.watch.send(number, partition, self._notes.clock())
                producer.produce(self._source, event.value, event.key, on_delivery=self._note)
            due_s = max(due_s + EVERY_S, self._notes.clock())
            while not self._is_sent.is_set() and self._notes.clock() < due_s:
                producer.poll(0.2)
        producer.flush(60)

    def _note(self, error: Any, message: Any) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self.trouble.append(f"Kafka refused a canary: {error.name()}")

    def _receive(self) -> None:
        keys = self._orders.canary_keys
        reader = Consumer({"bootstrap.servers": self._brokers, "group.id": "canary", "fetch.wait.max.ms": 50,
                           "isolation.level": "read_committed", "enable.auto.commit": False, "log_level": 0,
                           "auto.offset.reset": "earliest"})  # fmt: skip
        reader.assign([TopicPartition(self._published, number, 0) for number in keys.values()])
        while not self._is_over.is_set():
            for message in reader.consume(1_000, 0.05):
                if message.error() is None and message.key() in keys:
                    number = json.loads(message.value())["id"]
                    if (beat := self.watch.arrive(number, self._notes.clock())) is not None:
                        self._notes.add(beat)
        reader.close()
