"""Logs: what the driver has in place of Kafka's topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from aiokafka.partitioner import murmur2

from streams.pipeline.task import Task
from streams.pipeline.topology import Topology
from streams.records import EVERY_PARTITION, Delivery, RecordBatch, SourceRecord

Place = tuple[str, int]
"""(topic, partition)."""


class Logs:
    """Partitioned logs of what is read; ``partitions``: by source topic how many it has, 1 where it is not named."""

    def __init__(self, topology: Topology, partitions: Mapping[str, int]) -> None:
        self._partitions = dict(partitions)
        self._source_of = {spec.name: spec.source for spec in topology.topics}
        self._lengths: dict[Place, int] = defaultdict(int)
        self.records: list[SourceRecord] = []
        """What all logs hold, in the order in which it came."""

    def counts(self) -> Mapping[str, int]:
        """Partitions by source topic."""
        return {source: self.count(source) for source in self._source_of.values()}

    def count(self, topic: str) -> int:
        """Partitions of a topic."""
        return self._partitions.get(self._source_of.get(topic, topic), 1)

    def partition_of(self, topic: str, key: bytes | None) -> int:
        """Where a record with that key goes."""
        return 0 if key is None else int(murmur2(key) & 0x7FFFFFFF) % self.count(topic)

    def partitions_for(self, delivery: Delivery) -> Iterable[int]:
        """Where a delivery goes."""
        if delivery.partition == EVERY_PARTITION:
            return range(self.count(delivery.topic))
        if delivery.partition is not None:
            return (delivery.partition,)
        return (self.partition_of(delivery.topic, delivery.key),)

    def append(self, number: int, delivery: Delivery) -> SourceRecord:
        """The next record of that partition."""
        place = delivery.topic, number
        record = SourceRecord(
            topic=delivery.topic,
            partition=number,
            offset=self._lengths[place],
            timestamp_ms=delivery.timestamp_ms,
            key=delivery.key,
            value=delivery.value,
            headers=delivery.headers,
        )
        self._lengths[place] += 1
        self.records.append(record)
        return record

    def unread(self, task: Task, *, without: Collection[str]) -> list[SourceRecord]:
        """What ``task`` reads, from its positions on, but nothing of topics ``without``."""
        topics = frozenset(task.sub.source_topics).difference(without)
        own = (held for held in self.records if held.partition == task.partition and held.topic in topics)
        return [record for record in own if record.offset >= task.position(record.topic)]


def batch_of(records: list[SourceRecord]) -> RecordBatch:
    """``records`` of one partition as a task takes them."""
    first, last = records[0], records[-1]
    return RecordBatch(topic=first.topic, partition=first.partition, records=records, next_offset=last.offset + 1)
