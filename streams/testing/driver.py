"""The driver: every pipeline in one process, on the same plan, steps and state as the worker, without a broker.

It stands for Kafka (logs with partitions and offsets), for the worker's loop and for the wall clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from streams.contracts import read_contracts
from streams.contracts.registry import SchemaSource
from streams.errors import ConfigurationError
from streams.pipeline.compile import compile_topology
from streams.pipeline.inputs import Inputs
from streams.pipeline.pairing.roles import sends_of
from streams.pipeline.query import scan_rows
from streams.pipeline.spec import Pipeline
from streams.pipeline.task import Task
from streams.pipeline.topology import SubTopology, TopicKind, Topology
from streams.pipeline.truncating.build import fit_partitions
from streams.pipeline.uneven import find_uneven
from streams.records import Delivery, Headers, SourceRecord

from .chosen import chosen
from .committed import CommittedRecord, hashable
from .counted import Counted
from .later import Later
from .logs import Logs, Place, batch_of
from .outside import Outside
from .restored import restored
from .whole import Whole


class Driver:
    """Runs pipelines in memory. ``send`` processes at once, ``commit`` is a checkpoint of every task.

    ``pipelines``: names of those in ``schemas``, and pipelines built in Python; ``None``: all of ``schemas``.
    ``registry``: where records that name a schema find it, such as a ``MemoryRegistry``. ``native``: plain records may
    go the quick way in C, which makes no difference to what comes of them. Errors in contracts and
    pipelines raise ``ConfigurationError`` with every problem.
    """

    def __init__(
        self,
        schemas: str | Path,
        *,
        pipelines: Iterable[str | Pipeline] | None = None,
        start_ms: int = 0,
        partitions: Mapping[str, int] | None = None,
        app: str = "driver",
        mask_key: bytes | None = b"driver",
        registry: SchemaSource | None = None,
        native: bool = True,
    ) -> None:
        only, built = chosen(pipelines)
        topology = compile_topology(
            read_contracts(schemas), app=app, only=only, built=built, mask_key=mask_key, registry=registry,
            native=native,
        )  # fmt: skip
        counts = Logs(topology, partitions or {}).counts()
        self._topology: Topology = fit_partitions(topology, counts)
        self._now_ms = start_ms
        self._outside = Outside(self._topology.plans, lambda: self._now_ms)
        self._logs = Logs(self._topology, partitions or {})
        self._committed: dict[Place, list[Delivery]] = defaultdict(list)
        self._pending: list[Delivery] = []
        self._tasks: dict[Place, Task] = {}
        self._counted = Counted()
        self._whole = Whole()
        self._waiting: dict[Place, list[SourceRecord]] = {}
        """Published to topics that are read here, and not processed yet."""
        self._later = Later()
        self._tiers = frozenset(topic for plan in self._topology.plans for topic in plan.tiers)
        self._first = {
            topic: sub.source_topics[0] for sub in self._topology.subtopologies for topic in sub.source_topics
        }
        """By source topic, the one that its tasks are called by."""
        if problems := list(find_uneven(self._topology, self._logs.counts())):
            raise ConfigurationError(problems)

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
        number = self._logs.partition_of(topic, key) if partition is None else partition
        sent = Delivery(
            topic=topic,
            key=key,
            value=value,
            timestamp_ms=self._now_ms if timestamp_ms is None else timestamp_ms,
            headers=tuple(headers),
        )
        record = self._logs.append(number, sent)
        self._bring(topic, number, [record])

    def commit(self) -> None:
        """A checkpoint: outputs, state and offsets become visible together.

        What one stage tells the next becomes visible with it, too, and is worked off in checkpoints of its own, as is
        what is to be tried again by now.
        """
        self._checkpoint()
        while self._waiting or any(task.is_touched for task in self._tasks.values()):
            self._work_off()
            self._checkpoint()

    def _checkpoint(self) -> None:
        for task in self._tasks.values():
            if task.is_touched:
                self._commit(task)
        self._publish(self._pending)
        self._pending = []
        self._counted.keep()
        self._waiting.update(self._later.take(self._now_ms))

    def _forget_pending(self) -> None:
        self._pending = []
        self._counted.forget()

    def _work_off(self) -> None:
        """What has been published to topics that are read here."""
        waiting, self._waiting = self._waiting, {}
        inputs: dict[Place, Inputs] = {}
        for (topic, number), records in waiting.items():
            task = self._task(topic, number)
            place = self._first[topic], number
            held = inputs.setdefault(place, self._whole.of(place) or Inputs(task.sub))
            held.add(batch_of(records))
        for place, held in inputs.items():
            self._drain(place, held)

    def advance(self, *, ms: int) -> None:
        """Let wall clock pass: what waits is tried again when it is due, idle windows close. Ends with a checkpoint."""
        self._attend()
        end_ms = self._now_ms + ms
        self.commit()
        while (due_ms := self._later.next_due_ms()) is not None and due_ms <= end_ms:
            self._now_ms = max(self._now_ms, due_ms)
            self.commit()
        self._now_ms = end_ms
        for place, held in self._whole.items():
            self._drain(place, held)
        for place, task in self._tasks.items():
            task.advance_clock(now_ms=self._now_ms, caught_up=self._whole.caught_up(place, task))
        self.commit()
        # A stage has heard only now what was there before; for it, time passes after that.
        if stages := [task for task in self._tasks.values() if task.is_stage]:
            for task in stages:
                task.advance_clock(now_ms=self._now_ms, caught_up=task.sub.source_topics)
            self.commit()

    def restart(self, *, lose_uncommitted: bool = True) -> None:
        """A crash and a new owner: state comes from the changelogs, input from the committed offsets."""
        if not lose_uncommitted:
            self.commit()
        self._forget_pending()
        places = list(self._tasks)
        self._tasks, self._whole = {}, Whole()
        for place in places:
            task = self._task(*place)
            rest = self._logs.unread(task, without=self._tiers)
            for _, records in groupby(rest, key=lambda record: record.topic):
                self._bring(place[0], place[1], list(records))

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
        return self._counted.outcomes()

    def incomplete(self) -> Mapping[str, int]:
        """By reason, transactions released since the start or ``restart`` that are not known to have been whole."""
        self.commit()
        return self._whole.incomplete()

    def quality(self) -> dict[str, tuple[int, int]]:
        """By rule, how often it was asked and how often it was broken, over all datasets and pipelines."""
        self.commit()
        return self._counted.rules()

    def canaries(self) -> dict[str, tuple[int, int]]:
        """By pipeline with a canary, how many rows it was asked about and how many of them it would refuse."""
        self.commit()
        return self._counted.canaries()

    # -- Kafka and the worker's loop

    def _task(self, topic: str, number: int) -> Task:
        place = self._first[topic], number
        if place not in self._tasks:
            self._tasks[place] = self._new_task(self._topology.subtopology_of(topic), number)
        return self._tasks[place]

    def _new_task(self, sub: SubTopology, number: int) -> Task:
        partitions = self._logs.count(sub.source_topics[0])
        task = Task(sub, number, restored(sub, number, self._committed), partitions=partitions)
        task.advance_clock(now_ms=self._now_ms, caught_up=())  # silence is counted from here
        self._whole.begin((sub.source_topics[0], number), task)
        return task

    def _attend(self) -> None:
        """Tasks of partitions that have got nothing yet: others wait until they have said that they are idle."""
        for sub in self._topology.subtopologies:
            first = sub.source_topics[0]
            if any(plan.exchanges or sends_of(plan) for plan in sub.plans):
                for number in range(self._logs.count(first)):
                    self._task(first, number)

    def _bring(self, topic: str, number: int, records: list[SourceRecord]) -> None:
        """Records of one topic are here; they are processed at once, unless their transactions are held back."""
        task, place = self._task(topic, number), (self._first[topic], number)
        if (held := self._whole.of(place)) is None:
            self._process(task, records)
        else:
            held.add(batch_of(records))
            self._drain(place, held)

    def _drain(self, place: Place, held: Inputs) -> None:
        while (batch := held.next_batch(lambda _: True, now_ms=self._now_ms, clock_ms=self._now_ms)) is not None:
            self._process(self._tasks[place], batch.records)

    def _process(self, task: Task, records: list[SourceRecord]) -> None:
        result = self._outside.process(task, batch_of(records), now_ms=self._now_ms)
        self._pending += result.deliveries
        self._counted.add(result)

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
            for number in self._logs.partitions_for(delivery):
                self._committed[delivery.topic, number].append(delivery)
                if delivery.topic in self._first:
                    record = self._logs.append(number, delivery)
                    if delivery.topic in self._tiers:
                        self._later.add((delivery.topic, number), record)
                    else:
                        self._waiting.setdefault((delivery.topic, number), []).append(record)

    @property
    def topics(self) -> dict[str, TopicKind]:
        """The topics that the pipelines read and write."""
        return {spec.name: spec.kind for spec in self._topology.topics}
