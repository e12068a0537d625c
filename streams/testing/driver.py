"""The driver: every pipeline in one process, on the same plan, steps and state as the worker, without a broker.

It stands for Kafka (logs with partitions and offsets), for the worker's loop and for the wall clock.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from aiokafka.partitioner import murmur2

from streams.contracts import read_contracts
from streams.contracts.registry import SchemaSource
from streams.ledger import Ledger, RuleId
from streams.pipeline.compile import compile_topology
from streams.pipeline.query import scan_rows
from streams.pipeline.task import Task
from streams.pipeline.topology import TopicKind, Topology
from streams.records import EVERY_PARTITION, Delivery, Headers, RecordBatch, SourceRecord
from streams.state.changelog import MARKER_KEY, Marker, apply_changelogs, decode_marker
from streams.state.stores.memory import MemoryStore

from .committed import CommittedRecord, hashable

Place = tuple[str, int]
"""(topic, partition)."""


class Driver:
    """Runs pipelines in memory. ``send`` processes at once, ``commit`` is a checkpoint of every task.

    ``registry``: where records that name a schema find it, such as a ``MemoryRegistry``. Errors in contracts and
    pipelines raise ``ConfigurationError`` with every problem.
    """

    def __init__(
        self,
        schemas: str | Path,
        *,
        pipelines: Iterable[str] | None = None,
        start_ms: int = 0,
        partitions: Mapping[str, int] | None = None,
        app: str = "driver",
        mask_key: bytes | None = b"driver",
        registry: SchemaSource | None = None,
    ) -> None:
        self._topology: Topology = compile_topology(
            read_contracts(schemas),
            app=app,
            only=None if pipelines is None else tuple(pipelines),
            mask_key=mask_key,
            registry=registry,
        )
        self._now_ms = start_ms
        self._partitions = dict(partitions or {})
        self._logs: dict[Place, list[SourceRecord]] = defaultdict(list)
        self._committed: dict[Place, list[Delivery]] = defaultdict(list)
        self._pending: list[Delivery] = []
        self._tasks: dict[Place, Task] = {}
        self._ledger: Counter[str] = Counter()
        self._pending_ledger: Counter[str] = Counter()
        self._checks: Counter[tuple[RuleId, str]] = Counter()
        self._pending_checks: Counter[tuple[RuleId, str]] = Counter()
        self._waiting: dict[Place, list[SourceRecord]] = {}
        """Published to topics that are read here, and not processed yet."""
        self._read_here = {topic for sub in self._topology.subtopologies for topic in sub.source_topics}
        self._source_of = {spec.name: spec.source for spec in self._topology.topics}

    # -- what a test does

    def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int | None = None,
        partition: int | None = None,
        headers: Headers = (),
    ) -> None:
        """Append a record to a source topic and process it; ``partition=None``: murmur2 of the key."""
        self._topology.subtopology_of(topic)
        if timestamp_ms is not None:
            self._now_ms = max(self._now_ms, timestamp_ms)
        number = self._partition_of(topic, key) if partition is None else partition
        log = self._logs[topic, number]
        record = SourceRecord(
            topic=topic,
            partition=number,
            offset=len(log),
            timestamp_ms=self._now_ms if timestamp_ms is None else timestamp_ms,
            key=key,
            value=value,
            headers=tuple(headers),
        )
        log.append(record)
        self._process(self._task(topic, number), [record])

    def commit(self) -> None:
        """A checkpoint: outputs, state and offsets become visible together.

        What one stage tells the next becomes visible with it, too, and is worked off in checkpoints of its own.
        """
        self._checkpoint()
        while self._waiting:
            self._work_off()
            self._checkpoint()

    def _checkpoint(self) -> None:
        for task in self._tasks.values():
            if task.is_touched:
                self._commit(task)
        self._publish(self._pending)
        self._pending = []
        self._ledger += self._pending_ledger
        self._checks += self._pending_checks
        self._forget_pending()

    def _forget_pending(self) -> None:
        self._pending = []
        self._pending_ledger, self._pending_checks = Counter(), Counter()

    def _work_off(self) -> None:
        """What has been published to topics that are read here."""
        waiting, self._waiting = self._waiting, {}
        for (topic, number), records in waiting.items():
            self._process(self._task(topic, number), records)

    def advance(self, *, ms: int) -> None:
        """Let wall clock pass: idle windows close. Ends with a checkpoint."""
        self._now_ms += ms
        for task in self._tasks.values():
            task.advance_clock(now_ms=self._now_ms, is_caught_up=True)
        self.commit()
        # A stage has heard only now what was there before; for it, time passes after that.
        if stages := [task for task in self._tasks.values() if task.standings()]:
            for task in stages:
                task.advance_clock(now_ms=self._now_ms, is_caught_up=True)
            self.commit()

    def restart(self, *, lose_uncommitted: bool = True) -> None:
        """A crash and a new owner: state comes from the changelogs, input from the committed offsets."""
        if not lose_uncommitted:
            self.commit()
        self._forget_pending()
        places = list(self._tasks)
        self._tasks = {}
        for topic, number in places:
            task = self._task(topic, number)
            if rest := self._logs[topic, number][task.position(topic) :]:
                self._process(task, rest)

    # -- what a test looks at; each commits first

    def records(self, topic: str) -> list[CommittedRecord]:
        """Committed records of a topic, by partition, in order."""
        self.commit()
        places = sorted(place for place in self._committed if place[0] == topic)
        return [
            CommittedRecord(
                key=record.key,
                value=record.value,
                headers=record.headers,
                timestamp_ms=record.timestamp_ms,
                partition=place[1],
            )
            for place in places
            for record in self._committed[place]
        ]

    def table(self, name: str) -> dict[object, dict[str, object]]:
        """A table's rows: by key value, by tuple for composite keys, by (key, start ms, end ms) for windows.

        A key value that is an object or a list stands as its canonical JSON text.
        """
        self.commit()
        sub, plan = self._topology.table_owner(name)
        rows: dict[object, dict[str, object]] = {}
        for (topic, _), task in sorted(self._tasks.items(), key=lambda entry: entry[0]):
            if topic in sub.source_topics:
                for _, row in scan_rows(task.store, plan, name):
                    values = tuple(map(hashable, row.key))
                    key: object = values[0] if len(values) == 1 else values
                    rows[key if row.window is None else (key, *row.window)] = row.row
        return rows

    def ledger(self) -> dict[str, int]:
        """Events by outcome: the latest outcome of each event sent, over all pipelines."""
        self.commit()
        return {outcome: count for outcome, count in self._ledger.items() if count}

    def quality(self) -> dict[str, tuple[int, int]]:
        """By rule, how often it was asked and how often it was broken, over all datasets and pipelines."""
        self.commit()
        counts: dict[str, tuple[int, int]] = {}
        for rule in sorted({rule for rule, _ in self._checks}):
            asked, broken = counts.get(rule[2], (0, 0))
            counts[rule[2]] = asked + self._checks[rule, "checked"], broken + self._checks[rule, "failed"]
        return counts

    # -- Kafka and the worker's loop

    def _partition_of(self, topic: str, key: bytes | None) -> int:
        return 0 if key is None else int(murmur2(key) & 0x7FFFFFFF) % self._partition_count(topic)

    def _partition_count(self, topic: str) -> int:
        return self._partitions.get(self._source_of.get(topic, topic), 1)

    def _task(self, topic: str, number: int) -> Task:
        task = self._tasks.get((topic, number))
        if task is None:
            sub = self._topology.subtopology_of(topic)
            task = Task(sub, number, self._restore(topic, number))
            self._tasks[topic, number] = task
        return task

    def _restore(self, topic: str, number: int) -> MemoryStore:
        """A new store from the committed changelogs, as a worker that takes the task builds it."""
        store = MemoryStore()
        changelogs: dict[str, int] = {}
        sources: Mapping[str, int] = {}
        for short, name in self._topology.subtopology_of(topic).changelogs:
            log = self._committed[name, number]
            records = [(delivery.key or b"", delivery.value) for delivery in log]
            for key, value in records:
                if key == MARKER_KEY and value is not None:
                    sources = decode_marker(value).sources
            changelogs[name] = len(log)
            apply_changelogs(store, {short: records}, Marker(changelogs=changelogs, sources=sources))
        return store

    def _process(self, task: Task, records: list[SourceRecord]) -> None:
        batch = RecordBatch(
            topic=records[0].topic,
            partition=task.partition,
            records=records,
            next_offset=records[-1].offset + 1,
        )
        result = task.process(batch, now_ms=self._now_ms)
        self._pending += result.deliveries
        for ledger in result.ledgers.values():
            self._count(ledger)

    def _count(self, ledger: Ledger) -> None:
        if not ledger.is_balanced():
            raise AssertionError("a batch's outcomes do not add up to its events")
        self._pending_ledger.update({outcome.value: events for outcome, events in ledger.counts.items()})
        self._pending_checks.update({(rule, "checked"): count for rule, count in ledger.checked.items()})
        self._pending_checks.update({(rule, "failed"): count for rule, count in ledger.failed.items()})

    def _commit(self, task: Task) -> None:
        checkpoint = task.prepare_checkpoint()
        self._pending += checkpoint.deliveries
        for run in checkpoint.changelog:
            self._committed[run.topic, run.partition] += [
                Delivery(topic=run.topic, key=key, value=value, timestamp_ms=self._now_ms) for key, value in run.records
            ]
        positions = {run.topic: len(self._committed[run.topic, run.partition]) for run in checkpoint.changelog}
        task.commit(positions, now_ms=self._now_ms)

    def _publish(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            for number in self._partitions_for(delivery):
                self._committed[delivery.topic, number].append(delivery)
                if delivery.topic in self._read_here:
                    self._receive(delivery, number)

    def _partitions_for(self, delivery: Delivery) -> Iterable[int]:
        if delivery.partition == EVERY_PARTITION:
            return range(self._partition_count(delivery.topic))
        if delivery.partition is not None:
            return (delivery.partition,)
        return (self._partition_of(delivery.topic, delivery.key),)

    def _receive(self, delivery: Delivery, number: int) -> None:
        place = delivery.topic, number
        record = SourceRecord(
            topic=delivery.topic,
            partition=number,
            offset=len(self._logs[place]),
            timestamp_ms=delivery.timestamp_ms,
            key=delivery.key,
            value=delivery.value,
            headers=delivery.headers,
        )
        self._logs[place].append(record)
        self._waiting.setdefault(place, []).append(record)

    @property
    def topics(self) -> dict[str, TopicKind]:
        """The topics that the pipelines read and write."""
        return {spec.name: spec.kind for spec in self._topology.topics}
