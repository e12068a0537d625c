"""Topics: what anybody who reads committed records finds in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from confluent_kafka import Consumer, KafkaException, TopicPartition

from .history import Facts, Row, Window, enriched_facts, facts, loads

READING = {
    "group.id": "demo-summary",
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 20,
    "auto.offset.reset": "earliest",
}

Record = tuple[bytes | None, bytes | None]
"""(key, value)."""


def read_topic(brokers: str, topic: str) -> list[Record]:
    """Every committed record of a topic, partition by partition; none where there is no topic."""
    consumer = Consumer({"bootstrap.servers": brokers, **READING})
    try:
        known = consumer.list_topics(topic, timeout=30).topics[topic]
        if known.error is not None:
            return []
        consumer.assign([TopicPartition(topic, number, 0) for number in known.partitions])
        records: list[Record] = []
        ended: set[int] = set()
        while len(ended) < len(known.partitions):
            for message in consumer.consume(10_000, 0.1):
                if message.error() is None:
                    records.append((message.key(), message.value()))
                else:
                    ended.add(message.partition())
        return records
    finally:
        consumer.close()


def topic_end(brokers: str, topic: str) -> int:
    """Sum of a topic's end offsets, which only grows; 0 where there is no topic yet."""
    consumer = Consumer({"bootstrap.servers": brokers, **READING})
    try:
        known = consumer.list_topics(topic, timeout=30).topics[topic]
        places = [TopicPartition(topic, number) for number in known.partitions]
        return sum(consumer.get_watermark_offsets(place, timeout=30)[1] for place in places)
    except KafkaException:
        return 0
    finally:
        consumer.close()


def values_of(records: Iterable[Record]) -> Iterator[Row]:
    """The values, without tombstones."""
    return (loads(value) for _, value in records if value is not None)


def changes_by_id(table: str, records: Iterable[Record]) -> dict[int, list[Facts]]:
    """(op, facts) of every change in Debezium's envelope, in the order of the topic."""
    found: dict[int, list[Facts]] = defaultdict(list)
    for value in values_of(records):
        row = value["before"] if value["op"] == "d" else value["after"]
        found[row["id"]].append(("r",) if value["op"] == "r" else (value["op"], *facts(table, row)))
    return dict(found)


def rows_by_id(table: str, records: Iterable[Record]) -> dict[int, list[Facts]]:
    """Facts of every published row, in the order of the topic."""
    found: dict[int, list[Facts]] = defaultdict(list)
    for row in values_of(records):
        found[row["id"]].append(facts(table, row))
    return dict(found)


def enriched_by_customer(records: Iterable[Record]) -> dict[int, list[Facts | None]]:
    """Every published order, ``None`` for a tombstone, in the order of the topic."""
    found: dict[int, list[Facts | None]] = defaultdict(list)
    for key, value in records:
        row = None if value is None else loads(value)
        held = None if row is None else enriched_facts(row, row["amount_gross"])
        found[loads(key or b"")["customer_id"]].append(held)
    return dict(found)


def dead_by_id(records: Iterable[Record]) -> Counter[int]:
    """How often a row is among dead letters, which hold the original records."""
    return Counter(value["after"]["id"] for value in values_of(records))


def windows_of(records: Iterable[Record]) -> list[tuple[tuple[int, int], Window]]:
    """Every published window, sorted: one that is there twice is seen."""
    found = []
    for row in values_of(records):
        window = (row["orders"], Decimal(str(row["revenue"])), Decimal(str(row["biggest"])))
        found.append(((row["customer_id"], row["window_start"]), window))
    return sorted(found)
