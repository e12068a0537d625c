"""Measure: the same records through the floor and through workers, each alone on one core, the broker on the other."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from streams.embedded import EmbeddedKafka, EmbeddedRedis
from tests.integration.cluster import Cluster, produce

from .jobs import Job

SCHEMAS = Path(__file__).parent / "schemas"
TICKS = os.sysconf("SC_CLK_TCK")
Sources = Mapping[str, str]
"""By name in the pipelines, the topic that was filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One run, from its first record to its last commit; start-up left out."""

    events: int
    wall_s: float
    cpu_s: float
    """Of the whole process, all threads; of all workers together."""
    peak_mb: float
    idle_mb: float = 0.0
    """Memory before the first record."""
    store_cpu_s: float = 0.0
    """Of the Redis that has the tables, if one has."""
    store_mb: float = 0.0

    @property
    def events_per_s(self) -> float:
        """Throughput."""
        return self.events / self.wall_s

    @property
    def cpu_us(self) -> float:
        """CPU microseconds an event."""
        return self.cpu_s / self.events * 1e6


def a_broker(folder: Path) -> EmbeddedKafka:
    """For a bench in ``folder``. As Kafka does if nothing is said, a new group waits until its members are there.

    Without that, who starts first begins alone, and what it costs the other to start and join counts as work.
    """
    return EmbeddedKafka(folder / "kafka", options={"group.initial.rebalance.delay.ms": 3_000})


class Bench:
    """A broker, source topics full of a workload, and the runs over them."""

    def __init__(self, brokers: str, folder: Path, *, core: int, stamp: str = "bench") -> None:
        self.brokers = brokers
        self.folder = folder
        self.core = core
        self._stamp = stamp
        self._runs = 0

    def preload(self, job: Job, count: int) -> Sources:
        """Source topics for ``count`` orders."""
        prefix = self.prefix()
        sources = {name: prefix + name for name in job.sources}
        for name, topic in sources.items():
            self.create(topic)
            events = job.sources[name](count)
            produce(self.brokers, topic, ({"key": event.key, "value": event.value} for event in events))
        return sources

    def create(self, topic: str) -> None:
        """A topic of four partitions."""
        with Cluster(self.brokers, self.folder, self.folder, "") as cluster:
            cluster.create_topic(topic, retention_ms="-1")  # events are of 2023

    def prefix(self) -> str:
        """What begins the names of the next run's topics."""
        self._runs += 1
        return f"{self._stamp}{self._runs}."

    def cluster(self, job: Job, sources: Sources) -> Cluster:
        """Workers-to-be on ``sources``, with output topics and an application of their own."""
        prefix = self.prefix()
        folder = self.folder / prefix
        schemas = folder / "schemas"
        shutil.copytree(SCHEMAS, schemas, ignore=shutil.ignore_patterns("pipelines"))
        (schemas / "pipelines").mkdir()
        for pipeline in job.pipelines:
            text = re.sub(
                r"(?<!acme\.)\bbench\.([\w.-]+)",
                lambda found: sources.get(found[1], prefix + found[1]),
                pipeline.read_text(),
            )
            (schemas / "pipelines" / pipeline.name).write_text(text)
        return Cluster(self.brokers, schemas, folder, prefix.rstrip("."))

    def run_floor(self, job: Job, sources: Sources, count: int) -> Measurement:
        """Consume, decode, produce; where the job needs it, consume and decode once more."""
        out, events = self.prefix() + "floor", count + job.further_events
        self.create(out)
        ways = [self._carry(sources.values(), out, events)]
        if job.between:
            ways.append(self._carry([out], "-", events))
        return Measurement(
            events=events,
            wall_s=sum(way["wall_s"] for way in ways),
            cpu_s=sum(way["cpu_s"] for way in ways),
            peak_mb=max(way["peak_mb"] for way in ways),
        )

    def _carry(self, topics: Iterable[str], out: str, count: int) -> dict[str, float]:
        command = [sys.executable, "-m", "tests.bench.floor", self.brokers, out, str(count), *topics]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        os.sched_setaffinity(process.pid, {self.core})
        output, _ = process.communicate()
        measured: dict[str, float] = json.loads(output)
        return measured

    def run_workers(
        self, job: Job, sources: Sources, count: int, **environment: str
    ) -> tuple[Measurement, dict[str, int]]:
        """The workers over everything that waits in ``sources``, and what the oracle finds wrong."""
        measured, judge = self.time_workers(job, sources, count, **environment)
        return measured, judge()

    def time_workers(
        self, job: Job, sources: Sources, count: int, **environment: str
    ) -> tuple[Measurement, Callable[[], dict[str, int]]]:
        """The same; the oracle takes longer than they do, and waits until it is asked."""
        if not job.is_on_redis:
            return self._time_workers(job, sources, count, environment)
        with EmbeddedRedis(self.folder / f"redis{self._runs}") as server:
            measured, judge = self._time_workers(job, sources, count, {**environment, "STREAMS_STORE": server.url})
            cpu_s, mb = cpu_seconds(server.pid), memory_mb(server.pid, "VmHWM")
            return replace(measured, store_cpu_s=cpu_s, store_mb=mb), judge

    def _time_workers(
        self, job: Job, sources: Sources, count: int, environment: Mapping[str, str]
    ) -> tuple[Measurement, Callable[[], dict[str, int]]]:
        with self.cluster(job, sources) as cluster:
            pids = [self.start(cluster, name, **environment) for name in job.workers]
            cluster.wait_until(lambda: any("begins at" in cluster.log(name) for name in job.workers), every_s=0.005)
            begun = sum(map(cpu_seconds, pids)), time.monotonic(), _memory_mb(pids, "VmRSS")
            self._wait_done(cluster, job, sources)
            measured = Measurement(
                events=count + job.further_events,
                wall_s=time.monotonic() - begun[1],
                cpu_s=sum(map(cpu_seconds, pids)) - begun[0],
                peak_mb=_memory_mb(pids, "VmHWM"),
                idle_mb=begun[2],
            )
            for name in job.workers:
                cluster.stop(name)
        return measured, lambda: job.judge(lambda topic: cluster.read(sources.get(topic, f"{cluster.app}.{topic}")))

    def start(self, cluster: Cluster, instance: str, **environment: str) -> int:
        """A worker pinned to the core, which it shares where there are several; its pid."""
        pid = cluster.start(instance, **environment).pid
        os.sched_setaffinity(pid, {self.core})
        return pid

    def _wait_done(self, cluster: Cluster, job: Job, sources: Sources) -> None:
        """Until the group has committed everything in the sources, and then everything that they have sent on."""
        for topic in sources.values():
            self._wait_committed(cluster, topic)
        if job.between:  # the ends of each worker's last transaction may be left of it for ever
            self._wait_committed(cluster, f"{cluster.app}-{job.between}", spare=len(job.workers))
            cluster.wait_until(lambda: cluster.is_caught_up(*job.workers), every_s=0.1)

    def _wait_committed(self, cluster: Cluster, topic: str, *, spare: int = 0) -> None:
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": cluster.app})
        places = [TopicPartition(topic, number) for number in consumer.list_topics(topic).topics[topic].partitions]
        ends = {place.partition: consumer.get_watermark_offsets(place)[1] for place in places}

        def is_done() -> bool:
            return all(place.offset >= ends[place.partition] - spare for place in consumer.committed(places, 30))

        cluster.wait_until(is_done, every_s=0.1, patience_s=1_800)
        consumer.close()


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory_mb(pids: Iterable[int], field: str) -> float:
    return sum(memory_mb(pid, field) for pid in pids)


def memory_mb(pid: int, field: str) -> float:
    """``VmRSS``: now, ``VmHWM``: at most so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)
