"""Measure: the same records through the floor and through a worker, each alone on one core, the broker on the other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from tests.integration.cluster import Cluster, produce, read_committed

from .oracle import differences, expected, published
from .workload import workload

SCHEMAS = Path(__file__).parent / "schemas"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One run, from its first record to its last commit; start-up left out."""

    events: int
    wall_s: float
    cpu_s: float
    """Of the whole process, all threads."""
    peak_mb: float
    idle_mb: float = 0.0
    """Memory before the first record."""

    @property
    def events_per_s(self) -> float:
        """Throughput."""
        return self.events / self.wall_s

    @property
    def cpu_us(self) -> float:
        """CPU microseconds an event."""
        return self.cpu_s / self.events * 1e6


class Bench:
    """A broker, a source topic full of workload W, and the runs over it."""

    def __init__(self, brokers: str, folder: Path, *, core: int) -> None:
        self.brokers = brokers
        self._folder = folder
        self._core = core
        self._runs = 0

    def preload(self, count: int) -> str:
        """A source topic that holds ``count`` events."""
        name = self._prefix() + "orders.v1"
        with self.cluster() as cluster:
            cluster.create_topic(name)
            produce(self.brokers, name, ({"key": event.key, "value": event.value} for event in workload(count)))
        return name

    def _prefix(self) -> str:
        self._runs += 1
        return f"bench{self._runs}."

    def cluster(self, source: str = "bench.orders.v1") -> Cluster:
        """Workers-to-be on ``source``, with output topics and an application of their own."""
        prefix = self._prefix()
        folder = self._folder / prefix
        schemas = folder / "schemas"
        shutil.copytree(SCHEMAS, schemas)
        pipeline = schemas / "pipelines" / "w.yaml"
        text = pipeline.read_text().replace("bench.", prefix).replace(f"{prefix}orders.v1\n", f"{source}\n", 1)
        pipeline.write_text(text.replace(f"iglu:com.acme.{prefix}", "iglu:com.acme.bench."))
        return Cluster(self.brokers, schemas, folder, prefix.rstrip("."))

    def run_floor(self, source: str, count: int) -> Measurement:
        """Consume, decode, produce."""
        out = self._prefix() + "floor"
        with self.cluster() as cluster:
            cluster.create_topic(out)
        command = [sys.executable, "-m", "tests.bench.floor", self.brokers, source, out, str(count)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        os.sched_setaffinity(process.pid, {self._core})
        output, _ = process.communicate()
        return Measurement(events=count, **json.loads(output))

    def run_worker(self, source: str, count: int) -> tuple[Measurement, dict[str, int]]:
        """A worker over everything that waits in ``source``, and what the oracle finds wrong."""
        with self.cluster(source) as cluster:
            pid = self.start(cluster)
            cluster.wait_until(lambda: "begins at" in cluster.log("bench"), every_s=0.005)
            begun = cpu_seconds(pid), time.monotonic(), memory_mb(pid, "VmRSS")
            self.wait_done(cluster, source)
            measured = Measurement(
                events=count,
                wall_s=time.monotonic() - begun[1],
                cpu_s=cpu_seconds(pid) - begun[0],
                peak_mb=memory_mb(pid, "VmHWM"),
                idle_mb=begun[2],
            )
            cluster.stop("bench")
            return measured, self.judge(cluster, source)

    def start(self, cluster: Cluster) -> int:
        """A worker pinned to the core; its pid."""
        pid = cluster.start("bench").pid
        os.sched_setaffinity(pid, {self._core})
        return pid

    def wait_done(self, cluster: Cluster, source: str) -> None:
        """Until the group has committed everything in ``source``."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": cluster.app})
        places = [TopicPartition(source, number) for number in consumer.list_topics(source).topics[source].partitions]
        ends = {place.partition: consumer.get_watermark_offsets(place)[1] for place in places}

        def is_done() -> bool:
            return all(place.offset == ends[place.partition] for place in consumer.committed(places, 30))

        cluster.wait_until(is_done, every_s=0.1, patience_s=1_800)
        consumer.close()

    def judge(self, cluster: Cluster, source: str) -> dict[str, int]:
        """What differs from an independent recomputation; all zero when nothing does."""
        wanted, dead = expected(read_committed(self.brokers, source))
        found = differences(wanted, published(read_committed(self.brokers, f"{cluster.app}.enriched.v1")))
        letters = len(read_committed(self.brokers, f"{cluster.app}.orders.v1-dlt"))
        return {**found, "dead letters too many or too few": abs(letters - dead)}


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int, field: str) -> float:
    """``VmRSS``: now, ``VmHWM``: at most so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)
