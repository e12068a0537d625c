"""Owned: a task that this worker has, with what must happen when it commits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from streams.ledger import Ledger
from streams.pipeline.inputs import Inputs
from streams.pipeline.results import BatchResult
from streams.pipeline.task import Task
from streams.pipeline.topology import SubTopology
from streams.pipeline.transactional.ends import ALL_HERE, Reader
from streams.records import RecordBatch
from streams.state.stores.base import Store

from .asking import HeldBatch
from .metrics import WorkerMetrics
from .starts import Start


class OwnedTask:
    """A ready task and its uncommitted ledgers."""

    def __init__(self, task: Task, *, must_commit: bool) -> None:
        self.task = task
        self.inputs = Inputs(task.sub, task.ended())
        """What was fetched for it; who aborts drops the task, and this with it."""
        self.reader: Reader = ALL_HERE
        """How far its inputs have been read."""
        self.held = HeldBatch()
        """What cannot be processed before look-ups are answered."""
        self.must_commit = must_commit
        """The very first start: its offset is committed although nothing has moved."""
        self.is_refused = False
        """The open transaction takes no more: a checkpoint will find out why."""
        self.changelog_ends: dict[str, int] = {}
        self.noted = frozenset([""])
        """Addresses that stood beside its offsets when it was taken."""
        self._results: list[BatchResult] = []
        self._of_results: Mapping[str, Ledger] = {}
        self.full_topics: frozenset[str] = frozenset()
        """Sources that are not read on for now, as of the last look."""

    @classmethod
    def begin(
        cls, sub: SubTopology, partition: int, store: Store, starts: Mapping[str, Start], *, partitions: int = 1
    ) -> OwnedTask:
        """A task over its restored store, each of its topics at its committed offset."""
        task = Task(sub, partition, store, partitions=partitions)
        owned = cls(task, must_commit=any(start.is_first for start in starts.values()))
        for topic, start in starts.items():
            task.start_at(topic, start.offset)
            owned.changelog_ends.update({} if start.metadata is None else start.metadata.e)
        owned.noted = frozenset("" if start.metadata is None else start.metadata.w for start in starts.values())
        return owned

    @property
    def has_work(self) -> bool:
        """Something to commit."""
        return self.must_commit or self.is_refused or self.task.is_touched

    def next_batch(self, is_caught_up: Callable[[str], bool]) -> RecordBatch | None:
        """What to process next; ``None``: nothing now."""
        self.full_topics = self.task.full_topics()
        clock_ms = time.time_ns() // 1_000_000
        now_ms = int(time.monotonic() * 1_000)
        return self.inputs.next_batch(
            is_caught_up, now_ms=now_ms, clock_ms=clock_ms, full=self.full_topics, reader=self.reader
        )

    def is_resting(self, topic: str) -> bool:
        """What was fetched of ``topic`` is not to be processed yet."""
        clock_ms, now_ms = time.time_ns() // 1_000_000, int(time.monotonic() * 1_000)
        return self.inputs.is_resting(topic, clock_ms=clock_ms, now_ms=now_ms, full=self.full_topics)

    def note(self, result: BatchResult) -> None:
        """Keep a batch's outcomes until they are committed."""
        self._results.append(replace(result, deliveries=[]))

    def note_results(self, ledgers: Mapping[str, Ledger]) -> None:
        """The same of what came up at the checkpoint."""
        self._of_results = ledgers

    def committed(self, positions: dict[str, int], metrics: WorkerMetrics, *, now_ms: int) -> None:
        """Kafka has it: now the store and the metrics."""
        self.task.commit(positions, now_ms=now_ms)
        self.changelog_ends.update(positions)
        self.must_commit = False
        for result in self._results:
            metrics.count(result.topic, result.ledgers, result.source)
            metrics.count(result.topic, result.released, "parked")
            for time_ms in result.commit_times_ms:
                metrics.latency.observe(max(0, now_ms - time_ms) / 1000)
        metrics.count("", self._of_results)
        self._results, self._of_results = [], {}
        for hold in self.inputs.holds:
            metrics.count_incomplete(hold.said.topic, hold.incomplete)
            hold.incomplete.clear()

    def abort(self) -> None:
        """Nothing since the last commit happened."""
        self.task.abort()
        self.is_refused = False
        self._results, self._of_results = [], {}

    def observe(self, metrics: WorkerMetrics, lags: Mapping[str, int | None], now_ms: int) -> None:
        """Lag by topic and watermark delay of this task."""
        number = str(self.task.partition)
        for topic, lag in lags.items():
            if lag is not None:
                metrics.lag.labels(topic, number).set(lag)
        for pipeline, waiting in self.task.waiting().items():
            metrics.waiting.labels(pipeline, number, "retried").set(waiting.retrying)
            metrics.waiting.labels(pipeline, number, "parked").set(waiting.parked)
        for hold in self.inputs.holds:
            metrics.held.labels(hold.said.topic, number).set(hold.transactions)
        metrics.quality.observe(self.task.standings(), self.task.partition, now_ms)
        for pipeline, watermark_ms in self.task.watermarks().items():
            if watermark_ms is not None:
                metrics.watermark_delay.labels(pipeline, number).set((now_ms - watermark_ms) / 1000)
