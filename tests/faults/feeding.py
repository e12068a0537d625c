"""Feeding: orders at a steady rate from another thread, and how many of them Kafka has acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from confluent_kafka import Producer

from tests.bench.workload import SourceEvent

PARTS_A_SECOND = 10
Make = Callable[[int, int], Iterable[SourceEvent]]
"""``count`` events, numbered from ``first`` on."""


class Feeder:
    """A context manager that feeds as long as its block lasts; whatever Kafka acknowledged must have its effect."""

    def __init__(self, brokers: str, topic: str, *, rate: float, first: int, make: Make) -> None:
        self._topic = topic
        self.per_part = max(1, int(rate / PARTS_A_SECOND))
        self.next = first
        self._make = make
        self.acknowledged = 0
        self.refused: list[str] = []
        self._trouble: BaseException | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder")
        # Without idempotence a batch that is sent again comes behind the next one.
        self._producer = Producer({
            "bootstrap.servers": brokers, "partitioner": "murmur2_random", "linger.ms": 5, "enable.idempotence": True,
            "queue.buffering.max.messages": 2_000_000, "message.timeout.ms": 0,
        })  # fmt: skip

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        self._thread.join()
        if self._trouble is not None and error is None:
            raise RuntimeError("the feeder ended by itself") from self._trouble

    def _run(self) -> None:
        try:
            self._feed()
        except BaseException as error:
            self._trouble = error

    def _feed(self) -> None:
        due = time.monotonic()
        while not self._is_over.is_set():
            self.send(self._make(self.per_part, self.next))
            self.next += self.per_part
            due = max(due + 1 / PARTS_A_SECOND, time.monotonic() - 1)  # no more than a second is made up for
            self._is_over.wait(max(0.0, due - time.monotonic()))
        if self._producer.flush(120):
            raise TimeoutError("Kafka takes no orders")

    def send(self, events: Iterable[SourceEvent]) -> None:
        for event in events:
            self._producer.produce(self._topic, event.value, event.key, on_delivery=self._note)
        self._producer.poll(0)

    def _note(self, error: Any, message: Any) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self.refused.append(error.name())
