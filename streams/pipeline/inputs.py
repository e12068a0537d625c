"""Inputs: in which order a task reads what waits in its topics.

In:   batches as they are fetched, each of one topic.
Out:  batches to process: always of the input whose next record has the smallest event time.
Next: streams.pipeline.task

Events of two topics meet in the order in which they happened, also when one of the topics has a backlog. An input of
which nothing is here holds the others up only while something of it is on its way, and not for ever: a transaction may
hang in it, or its broker be gone. Events that wait for another attempt stand outside of that order: they come when
they are due, and hold nobody up before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace

from streams.records import RecordBatch, SourceRecord

from .formats.times import NO_TIME
from .plan import Plan
from .retries.wire import due_ms
from .topology import SubTopology

PATIENCE_MS = 30_000
MOST_WAITING = 4
"""Batches of one input that wait for another one; no more are to be fetched then."""

TimeOf = Callable[[SourceRecord], int]


class Inputs:
    """What has been fetched for one task and is not processed yet."""

    def __init__(self, sub: SubTopology) -> None:
        ordered = {topic for plan in sub.plans for topic in (plan.topics if plan.stands_for else (plan.topic,))}
        self._waiting: dict[str, deque[RecordBatch]] = {
            topic: deque() for topic in sorted(sub.source_topics, key=lambda topic: _rank(topic, sub))
        }
        self._free = frozenset(self._waiting) - ordered
        self._rank = {topic: rank for rank, topic in enumerate(self._waiting)}
        self._time_of = {topic: _reader(sub.plans_of(topic)[0]) for topic in ordered}
        self._awaited_since_ms: dict[str, int] = {}

    def add(self, batch: RecordBatch) -> None:
        """Take a batch that was fetched."""
        self._waiting[batch.topic].append(batch)

    def is_full(self, topic: str) -> bool:
        """So much of ``topic`` waits that no more should be fetched."""
        return len(self._waiting[topic]) >= MOST_WAITING

    def next_batch(
        self,
        is_caught_up: Callable[[str], bool],
        *,
        now_ms: int,
        clock_ms: int = 0,
        full: Collection[str] = (),
    ) -> RecordBatch | None:
        """What to process next; ``None`` where there is nothing, or something is worth waiting for.

        ``is_caught_up``: whether nothing of a topic is on its way. ``now_ms`` counts from anywhere, ``clock_ms`` is the
        wall clock by which events are due. Of ``full`` topics nothing more is to come now.
        """
        here = [topic for topic, batches in self._waiting.items() if batches]
        if len(self._waiting) == 1 or not here:
            return self._waiting[here[0]].popleft() if here else None
        for topic in (topic for topic in here if topic in self._free):
            if due := _due(self._waiting[topic][0], clock_ms):
                return self._cut(topic, due)
        ordered = [topic for topic in here if topic not in self._free and topic not in full]
        if not ordered or self._is_worth_waiting(is_caught_up, now_ms, full):
            return None
        return self._earliest(ordered)

    def is_resting(self, topic: str, *, clock_ms: int, full: Collection[str]) -> bool:
        """What is here of ``topic`` waits for the clock or for room, and nothing is wrong with that.

        A watchdog asks from a thread of its own, while batches come and go.
        """
        here = list(self._waiting[topic]) if topic in self._free else []
        return topic in full or (bool(here) and not _due(here[0], clock_ms))

    def _is_worth_waiting(self, is_caught_up: Callable[[str], bool], now_ms: int, full: Collection[str]) -> bool:
        worth = False
        for topic in self._time_of:
            if self._waiting[topic] or topic in full or is_caught_up(topic):
                self._awaited_since_ms.pop(topic, None)
            else:
                since_ms = self._awaited_since_ms.setdefault(topic, now_ms)
                worth = worth or now_ms - since_ms < PATIENCE_MS
        return worth

    def _earliest(self, here: list[str]) -> RecordBatch:
        """Of the input that comes first, as many records as come before the next one of the others."""
        if len(here) == 1:
            return self._waiting[here[0]].popleft()
        heads = sorted((self._time_of[topic](self._waiting[topic][0].records[0]), self._rank[topic]) for topic in here)
        topic = next(topic for topic in here if self._rank[topic] == heads[0][1])
        return self._take(topic, heads[1])

    def _take(self, topic: str, limit: tuple[int, int]) -> RecordBatch:
        records, time_of, rank = self._waiting[topic][0].records, self._time_of[topic], self._rank[topic]
        count = 1
        while count < len(records) and (time_of(records[count]), rank) < limit:
            count += 1
        return self._cut(topic, count)

    def _cut(self, topic: str, count: int) -> RecordBatch:
        """The first ``count`` records of ``topic``; the rest of them stays."""
        batch = self._waiting[topic].popleft()
        records = batch.records
        if count < len(records):
            self._waiting[topic].appendleft(replace(batch, records=records[count:]))
            batch = replace(batch, records=records[:count], next_offset=records[count - 1].offset + 1)
        return batch


def _due(batch: RecordBatch, clock_ms: int) -> int:
    """How many of its records are due, one after another."""
    records = batch.records
    return next((count for count, record in enumerate(records) if due_ms(record) > clock_ms), len(records))


def _rank(topic: str, sub: SubTopology) -> int:
    """At the same time a table goes before the pipelines that read it."""
    partners = {plan.name: plan.partners for plan in sub.plans}
    read = {plan.name for plan in sub.plans_of(topic)}
    own = set(read)
    while more := {partner for name in read for partner in partners.get(name, ())} - read:
        read |= more
    return len(read - own)


def _reader(plan: Plan) -> TimeOf:
    """Event time of a record of ``plan``'s, ms; never later than it was written, or a wrong one would wait for ever."""
    if plan.stands_for is not None:
        return lambda record: record.timestamp_ms
    decode = plan.codec.decode

    def time_of(record: SourceRecord) -> int:
        try:
            event = decode(record)
        except Exception:  # what is wrong with it is told when it is processed
            return NO_TIME
        return NO_TIME if event is None else min(event.event_time_ms, record.timestamp_ms)

    return time_of
