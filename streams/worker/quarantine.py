"""Quarantine: offset ranges of source topics that nobody is to look at, and what workers have stepped over of them.

They are records of the compacted topic ``<app>-quarantine``, which is made when the first of them is. An operator adds
ranges (``streams quarantine``); a worker says in the transaction that moves its offset past them what it has stepped
over, so the two can never differ. A range belongs to a topic as it is: one that is made anew has other records.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.records import Delivery, RecordBatch, SourceRecord

logger = logging.getLogger("streams.worker")

ANSWER_SECONDS = 20.0
Place = tuple[str, int]
"""(topic, partition)."""


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of the topic: a range, and what is said of it."""

    kind: str
    """``range``: to be stepped over, by an operator. ``skipped``: was, by a worker. ``lost``: was gone already."""
    topic: str
    partition: int
    first: int
    last: int
    """Both offsets are in it."""
    topic_id: str = ""
    """8 hex digits of the topic's id."""
    who: str = ""
    """An operator, or the instance of a worker."""
    why: str = ""
    at_ms: int = 0
    """Wall clock, ms since the epoch."""
    records: int = 0
    """How many there were; offsets have holes."""

    @property
    def place(self) -> Place:
        """(topic, partition)."""
        return self.topic, self.partition

    @property
    def key(self) -> bytes:
        """Of the record: what it is about."""
        return f"{self.kind}:{self.topic}:{self.partition}:{self.first}".encode()

    def is_around(self, offset: int) -> bool:
        """Whether ``offset`` is in it."""
        return self.first <= offset <= self.last


def quarantine_topic(app: str) -> str:
    """Where the ranges of an application are."""
    return f"{app}-quarantine"


class QuarantineLog:
    """The topic, read and written. Blocks; a client lives for one question, an idle one costs for ever."""

    def __init__(self, options: Mapping[str, object], app: str) -> None:
        self._options = options
        self.topic = quarantine_topic(app)

    def read(self, *, committed: bool = False) -> list[Note]:
        """What is said now, in its order; nothing where the topic is not there.

        What operators say is there at once, also behind a transaction that is still open. ``committed``: without what
        workers may take back.
        """
        isolation = "read_committed" if committed else "read_uncommitted"
        reader = Consumer(
            {
                **self._options,
                "group.id": "streams-quarantine",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
            }
        )
        try:
            found = reader.list_topics(self.topic, timeout=ANSWER_SECONDS).topics[self.topic]
            return [] if found.error is not None else list(self._until_end(reader))
        finally:
            reader.close()

    def _until_end(self, reader: Any) -> Iterator[Note]:
        reader.assign([TopicPartition(self.topic, 0, 0)])
        held: dict[bytes, bytes | None] = {}
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            for message in reader.consume(1_000, 0.2):
                error = message.error()
                if error is None:
                    held[message.key()] = message.value()
                elif error.code() == KafkaError._PARTITION_EOF:
                    return iter([msgspec.json.decode(value, type=Note) for value in held.values() if value])
                else:
                    raise KafkaException(error)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def write(self, notes: Iterable[Note], *, removed: Iterable[Note] = ()) -> None:
        """Add ``notes`` and take back those that are ``removed``; the topic is made if it is not there."""
        self._make()
        producer = Producer({**self._options, "enable.idempotence": True, "message.timeout.ms": 30_000})
        failures: list[KafkaError] = []

        def answered(error: KafkaError | None, message: object) -> None:
            failures.extend([error] if error is not None else [])

        for note in notes:
            producer.produce(self.topic, msgspec.json.encode(note), note.key, callback=answered)
        for note in removed:
            producer.produce(self.topic, None, note.key, callback=answered)
        producer.flush()
        if failures:
            raise KafkaException(failures[0])

    def _make(self) -> None:
        admin = AdminClient(dict(self._options))
        wanted = NewTopic(self.topic, 1, config={"cleanup.policy": "compact"})
        try:
            admin.create_topics([wanted])[self.topic].result(60)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


class Quarantine:
    """What a worker knows of it, and heeds."""

    def __init__(self, log: QuarantineLog, instance: str) -> None:
        self._log = log
        self._instance = instance
        self.topic_ids: Mapping[str, str] = {}
        """Of the inputs, once they are known."""
        self._ranges: Mapping[Place, tuple[Note, ...]] = {}

    def refresh(self) -> None:
        """Learn what is said now; blocks."""
        ranges: dict[Place, tuple[Note, ...]] = {}
        for note in self._log.read():
            if note.kind == "range" and note.topic_id == self.topic_ids.get(note.topic):
                ranges[note.place] = (*ranges.get(note.place, ()), note)
        for note in {note for held in ranges.values() for note in held} - set(self._all()):
            logger.warning("quarantine: %s[%d] %d to %d is stepped over", *note.place, note.first, note.last)
        self._ranges = ranges

    def _all(self) -> Iterator[Note]:
        for held in self._ranges.values():
            yield from held

    def step_over(self, batch: RecordBatch) -> RecordBatch:
        """``batch``, where of records in quarantine nothing is left but their place: nobody is to stumble over them."""
        ranges = self._ranges.get((batch.topic, batch.partition))
        if ranges is None:
            return batch
        offsets = [held.offset for held in batch.records if any(note.is_around(held.offset) for note in ranges)]
        if not offsets:
            return batch
        stepped_over = frozenset(offsets)
        records = [_emptied(held) if held.offset in stepped_over else held for held in batch.records]
        return replace(batch, records=records, stepped_over=stepped_over)

    def covers(self, place: Place, first: int, last: int) -> bool:
        """Whether all from ``first`` to ``last`` is in quarantine: its loss has been accepted."""
        at = first
        for note in sorted(self._ranges.get(place, ()), key=lambda note: note.first):
            if note.is_around(at):
                at = note.last + 1
        return at > last

    def told(self, batch: RecordBatch) -> list[Delivery]:
        """What the transaction of ``batch`` says of it."""
        offsets = [held.offset for held in batch.records if held.offset in batch.stepped_over]
        if not offsets:
            return []
        now_ms = time.time_ns() // 1_000_000
        note = Note(
            kind="skipped", topic=batch.topic, partition=batch.partition, first=offsets[0], last=offsets[-1],
            topic_id=self.topic_ids.get(batch.topic, ""), who=self._instance, at_ms=now_ms, records=len(offsets),
        )  # fmt: skip
        return [Delivery(topic=self._log.topic, key=note.key, value=msgspec.json.encode(note), timestamp_ms=now_ms)]

    def note_lost(self, lost: Iterable[Note]) -> None:
        """Write down what was gone before it was processed; blocks."""
        told = {"who": self._instance, "at_ms": time.time_ns() // 1_000_000}
        self._log.write(
            msgspec.structs.replace(note, topic_id=self.topic_ids.get(note.topic, ""), **told) for note in lost
        )


def _emptied(record: SourceRecord) -> SourceRecord:
    return SourceRecord(record.topic, record.partition, record.offset, record.timestamp_ms, None, None)
