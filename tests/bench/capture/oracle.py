"""Oracle: what triggers saw in the database, against what consumers of Kafka see. Nothing of the capture is used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import msgspec
import psycopg2
from confluent_kafka import Consumer, TopicPartition

Row = tuple[str, int]
"""(table, id)."""
Change = tuple[str, int | None, str | None]
"""(op, version after it, amount after it); ``None`` after a delete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What happened, as the database's own triggers wrote it down."""

    changes: dict[Row, list[Change]]
    size_by_xid: Counter[int]

    @property
    def count(self) -> int:
        return self.size_by_xid.total()

    @property
    def deletes(self) -> int:
        return sum(op == "d" for told in self.changes.values() for op, _, _ in told)


def read_history(dsn: str) -> History:
    """All of it, in the order in which it was written: a row's changes are in their own."""
    changes: dict[Row, list[Change]] = defaultdict(list)
    sizes: Counter[int] = Counter()
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor(name="history") as cursor:
        cursor.itersize = 20_000
        cursor.execute("SELECT xid, tab, op, id, version, amount FROM history ORDER BY seq")
        for xid, table, op, number, version, amount in cursor:
            changes[table, number].append((op, version, amount))
            sizes[xid] += 1
    return History(changes=dict(changes), size_by_xid=sizes)


class _Image(msgspec.Struct):
    id: int
    version: int | None = None
    amount: str | None = None


class _Source(msgspec.Struct):
    txId: int | None  # noqa: N815


class _Transaction(msgspec.Struct):
    total_order: int


class _Envelope(msgspec.Struct):
    op: str
    before: _Image | None
    after: _Image | None
    source: _Source
    transaction: _Transaction | None


@dataclass(slots=True, kw_only=True)
class Told:
    """What a reader of the database has told, by row and by transaction."""

    changes: dict[Row, list[Change]] = field(default_factory=lambda: defaultdict(list))
    orders_by_xid: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    tombstones: int = 0
    count: int = 0


def read_told(brokers: str, topic_by_table: Mapping[str, str]) -> Told:
    """Every committed record of the tables' topics."""
    told = Told()
    decode = msgspec.json.Decoder(_Envelope).decode
    for table, topic in topic_by_table.items():
        for value in _committed(brokers, topic):
            if value is None:
                told.tombstones += 1
                continue
            event = decode(value)
            image = event.before if event.op == "d" else event.after
            assert image is not None and event.transaction is not None and event.source.txId is not None
            state = (None, None) if event.op == "d" else (image.version, image.amount)
            told.changes[table, image.id].append((event.op, *state))
            told.orders_by_xid[event.source.txId].append(event.transaction.total_order)
            told.count += 1
    return told


def _committed(brokers: str, topic: str) -> Iterator[bytes | None]:
    """Values of a topic, partition by partition in order."""
    facts = {"bootstrap.servers": brokers, "group.id": "oracle", "isolation.level": "read_committed",
             "enable.auto.commit": False, "enable.partition.eof": True, "auto.offset.reset": "earliest"}  # fmt: skip
    with closing(Consumer(facts)) as consumer:
        waiting = set(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in waiting])
        while waiting:
            for message in consumer.consume(10_000, 0.5):
                if message.error() is None:
                    yield message.value()
                else:
                    waiting.discard(message.partition())


def differences(history: History, told: Told) -> dict[str, int]:
    """How many changes are wrong, by kind; all zero where every change was told once, in order and complete."""
    lost, extra = _counted(history.changes, told.changes)
    rows = history.changes.keys() & told.changes.keys()
    out_of_order = sum(
        history.changes[row] != told.changes[row] and Counter(history.changes[row]) == Counter(told.changes[row])
        for row in rows
    )
    torn = sum(
        sorted(told.orders_by_xid.get(xid, ())) != list(range(1, size + 1)) for xid, size in history.size_by_xid.items()
    )
    return {
        "changes lost": lost,
        "changes twice or never made": extra,
        "rows whose changes are out of order": out_of_order,
        "transactions not numbered from 1 to their size": torn,
        "deletes without tombstone, or tombstones without delete": abs(told.tombstones - history.deletes),
    }


def _counted(happened: dict[Row, list[Change]], told: dict[Row, list[Change]]) -> tuple[int, int]:
    """(happened and not told, told and not happened)."""
    lost = extra = 0
    for row in happened.keys() | told.keys():
        one, other = happened.get(row, []), told.get(row, [])
        if one != other:
            lost += (Counter(one) - Counter(other)).total()
            extra += (Counter(other) - Counter(one)).total()
    return lost, extra

