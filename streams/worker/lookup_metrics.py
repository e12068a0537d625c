"""Look-up metrics: calls by how they ended, how long they took, what the cache knew, and how the breakers stand."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.pipeline.lookups.plan import Lookup
from streams.services.breaker import State
from streams.services.observe import Result

CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


class LookupMetrics:
    """Of all look-ups of one worker; the observer of its services."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["pipeline", "lookup"]
        self._calls = Counter(
            "cdc_lookup_calls", "Calls of look-ups by how they ended.", [*labels, "result"], registry=registry
        )
        self._seconds = Histogram(
            "cdc_lookup_seconds", "Time of a call.", labels, registry=registry, buckets=CALL_SECONDS
        )
        self._hits = Counter("cdc_lookup_cache_hits", "Questions answered from the cache.", labels, registry=registry)
        self._breaker = Gauge(
            "cdc_lookup_breaker", "1 for the state that the breaker has.", [*labels, "state"], registry=registry
        )

    def called(self, lookup: Lookup, result: Result, seconds: float | None) -> None:
        """A call has ended; ``seconds`` is ``None`` where none was made."""
        self._calls.labels(lookup.pipeline, lookup.column, result.value).inc()
        if seconds is not None:
            self._seconds.labels(lookup.pipeline, lookup.column).observe(seconds)

    def cached(self, lookup: Lookup, hits: int) -> None:
        """So many questions needed no call."""
        if hits:
            self._hits.labels(lookup.pipeline, lookup.column).inc(hits)

    def changed(self, lookup: Lookup, state: State) -> None:
        """The breaker has this state now."""
        for held in State:
            self._breaker.labels(lookup.pipeline, lookup.column, held.value).set(held is state)
