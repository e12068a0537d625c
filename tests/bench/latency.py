"""Latency at half load: from ``produce()`` of a source event until a read_committed consumer holds its result."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from .jobs import ORDERS, W
from .measure import Bench
from .workload import workload

SLICE_S = 0.01
WARM_UP_S = 2.0
LOOKED_AT, LAST_DIGIT = 10, ord("0")
"""Of ten results one: who looks shares a core with the broker, and what it takes is missing there."""


class Enriched(msgspec.Struct, gc=False):
    """What is read of a result."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds over every tenth result of a run, warm-up left out."""

    rate: float
    """Events a second."""
    p50_ms: float
    p99_ms: float
    results: int


class _Probe:
    """Sends at a rate and notes when results come."""

    def __init__(self, brokers: str, source: str, out: str) -> None:
        self._source = source
        self._producer = Producer(
            {"bootstrap.servers": brokers, "partitioner": "murmur2_random", "linger.ms": 1,
             "queue.buffering.max.messages": 1_000_000}
        )  # fmt: skip
        self._consumer = Consumer(
            {"bootstrap.servers": brokers, "group.id": "latency", "isolation.level": "read_committed",
             "auto.offset.reset": "earliest", "fetch.queue.backoff.ms": 1, "fetch.wait.max.ms": 10}
        )  # fmt: skip
        partitions = self._consumer.list_topics(out).topics[out].partitions
        self._consumer.assign([TopicPartition(out, number, 0) for number in partitions])
        self._sent: dict[int, float] = {}
        self.latencies_ms: list[float] = []
        self._decode = msgspec.json.Decoder(Enriched).decode

    def run(self, rate: float, seconds: float) -> None:
        ids = msgspec.json.Decoder(_Envelope).decode
        # All is made before: the broker shares its core with this process.
        events = [(ids(event.value).after.id, event.value, event.key) for event in workload(int(rate * seconds))]
        gc.freeze()
        begun, sent = time.monotonic(), 0
        while (now := time.monotonic()) - begun < seconds + 3.0:
            due = int(min(now - begun, seconds) * rate)
            for number, value, key in events[sent:due]:
                if number % LOOKED_AT == 0:
                    self._sent.setdefault(number, time.monotonic())
                self._producer.produce(self._source, value, key)
            sent = due
            self._producer.poll(0)
            self._take(begun)

    def _take(self, begun: float) -> None:
        records = self._consumer.consume(10_000, SLICE_S)
        now = time.monotonic()
        for record in records:
            value = record.value()
            if value[value.index(b",") - 1] != LAST_DIGIT:  # of the id, which stands first
                continue
            sent = self._sent[self._decode(value).id]
            if sent - begun > WARM_UP_S:
                self.latencies_ms.append((now - sent) * 1000)

    def close(self) -> None:
        self._consumer.close()


class _Row(msgspec.Struct, gc=False):
    id: int


class _Envelope(msgspec.Struct, gc=False):
    after: _Row


def measure_latency(bench: Bench, rate: float, seconds: float) -> Latency:
    """A worker under ``rate`` events a second for ``seconds``."""
    sources = bench.preload(W, 0)
    with bench.cluster(W, sources) as cluster:
        bench.start(cluster, "bench")
        cluster.wait_until(lambda: cluster.log("bench").count("begins at") == 4)
        probe = _Probe(bench.brokers, sources[ORDERS], f"{cluster.app}.enriched.v1")
        probe.run(rate, seconds)
        probe.close()
        cluster.stop("bench")
    ordered = sorted(probe.latencies_ms)
    return Latency(
        rate=rate,
        p50_ms=ordered[len(ordered) // 2],
        p99_ms=ordered[len(ordered) * 99 // 100],
        results=len(ordered),
    )
