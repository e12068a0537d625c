"""Metrics of a capture, for Prometheus."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from streams.records import Delivery

from .options import CaptureError
from .schemas.watch import SchemaReport
from .snapshots.progress import TableProgress


class CaptureMetrics:
    """Counters and gauges; ``serve`` shows them over HTTP."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter("cdc_capture_events", "Records by topic.", ["topic"], registry=self.registry)
        self._lag = Gauge("cdc_capture_slot_lag_bytes", "Log kept for the slot.", registry=self.registry)
        self._limit = Gauge("cdc_capture_slot_lag_limit_bytes", "--max-slot-lag; 0: none.", registry=self.registry)
        self._changes = Counter(
            "cdc_capture_schema_changes", "Changed columns of tables.", ["table", "change"], registry=self.registry
        )
        self._committed = Gauge(
            "cdc_capture_last_commit_seconds", "When the last chunk was committed.", registry=self.registry
        )
        self._snapshot = Gauge(
            "cdc_capture_snapshot_ratio", "Progress of the snapshot.", ["table"], registry=self.registry
        )
        self._rows = Gauge("cdc_capture_snapshot_rows", "Rows read.", ["table"], registry=self.registry)
        self._seconds_left = Gauge(
            "cdc_capture_snapshot_seconds_left", "Of the snapshot, as it goes.", ["table"], registry=self.registry
        )
        self._transformed = Counter(
            "cdc_capture_transformed", "Changes filtered, masked, routed.", ["done", "table"], registry=self.registry
        )
        self._open: Tally[str] = Tally()
        self._watched: Mapping[tuple[str, str], int] = {}
        self._shown: dict[tuple[str, str], int] = {}

    def watch(self, counts: Mapping[tuple[str, str], int]) -> None:
        """``counts``: changes by (what was done with them, table), which grow."""
        self._watched = counts

    def _show_watched(self) -> None:
        for place, number in self._watched.items():
            done, table = place
            self._transformed.labels(done, table).inc(number - self._shown.get(place, 0))
            self._shown[place] = number

    def serve(self, host: str, port: int | None) -> None:
        """Listen on ``host:port``; no port: do not."""
        if port is None:
            return
        try:
            start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            raise CaptureError(f"cannot listen on {host}:{port} ({error.strerror}); see --metrics-port") from None

    def count(self, records: Iterable[Delivery]) -> None:
        """Records that went into the open chunk; shown when it is in Kafka."""
        for record in records:
            self._open[record.topic] += 1

    def snapshot(self, progress: TableProgress) -> None:
        """Rows of the snapshot."""
        self._snapshot.labels(progress.table).set(progress.ratio)
        self._rows.labels(progress.table).set(progress.rows)
        if (seconds := progress.seconds_left) is not None:
            self._seconds_left.labels(progress.table).set(seconds)

    def schema_changed(self, report: SchemaReport) -> None:
        """Columns of a table have changed, or its contract lacks them."""
        for change in report.changes:
            self._changes.labels(report.table, change.kind.value).inc()

    def limit(self, size_bytes: int | None) -> None:
        """Log that may be kept for the slot."""
        self._limit.set(size_bytes or 0)

    def lag(self, size_bytes: int) -> None:
        """Log kept for the slot."""
        self._lag.set(size_bytes)

    def committed(self) -> None:
        """A chunk is in Kafka."""
        self._committed.set(time.time())
        for topic, number in self._open.items():
            self._events.labels(topic).inc(number)
        self._open.clear()
        self._show_watched()
