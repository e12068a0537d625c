"""Metrics: what a worker tells Prometheus. Costs are per batch and per checkpoint, never per event."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.ledger import Ledger

from .canary_metrics import CanaryMetrics
from .lookup_metrics import LookupMetrics
from .quality_metrics import QualityMetrics

LATENCY_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 300)


class WorkerMetrics:
    """The counters and gauges of one worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter(
            "cdc_events", "Events by outcome.", ["pipeline", "topic", "source", "outcome"], registry=self.registry
        )
        self.dead_letters = Counter(
            "cdc_dead_letters", "Dead letters by reason.", ["pipeline", "reason"], registry=self.registry
        )
        self.dead_results = Counter(
            "cdc_dead_results", "Dead letters of results that are no events of a source, by reason.",
            ["pipeline", "reason"], registry=self.registry,
        )  # fmt: skip
        self.retries = Counter(
            "cdc_retries", "Events that began to wait for their next attempt, by reason.", ["pipeline", "reason"],
            registry=self.registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "cdc_waiting_events", "Events that wait: retried, or parked behind one that is.",
            ["pipeline", "partition", "outcome"], registry=self.registry,
        )  # fmt: skip
        self.late = Counter("cdc_late_events", "Events too late for a table.", ["table"], registry=self.registry)
        self.latency = Histogram(
            "cdc_event_latency_seconds",
            "From the source's commit to ours; two samples a batch.",
            registry=self.registry,
            buckets=LATENCY_SECONDS,
        )
        self.lag = Gauge(
            "cdc_lag_records", "Records not yet processed.", ["topic", "partition"], registry=self.registry
        )
        self.checkpoint = Histogram("cdc_checkpoint_seconds", "Time of a checkpoint.", registry=self.registry)
        self.restored = Gauge(
            "cdc_restored_ratio", "Progress of a restore.", ["topic", "partition"], registry=self.registry
        )
        self.watermark_delay = Gauge(
            "cdc_watermark_delay_seconds",
            "How far event time is behind the clock.",
            ["pipeline", "partition"],
            registry=self.registry,
        )
        self.tasks = Gauge("cdc_tasks", "Tasks of this worker.", registry=self.registry)
        self.held = Gauge(
            "cdc_held_transactions", "Transactions of the source that wait for the rest of them.",
            ["topic", "partition"], registry=self.registry,
        )  # fmt: skip
        self.incomplete = Counter(
            "cdc_incomplete_transactions", "Transactions of the source released without knowing that all was there.",
            ["topic", "reason"], registry=self.registry,
        )  # fmt: skip
        self.away = Gauge(
            "cdc_registry_waiting_tasks", "Tasks that wait for a schema registry to answer.", registry=self.registry
        )
        self.lost = Gauge(
            "cdc_lost_records", "Records of this worker's tasks that retention removed before they were processed.",
            ["topic", "partition"], registry=self.registry,
        )  # fmt: skip
        self.paused = Gauge(
            "cdc_intake_paused", "1 while nothing is fetched, as the disk is getting full.", registry=self.registry
        )
        self.lanes = Gauge(
            "cdc_native_lane", "1 where plain records of a pipeline or stage go through C, 0 where Python does it all.",
            ["pipeline"], registry=self.registry,
        )  # fmt: skip
        self.aborts = Counter("cdc_aborted_transactions", "Transactions aborted in place.", registry=self.registry)
        self.quality = QualityMetrics(self.registry)
        self.canary = CanaryMetrics(self.registry)
        self.lookups = LookupMetrics(self.registry)
        self._internal: deque[tuple[int, int, int]] = deque()
        self._uncommitted: list[int] = []
        self.totals: dict[str, int] = {}
        """Committed events by outcome, over all pipelines."""
        self.reasons: dict[str, int] = {}
        """Committed dead letters by reason."""

    def count(self, topic: str, ledgers: Mapping[str, Ledger], source: str = "topic") -> None:
        """Add what has been committed; ``source``: ``topic`` for first readings, ``retry``, ``parked``."""
        for pipeline, ledger in ledgers.items():
            for outcome, events in ledger.counts.items():
                self.events.labels(pipeline, topic, source, outcome.value).inc(events)
                self.totals[outcome.value] = self.totals.get(outcome.value, 0) + events
            for reason, letters in ledger.reasons().items():
                self.dead_letters.labels(pipeline, reason).inc(letters)
                self.reasons[reason] = self.reasons.get(reason, 0) + letters
            for reason, letters in ledger.dead_results.items():
                self.dead_results.labels(pipeline, reason).inc(letters)
                self.reasons[reason] = self.reasons.get(reason, 0) + letters
            for reason, retried in ledger.retries.items():
                self.retries.labels(pipeline, reason).inc(retried)
            self.quality.count(pipeline, ledger)
            self.canary.count(pipeline, ledger)
            for table, events in ledger.late_by_table.items():
                self.late.labels(table).inc(events)

    def count_incomplete(self, topic: str, reasons: Mapping[str, int]) -> None:
        """Transactions that ``topic`` tells of, released and committed, by why it is not known that they were whole."""
        for reason, transactions in reasons.items():
            self.incomplete.labels(topic, reason).inc(transactions)

    def forget_tasks(self) -> None:
        """This worker has none any more: what it said of their lag is another worker's to say."""
        for gauge in (self.lag, self.restored, self.watermark_delay, self.waiting, self.held, self.lost):
            gauge.clear()
        self.quality.forget_tasks()
        self.tasks.set(0)

    def note_internal_errors(self, ledgers: Mapping[str, Ledger], *, now_ms: int) -> float:
        """The share of internal errors among the events of the last minute, at least 1,000 of them."""
        events = sum(ledger.size for ledger in ledgers.values())
        errors = sum(
            sum(letter.error.reason == "internal_error" for letter in ledger.dead_letters)
            for ledger in ledgers.values()
            if ledger.dead_letters
        )
        self._internal.append((now_ms, events, errors))
        while self._internal and self._internal[0][0] < now_ms - 60_000:
            self._internal.popleft()
        if not errors:
            return 0.0
        total = sum(entry[1] for entry in self._internal)
        return sum(entry[2] for entry in self._internal) / max(total, 1_000)
