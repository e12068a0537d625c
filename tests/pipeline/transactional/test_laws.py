"""Laws: whatever is fetched when, and whoever crashes, readers see a transaction of the source whole or not at all.

The oracle knows the transactions as they were made up, and of the engine nothing but what it publishes.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.pipeline.inputs import Inputs
from streams.pipeline.task import Task
from streams.records import Delivery, RecordBatch
from streams.state.stores.memory import MemoryStore

from .builders import ENDS, LINES, ORDERS, Log, a_value, sub_of, told

PARTITIONS = 2
SUB = sub_of()
OUT = {"orders.out", "lines.out"}
MANY = 5_000
"""Steps, in which anybody gets to the end."""


class Source:
    """Transactions over two tables of two partitions; what is written comes bit by bit."""

    def __init__(self, chance: random.Random, transactions: int) -> None:
        self.chance = chance
        self.logs = [Log(partition=number) for number in range(PARTITIONS)]
        self.made: list[dict[int, set[int]]] = []
        """By transaction and partition, the rows that it made."""
        self._to_write: list[tuple[int, str, bytes | None]] = []
        self._ends: list[list[bytes]] = [[] for _ in self.logs]
        """By partition, what is told of ends and not written there yet."""
        self._rows = 0
        before = 0
        for log in self.logs:
            log.records = {ORDERS: [], LINES: [], ENDS: []}
        for xid in range(1, transactions + 1):
            before = self._make(xid, before)

    def _make(self, xid: int, before: int) -> int:
        rows: dict[int, set[int]] = defaultdict(set)
        count = self.chance.choice([1, 1, 2, 3, 7])
        for number in range(1, count + 1):
            while self.chance.random() < 0.2:
                self._apart()
            place, topic = self.chance.randrange(PARTITIONS), self.chance.choice([ORDERS, LINES])
            self._rows += 1
            rows[place].add(self._rows)
            time_ms = self.chance.choice([1_000, 2_000, 3_000])
            value = a_value(self._rows, xid=xid, before=before, number=number, time_ms=time_ms)
            self._to_write.append((place, topic, value))
        self.made.append(rows)
        self._to_write.append((-1, ENDS, told(before + 100)))
        return before + 100 + self.chance.choice([0, 50])

    def _apart(self) -> None:
        """A row of a snapshot or a tombstone: of no transaction, and anywhere."""
        self._rows += 1
        value = self.chance.choice([None, a_value(self._rows, xid=None, op="r")])
        self._to_write.append((self.chance.randrange(PARTITIONS), self.chance.choice([ORDERS, LINES]), value))

    def write(self) -> None:
        """Some records more; ends come to each task when it pleases them, behind what they are about."""
        for place, topic, value in self._to_write[: self.chance.randrange(8)]:
            if topic == ENDS:
                for waiting in self._ends:
                    waiting.append(value or b"")
            else:
                self.logs[place].append(topic, value)
            self._to_write.pop(0)
        for log, waiting in zip(self.logs, self._ends, strict=True):
            while waiting and self.chance.random() < 0.5:
                log.append(ENDS, waiting.pop(0))

    def write_all(self) -> None:
        while self._to_write or any(self._ends):
            self.write()

    def torn(self, partition: int, seen: set[int]) -> list[int]:
        """Transactions of which a task has shown a part of what lies in its partition."""
        parts = [made[partition] for made in self.made]
        return [number for number, rows in enumerate(parts, 1) if rows & seen and not rows <= seen]


class Worker:
    """One task, fetches that bring what they please, and answers that are older than one wishes."""

    def __init__(self, source: Source, partition: int) -> None:
        self.source, self.log, self.chance = source, source.logs[partition], source.chance
        self.store, self.seen, self.incomplete = MemoryStore(), Counter[int](), Counter[str]()
        self._begin()

    def _begin(self) -> None:
        self.task = Task(SUB, self.log.partition, self.store, partitions=PARTITIONS)
        self.inputs = Inputs(SUB, self.task.ended())
        self.at = {topic: self.task.position(topic) for topic in SUB.source_topics}
        self._answers = dict.fromkeys(self.at, 0)
        self._end = dict.fromkeys(self.at, -1)
        """As of the last answer."""
        self._asked = {topic: len(self.log.records[topic]) for topic in self.at}
        """What the next answer knows at least."""
        self._pending: list[Delivery] = []
        self.order: list[int] = []
        """Transactions of what has been processed since the start."""

    # a Reader

    def asked(self, topic: str) -> int:
        return self._answers[topic] + 2

    def told(self, topic: str) -> int:
        return self._answers[topic] if self.at[topic] >= self._end[topic] >= 0 else -1

    # what happens

    def fetch(self) -> None:
        topic = self.chance.choice(list(self.at))
        if self.inputs.is_full(topic):
            return
        written = len(self.log.records[topic])
        known = self.chance.randint(min(self._asked[topic], written), written)
        self._answers[topic], self._end[topic], self._asked[topic] = self._answers[topic] + 1, known, written
        end = self.chance.randint(self.at[topic], max(known, self.at[topic]))
        if end > self.at[topic]:
            self.inputs.add(self.log.batch(topic, self.at[topic], end))
            self.at[topic] = end

    def work(self, *, now_ms: int = 0) -> None:
        for _ in range(self.chance.randrange(4)):
            batch = self.inputs.next_batch(lambda topic: self.told(topic) >= 0, now_ms=now_ms, reader=self)
            if batch is None:
                return
            assert batch.records[0].offset >= self.task.position(batch.topic)
            self._note_order(batch)
            self._pending += self.task.process(batch, now_ms=1_000).deliveries

    def _note_order(self, batch: RecordBatch) -> None:
        """Transactions are processed one after another, however they were fetched."""
        held = [json.loads(record.value) for record in batch.records if batch.topic != ENDS and record.value]
        self.order += [value["source"]["txId"] for value in held if value["source"]["txId"] is not None]
        assert self.order == sorted(self.order)

    def commit(self) -> None:
        """The engine makes no checkpoint in the middle; what it shows is judged."""
        if not self.inputs.is_whole:
            return
        checkpoint = self.task.prepare_checkpoint()
        self.task.commit({}, now_ms=1_000)
        for delivery in [*self._pending, *checkpoint.deliveries]:
            if delivery.topic in OUT:
                self.seen[json.loads(delivery.value or b"")["id"]] += 1
        self._pending = []
        for hold in self.inputs.holds:
            self.incomplete.update(hold.incomplete)
            hold.incomplete.clear()
        assert self.source.torn(self.log.partition, set(self.seen)) == []

    @property
    def is_done(self) -> bool:
        return self.task.positions() == {topic: len(held) for topic, held in self.log.records.items()}

    def crash(self) -> None:
        self._begin()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_every_checkpoint_shows_whole_transactions(seed: int) -> None:
    chance = random.Random(seed)
    source = Source(chance, transactions=chance.randrange(1, 25))
    workers = [Worker(source, number) for number in range(PARTITIONS)]

    for _ in range(chance.randrange(400)):
        worker = chance.choice(workers)
        step = chance.choice([source.write, worker.fetch, worker.fetch, worker.work, worker.work, worker.commit])
        (worker.crash if chance.random() < 0.01 else step)()

    source.write_all()
    for worker in workers:
        for _ in range(MANY):
            chance.choice([worker.fetch, worker.fetch, worker.work, worker.commit])()
            if worker.is_done:
                break
        worker.commit()
        expected = {row for made in source.made for row in made[worker.log.partition]}
        assert expected <= set(worker.seen)
        assert set(worker.seen.values()) <= {1}
        assert not worker.incomplete
