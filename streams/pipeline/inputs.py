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

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from streams.records import RecordBatch, SourceRecord

from .formats.times import NO_TIME
from .plan import Plan
from .retries.wire import due_ms
from .topology import SubTopology
from .transactional.ends import ALL_HERE, Reader
from .transactional.hold import Hold
from .transactional.place import place_reader
from .transactional.wire import NOTHING

PATIENCE_MS = 30_000
MOST_WAITING = 4
"""Batches of one input that wait for another one; no more are to be fetched then."""

TimeOf = Callable[[SourceRecord], int]
NO_ENDS: Mapping[str, int] = {}


class Inputs:
    """What has been fetched for one task and is not processed yet.

    ``ended``: by topic of transactions, what the task has heard before of where they end.
    """

    def __init__(self, sub: SubTopology, ended: Mapping[str, int] = NO_ENDS) -> None:
        ordered = {topic for plan in sub.plans for topic in (plan.topics if _is_stage(plan) else (plan.topic,))}
        self._waiting: dict[str, deque[RecordBatch]] = {
            topic: deque() for topic in sorted(sub.source_topics, key=lambda topic: _rank(topic, sub))
        }
        self._free = frozenset(self._waiting) - ordered
        self._rank = {topic: rank for rank, topic in enumerate(self._waiting)}
        self._time_of = {topic: _reader(sub.plans_of(topic)[0]) for topic in ordered}
        self._awaited_since_ms: dict[str, int] = {}
        self._arrived: dict[str, int] = {}
        self.holds = tuple(_holds(sub, ended))
        """What waits for its transaction."""
        self._hold_of = {topic: hold for hold in self.holds for topic in hold.topics}
        self._plain = self._time_of.keys() - self._hold_of.keys()

    def add(self, batch: RecordBatch) -> None:
        """Take a batch that was fetched."""
        self._waiting[batch.topic].append(batch)
        self._arrived[batch.topic] = batch.next_offset
        for hold in self.holds:
            if batch.topic in hold.topics or batch.topic == hold.said.ends:
                hold.add(batch)

    def arrived(self, topic: str) -> int | None:
        """The offset behind all that was added of ``topic``; ``None``: nothing was."""
        return self._arrived.get(topic)

    @property
    def empty(self) -> tuple[str, ...]:
        """Topics of which nothing waits here."""
        return tuple(topic for topic, batches in self._waiting.items() if not batches)

    @property
    def is_whole(self) -> bool:
        """No transaction is processed in part: a checkpoint would show half of it."""
        return all(hold.released.is_whole for hold in self.holds)

    def is_full(self, topic: str) -> bool:
        """So much of ``topic`` waits that no more should be fetched."""
        hold = self._hold_of.get(topic)
        return len(self._waiting[topic]) >= MOST_WAITING if hold is None else hold.is_full(topic)

    def next_batch(
        self,
        is_caught_up: Callable[[str], bool],
        *,
        now_ms: int,
        clock_ms: int = 0,
        full: Collection[str] = (),
        reader: Reader = ALL_HERE,
    ) -> RecordBatch | None:
        """What to process next; ``None`` where there is nothing, or something is worth waiting for.

        ``is_caught_up``: whether nothing of a topic is on its way, ``reader``: what has been read of it. ``now_ms``
        counts from anywhere, ``clock_ms`` is the wall clock by which events are due. Of ``full`` topics nothing more is
        to come now.
        """
        for hold in self.holds:
            if not hold.released.is_whole:
                return self._go_on(hold)
        here = [topic for topic, batches in self._waiting.items() if batches]
        if len(self._waiting) == 1 or not (here or self.holds):
            return self._waiting[here[0]].popleft() if here else None
        for topic in (topic for topic in here if topic in self._free):
            if due := _due(self._waiting[topic][0], clock_ms):
                return self._cut(topic, due)
        ordered = [topic for topic in here if topic not in self._free and topic not in full]
        if self.holds:
            ordered = self._let_go(ordered, reader, now_ms, full)
        if not ordered:
            return None
        first = self._race(ordered)[0] if self.holds else None
        if first in self._hold_of:
            return self._next_whole(first, lambda: self._is_worth_waiting(self._plain, is_caught_up, now_ms, full))
        if self._is_worth_waiting(self._time_of, is_caught_up, now_ms, full):
            return None
        return self._earliest(ordered)

    def is_resting(self, topic: str, *, clock_ms: int, full: Collection[str], now_ms: int = 0) -> bool:
        """What is here of ``topic`` waits for its transaction, the clock or room, and nothing is wrong with that.

        A watchdog asks from a thread of its own, while batches come and go.
        """
        hold = self._hold_of.get(topic)
        if hold is not None and hold.released.is_whole:
            return hold.is_patient(now_ms) or not hold.topics.isdisjoint(full)
        here = list(self._waiting[topic]) if topic in self._free else []
        return topic in full or (bool(here) and not _due(here[0], clock_ms))

    # -- transactions

    def _let_go(self, here: list[str], reader: Reader, now_ms: int, full: Collection[str]) -> list[str]:
        """Those of ``here`` that may come next: of inputs with transactions the ones that have of the next whole one.

        Where there is none, they stay, and what happened later elsewhere waits with them.
        """
        paused: set[str] = set()
        for hold in self.holds:
            if not hold.topics.isdisjoint(full):
                hold.pause()
                paused |= hold.topics
            elif not hold.released.next_topics:
                hold.let_go(reader, now_ms=now_ms)
        here = [topic for topic in here if topic not in paused]
        whole = {topic for hold in self.holds for topic in hold.released.next_topics}
        return [topic for topic in here if topic not in self._hold_of or topic in whole] if whole else here

    def _next_whole(self, first: str, is_worth_waiting: Callable[[], bool]) -> RecordBatch | None:
        """Of ``first``, whose next record comes before all others; others may be worth waiting for."""
        hold = self._hold_of[first]
        return None if first not in hold.released.next_topics or is_worth_waiting() else self._go_on(hold)

    def _go_on(self, hold: Hold) -> RecordBatch:
        """Of the next transaction, as much as comes before what other inputs have of it."""
        here = hold.released.next_topics
        topic, limit = self._race(here)
        end = hold.released.end_of(topic, is_alone=len(here) == 1 and not self._plain)
        count = bisect_left(self._waiting[topic][0].records, end, key=lambda record: record.offset)
        batch = self._cut(topic, self._count(topic, count, limit))
        hold.released.note(topic, batch.records[-1].offset + 1)
        return batch

    # -- the order of event times

    def _is_worth_waiting(
        self, awaited: Iterable[str], is_caught_up: Callable[[str], bool], now_ms: int, full: Collection[str]
    ) -> bool:
        worth = False
        for topic in awaited:
            if self._waiting[topic] or topic in full or is_caught_up(topic):
                self._awaited_since_ms.pop(topic, None)
            else:
                since_ms = self._awaited_since_ms.setdefault(topic, now_ms)
                worth = worth or now_ms - since_ms < PATIENCE_MS
        return worth

    def _earliest(self, here: list[str]) -> RecordBatch:
        """Of the input that comes first, as many records as come before the next one of the others."""
        topic, limit = self._race(here)
        return self._cut(topic, self._count(topic, len(self._waiting[topic][0].records), limit))

    def _race(self, here: list[str]) -> tuple[str, tuple[int, int] | None]:
        """(the input whose next record comes first, when the next one of the others does)."""
        if len(here) == 1:
            return here[0], None
        heads = sorted((self._time_of[topic](self._waiting[topic][0].records[0]), self._rank[topic]) for topic in here)
        return next(topic for topic in here if self._rank[topic] == heads[0][1]), heads[1]

    def _count(self, topic: str, most: int, limit: tuple[int, int] | None) -> int:
        """How many of the first ``most`` records come before ``limit``, the first of them in any case."""
        if limit is None:
            return most
        records, time_of, rank = self._waiting[topic][0].records, self._time_of[topic], self._rank[topic]
        count = 1
        while count < most and (time_of(records[count]), rank) < limit:
            count += 1
        return count

    def _cut(self, topic: str, count: int) -> RecordBatch:
        """The first ``count`` records of ``topic``; the rest of them stays."""
        batch = self._waiting[topic].popleft()
        records = batch.records
        if count < len(records):
            self._waiting[topic].appendleft(replace(batch, records=records[count:]))
            batch = replace(batch, records=records[:count], next_offset=records[count - 1].offset + 1)
        return batch


def _holds(sub: SubTopology, ended: Mapping[str, int]) -> Iterable[Hold]:
    """One for each source of transactions."""
    held = ((plan, plan.transactional) for plan in sub.plans if plan.transactional is not None)
    whole = [(plan, said) for plan, said in held if plan.topic != said.topic]
    for said in {said.topic: said for _, said in whole}.values():
        places = {plan.topic: place_reader(plan.codec) for plan, own in whole if own.topic == said.topic}
        yield Hold(said, places, ended.get(said.topic, NOTHING))


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


def _is_stage(plan: Plan) -> bool:
    """Several topics bring it events of other tasks, each written with its event time."""
    return plan.stands_for is not None or (plan.meets is not None and plan.meets.is_asked)


def _reader(plan: Plan) -> TimeOf:
    """Event time of a record of ``plan``'s, ms; never later than it was written, or a wrong one would wait for ever."""
    if _is_stage(plan):
        return lambda record: record.timestamp_ms
    decode = plan.codec.decode

    def time_of(record: SourceRecord) -> int:
        try:
            event = decode(record)
        except Exception:  # what is wrong with it is told when it is processed
            return NO_TIME
        return NO_TIME if event is None else min(event.event_time_ms, record.timestamp_ms)

    return time_of
