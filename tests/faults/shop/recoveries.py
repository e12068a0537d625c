"""Recoveries: how long it takes after each kill until all that was struck moves again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.faults import kafkalog
from tests.faults.arena import RECOVERY_S, Arena

PARTITIONS = 3


class Recoveries:
    """Kills whose end is not seen yet; each that is over is a figure of the arena."""

    def __init__(self, arena: Arena, topics: list[str]) -> None:
        self._arena, self._topics = arena, topics
        self._reader = Consumer({"bootstrap.servers": arena.brokers, "group.id": arena.app, "log_level": 0})
        self._open: list[tuple[str, float, Callable[[], bool]]] = []

    def close(self) -> None:
        self._reader.close()

    def of_worker(self) -> None:
        """Over once each partition of a source has gone on, or has nothing left of what was there at the kill.

        The last place of a partition is the mark of a transaction of the capture, and no record.
        """
        ends, before = self.ends(), self.committed()

        def is_over() -> bool:
            now = self.committed()
            return bool(now) and all(now[at] > before.get(at, -1) or now[at] >= end - 1 for at, end in ends.items())

        self._open.append(("worker", time.monotonic(), is_over))

    def of_capture(self) -> None:
        """Over once a topic of it has grown."""
        before = sum(self.ends().values())
        self._open.append(("capture", time.monotonic(), lambda: sum(self.ends().values()) > before))

    def look(self) -> None:
        """Note those that are over."""
        for kind, since, is_over in list(self._open):
            if is_over():
                self._open.remove((kind, since, is_over))
                took = time.monotonic() - since
                self._arena.note_most(f"{kind} recovery s", took)
                self._arena.count("slow recoveries", took > RECOVERY_S)

    def ends(self) -> dict[tuple[str, int], int]:
        """Where each partition of the sources ends."""
        return {(place.topic, place.partition): self._end(place) for place in self._places()}

    def _end(self, place: TopicPartition) -> int:
        """Asked again while a busy broker does not answer, so long as a case waits for anything."""
        deadline = time.monotonic() + kafkalog.PATIENCE_S
        while True:
            try:
                end: int = self._reader.get_watermark_offsets(place, timeout=10)[1]
                return end
            except KafkaException:
                if time.monotonic() > deadline:
                    raise

    def committed(self) -> dict[tuple[str, int], int]:
        """The group's offsets; empty: the coordinator does not say."""
        try:
            found: list[Any] = self._reader.committed(self._places(), 10)
        except KafkaException:
            return {}
        return {(place.topic, place.partition): max(0, place.offset) for place in found}

    def _places(self) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic in self._topics for number in range(PARTITIONS)]
