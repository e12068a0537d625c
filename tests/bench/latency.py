"""Latency at half load: from when a source event is due until a read_committed consumer holds its result."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from .jobs import ORDERS, W
from .measure import Bench, cpu_seconds
from .workload import workload

SLICE_S = 0.01
WARM_UP_S = 10.0
"""Before what is counted: a broker whose just-in-time compiler has not seen such a load needs so long on this core."""
LOOKED_AT = 0
"""The partition whose results are read, one of four: who looks takes of a core what is missing there. All four are
committed together."""


class Enriched(msgspec.Struct, gc=False):
    """What is read of a result."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds over the results of one partition of a run, warm-up left out."""

    rate: float
    """Events a second."""
    p50_ms: float
    p99_ms: float
    results: int
    cpu_us: float
    """CPU of the worker, microseconds an event, warm-up included."""


class _Probe:
    """Sends at a rate and notes when results come."""

    def __init__(self, brokers: str, source: str, out: str) -> None:
        self._source = source
        self._producer = Producer(
            {"bootstrap.servers": brokers, "partitioner": "murmur2_random", "queue.buffering.max.messages": 1_000_000}
        )
        self._consumer = Consumer(
            {"bootstrap.servers": brokers, "group.id": "latency", "isolation.level": "read_committed",
             "auto.offset.reset": "earliest", "fetch.queue.backoff.ms": 1, "fetch.wait.max.ms": 10}
        )  # fmt: skip
        self._consumer.assign([TopicPartition(out, LOOKED_AT, 0)])
        self.latencies_ms: list[float] = []

    def run(self, rate: float, seconds: float) -> None:
        ids = msgspec.json.Decoder(_Envelope).decode
        # All is made before: what is sent has no time for it.
        seconds += WARM_UP_S
        events = list(workload(int(rate * seconds)))
        first = {ids(event.value).after.id: number for number, event in reversed(list(enumerate(events)))}
        gc.freeze()
        begun, sent = time.monotonic(), 0
        while (now := time.monotonic()) - begun < seconds + 3.0:
            due = int(min(now - begun, seconds) * rate)
            for event in events[sent:due]:
                self._producer.produce(self._source, event.value, event.key)
            sent = due
            self._producer.poll(0)
            self._take({} if now - begun < WARM_UP_S else first, begun, rate)

    def _take(self, first: Mapping[int, int], begun: float, rate: float) -> None:
        """Compare with when an event was due, not when it was sent: a sender that is late hides nothing."""
        records = self._consumer.consume(10_000, SLICE_S)
        if not first:
            return
        now = time.monotonic()
        for record in records:
            due_s = first[_id_of(record.value()).id] / rate
            if due_s > WARM_UP_S:
                self.latencies_ms.append((now - begun - due_s) * 1000)

    def close(self) -> None:
        self._consumer.close()


class _Row(msgspec.Struct, gc=False):
    id: int


class _Envelope(msgspec.Struct, gc=False):
    after: _Row


_id_of = msgspec.json.Decoder(Enriched).decode


@contextmanager
def _also_on(core: int) -> Iterator[None]:
    """Who sends and looks takes the core that has room: worker and broker keep theirs, and neither is full."""
    held = os.sched_getaffinity(0)
    os.sched_setaffinity(0, held | {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, held)


def measure_latency(
    bench: Bench, rate: float, seconds: float, **environment: str
) -> tuple[Latency, Callable[[], dict[str, int]]]:
    """A worker under ``rate`` events a second for ``seconds``, after as long a warm-up as brokers need.

    Beside it what the oracle finds wrong, which takes long: who wants to know asks.
    """
    sources = bench.preload(W, 0)
    with bench.cluster(W, sources) as cluster:
        pid = bench.start(cluster, "bench", **environment)
        cluster.wait_until(lambda: cluster.log("bench").count("begins at") == 4)
        begun_s = cpu_seconds(pid)
        with _also_on(bench.core):
            probe = _Probe(bench.brokers, sources[ORDERS], f"{cluster.app}.enriched.v1")
            probe.run(rate, seconds)
            probe.close()
        cpu_s = cpu_seconds(pid) - begun_s
        cluster.stop("bench")
    ordered = sorted(probe.latencies_ms)
    latency = Latency(
        rate=rate,
        p50_ms=ordered[len(ordered) // 2],
        p99_ms=ordered[len(ordered) * 99 // 100],
        results=len(ordered),
        cpu_us=cpu_s / (rate * (WARM_UP_S + seconds)) * 1e6,
    )
    return latency, lambda: W.judge(lambda topic: cluster.read(sources.get(topic, f"{cluster.app}.{topic}")))
