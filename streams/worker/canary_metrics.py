"""Canary metrics: what a candidate of a contract would refuse of the events that today's version takes."""

from __future__ import annotations

from collections import Counter as Counts

from prometheus_client import CollectorRegistry, Counter, Gauge

from streams.ledger import Ledger


class CanaryMetrics:
    """Of all pipelines with a canary; counters are of this process since it started."""

    def __init__(self, registry: CollectorRegistry) -> None:
        of = ["pipeline", "version"]
        self._events = Counter("cdc_canary_events", "Events that a candidate was asked about.", [*of, "verdict"],
                               registry=registry)  # fmt: skip
        self._causes = Counter("cdc_canary_causes", "Events it would refuse, by why.", [*of, "code", "path"],
                               registry=registry)  # fmt: skip
        self._ratio = Gauge("cdc_canary_would_reject_ratio", "Share of events it would refuse.", of, registry=registry)
        self._judged: Counts[tuple[str, str]] = Counts()
        self._rejected: Counts[tuple[str, str]] = Counts()

    def count(self, pipeline: str, ledger: Ledger) -> None:
        """Add what has been committed."""
        shadow = ledger.shadow
        if shadow is None or not shadow.judged:
            return
        of = pipeline, shadow.version
        self._events.labels(*of, "accepted").inc(shadow.judged - shadow.rejected)
        self._events.labels(*of, "rejected").inc(shadow.rejected)
        for (code, path), events in shadow.causes.items():
            self._causes.labels(*of, code, path).inc(events)
        self._judged[of] += shadow.judged
        self._rejected[of] += shadow.rejected
        self._ratio.labels(*of).set(self._rejected[of] / self._judged[of])
