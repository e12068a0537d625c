"""Kafka's logs as they are, for the oracle: it imports nothing of ``streams``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

PATIENCE_S = 90.0


class LogRecord(NamedTuple):
    """A committed record."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


@contextmanager
def client(brokers: str, *, group: str = "oracle", isolation: str = "read_committed") -> Iterator[Consumer]:
    """A consumer without a group's membership."""
    held = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            "auto.offset.reset": "earliest",
            "message.max.bytes": 64 << 20,
        }
    )
    try:
        yield held
    finally:
        held.close()


def partitions_of(reader: Consumer, topic: str) -> list[int]:
    return sorted(reader.list_topics(topic, timeout=30).topics[topic].partitions)


def read_log(brokers: str, topic: str, *, isolation: str = "read_committed") -> Iterator[LogRecord]:
    """All records of a topic, partition by partition in order, up to where each ends now; committed ones by default."""
    with client(brokers, isolation=isolation) as reader:
        for partition in partitions_of(reader, topic):
            reader.assign([TopicPartition(topic, partition, 0)])
            yield from _read_partition(reader)


def _read_partition(reader: Consumer) -> Iterator[LogRecord]:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        for message in reader.consume(10_000, 0.1):
            if message.error() is not None:
                return
            deadline = time.monotonic() + PATIENCE_S
            yield _record(message)
        if time.monotonic() > deadline:
            raise TimeoutError("a log does not come to its end")


def read_on(reader: Consumer, topic: str, partition: int, offset: int) -> tuple[list[LogRecord], int]:
    """What a partition has from an offset on, and where it ends now."""
    reader.assign([TopicPartition(topic, partition, offset)])
    deadline = time.monotonic() + PATIENCE_S
    records: list[LogRecord] = []
    while time.monotonic() < deadline:
        for message in reader.consume(10_000, 0.1):
            if message.error() is None:
                records.append(_record(message))
            elif message.error().code() == KafkaError._PARTITION_EOF:
                return records, message.offset()
            else:
                raise KafkaException(message.error())
    raise TimeoutError("a log does not come to its end")


def _record(message: Any) -> LogRecord:
    headers = {name: value or b"" for name, value in message.headers() or ()}
    return LogRecord(message.partition(), message.offset(), message.key(), message.value(), headers)


def ends(brokers: str, topic: str, *, isolation: str) -> dict[int, int]:
    """By partition its end; ``read_committed``: the last stable offset."""
    with client(brokers, isolation=isolation) as reader:
        return {
            number: reader.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1]
            for number in partitions_of(reader, topic)
        }


def hanging(brokers: str, topic: str) -> int:
    """Records of a topic that stand behind a transaction which has not ended: its last stable offset lags."""
    ends_stable = ends(brokers, topic, isolation="read_committed")
    ends_all = ends(brokers, topic, isolation="read_uncommitted")
    return sum(ends_all[number] - ends_stable[number] for number in ends_all)


def committed(brokers: str, group: str, topic: str) -> dict[int, int]:
    """By partition the group's committed offset, pending transactions waited for; 0 where there is none."""
    with client(brokers, group=group) as reader:
        places = [TopicPartition(topic, number) for number in partitions_of(reader, topic)]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return {place.partition: max(0, place.offset) for place in reader.committed(places, 30)}
            except KafkaException:  # the coordinator moves, or its broker has just started
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
