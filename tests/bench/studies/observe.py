"""Observe: a worker over W with one more look at it every half second."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from confluent_kafka import Consumer, TopicPartition

from tests.bench.measure import cpu_seconds, memory_mb
from tests.integration.cluster import Cluster

from .course import Course, Point

EVERY_S = 0.5


class Observer:
    """Looks at one worker of a cluster and at what its group has committed of a topic."""

    def __init__(self, cluster: Cluster, pid: int, topic: str) -> None:
        self._cluster = cluster
        self._pid = pid
        self._consumer = Consumer({"bootstrap.servers": cluster.brokers, "group.id": cluster.app})
        numbers = self._consumer.list_topics(topic).topics[topic].partitions
        self._places = [TopicPartition(topic, number) for number in numbers]
        self.course = Course(points=[])

    def look(self) -> int:
        """Note a point; how many events are committed."""
        events = sum(max(place.offset, 0) for place in self._consumer.committed(self._places, 30))
        with suppress(LookupError):  # it has ended: whoever waits is told with its log
            memory = memory_mb(self._pid, "VmRSS")
            self.course.add(
                Point(at_s=time.monotonic(), events=events, cpu_s=cpu_seconds(self._pid), memory_mb=memory)
            )  # fmt: skip
        return events

    def until(self, is_done: Callable[[int], bool], *, patience_s: float) -> Course:
        """Look until what is committed will do."""
        self._cluster.wait_until(lambda: is_done(self.look()), patience_s=patience_s, every_s=EVERY_S)
        return self.course


def wait_begun(cluster: Cluster, instance: str, *, times: int = 1) -> None:
    """Until all four tasks have begun, in the last of so many starts of a worker."""
    cluster.wait_until(
        lambda: cluster.log(instance).count("begins at") >= 4 * times, every_s=0.01, patience_s=1_800
    )  # fmt: skip
