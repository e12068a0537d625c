"""Abandoned: topics in which events wait, and of which no pipeline file knows any more.

Their rows would wait for ever, and what waits there would be lost; so a worker does not start. Blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.errors import Problem
from streams.pipeline.topology import Topology

from .starts import Starts

PATIENCE_SECONDS = 30.0


def find_abandoned(
    topology: Topology, partitions: Mapping[str, int], starts: Starts, options: Mapping[str, object]
) -> Iterator[Problem]:
    """Topics of delays that have left ``errors.retry`` while events wait; ``partitions``: of every topic there is."""
    for plan in topology.plans:
        prefix = f"{plan.topic}-{plan.name}-retry-"
        left = [name for name in partitions if name.startswith(prefix) and name.removeprefix(prefix).isdecimal()]
        for topic in sorted(set(left) - plan.tiers):
            at = {place: start.offset for place, start in starts.read([topic], range(partitions[topic])).items()}
            if _has_records(at, options):
                message = "events wait in it, and its delay is gone from errors.retry; keep it until nothing waits"
                yield Problem(file=topic, message=message)


def _has_records(offsets: Mapping[tuple[str, int], int], options: Mapping[str, object]) -> bool:
    """Whether a reader of committed records finds one from there on; what ends a transaction is none."""
    isolation = {"isolation.level": "read_committed", "enable.partition.eof": True, "enable.auto.commit": False}
    consumer = Consumer({**options, "group.id": "streams-abandoned", "auto.offset.reset": "earliest", **isolation})
    try:
        consumer.assign([TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()])
        ended: set[int] = set()
        while len(ended) < len(offsets):
            message = consumer.poll(PATIENCE_SECONDS)
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            error = message.error()
            if error is None:
                return True
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            ended.add(message.partition())
        return False
    finally:
        consumer.close()
