"""Owned: a task that this worker has, with what must happen when it commits."""

from __future__ import annotations

from streams.ledger import Ledger
from streams.pipeline.task import BatchResult, Task
from streams.pipeline.topology import SubTopology
from streams.state.stores.base import Store

from .metrics import WorkerMetrics
from .starts import Start


class OwnedTask:
    """A ready task and its uncommitted ledgers."""

    def __init__(self, task: Task, *, must_commit: bool) -> None:
        self.task = task
        self.must_commit = must_commit
        """The very first start: its offset is committed although nothing has moved."""
        self.is_refused = False
        """The open transaction takes no more: a checkpoint will find out why."""
        self.changelog_ends: dict[str, int] = {}
        self._ledgers: list[dict[str, Ledger]] = []
        self._commit_times_ms: list[int] = []

    @classmethod
    def begin(cls, sub: SubTopology, partition: int, store: Store, start: Start) -> OwnedTask:
        """A task over its restored store, at its committed offset."""
        task = Task(sub, partition, store)
        task.start_at(sub.source_topics[0], start.offset)
        owned = cls(task, must_commit=start.is_first)
        owned.changelog_ends = {} if start.metadata is None else dict(start.metadata.e)
        return owned

    @property
    def has_work(self) -> bool:
        """Something to commit."""
        return self.must_commit or self.is_refused or self.task.is_touched

    def note(self, result: BatchResult) -> None:
        """Keep a batch's outcomes until they are committed."""
        self._ledgers.append(dict(result.ledgers))
        self._commit_times_ms += result.commit_times_ms

    def committed(self, positions: dict[str, int], metrics: WorkerMetrics, *, now_ms: int) -> None:
        """Kafka has it: now the store and the metrics."""
        self.task.commit(positions, now_ms=now_ms)
        self.changelog_ends.update(positions)
        self.must_commit = False
        for ledgers in self._ledgers:
            metrics.count(self.task.sub.source_topics[0], ledgers)
        for time_ms in self._commit_times_ms:
            metrics.latency.observe(max(0, now_ms - time_ms) / 1000)
        self._ledgers, self._commit_times_ms = [], []

    def abort(self) -> None:
        """Nothing since the last commit happened."""
        self.task.abort()
        self.is_refused = False
        self._ledgers, self._commit_times_ms = [], []

    def observe(self, metrics: WorkerMetrics, lag: int | None, now_ms: int) -> None:
        """Lag and watermark delay of this task."""
        topic, number = self.task.sub.source_topics[0], str(self.task.partition)
        if lag is not None:
            metrics.lag.labels(topic, number).set(lag)
        metrics.quality.observe(self.task.standings(), self.task.partition, now_ms)
        for pipeline, watermark_ms in self.task.watermarks().items():
            if watermark_ms is not None:
                metrics.watermark_delay.labels(pipeline, number).set((now_ms - watermark_ms) / 1000)
