"""Growth: what an event costs where the state is empty, and where it has grown; and how fast that state comes back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from confluent_kafka import Consumer, TopicPartition

from tests.bench.jobs import ORDERS, W
from tests.bench.measure import Bench, cpu_seconds
from tests.bench.workload import workload
from tests.integration.cluster import Cluster

from .course import Stretch
from .observe import Observer, wait_begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """A worker that had lost its disk, beside a consumer that reads the same changelogs and nothing else."""

    records: int
    """All that is in the changelogs and not yet compacted."""
    wall_s: float
    """Until the last task began; the start of a worker that has lost nothing is taken off."""
    cpu_s: float
    plain_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One worker that was given more and more to remember."""

    stretch_by_events: dict[int, Stretch]
    """By events before it."""
    restore: Restore


def study_growth(bench: Bench, sizes: Iterable[int], slice_: int, step_ms: int) -> Growth:
    """Slices of so many events after each of ``sizes`` events, ``step_ms`` apart; then its disk is lost."""
    sizes = sorted(sizes)
    total = sizes[-1] + slice_
    job = replace(W, sources={ORDERS: partial(workload, step_ms=step_ms)})
    sources = bench.preload(job, total)
    with bench.cluster(job, sources) as cluster:
        pid = bench.start(cluster, "bench")
        wait_begun(cluster, "bench")
        course = Observer(cluster, pid, sources[ORDERS]).until(lambda done: done >= total, patience_s=7_200)
        stretches = {size: course.stretch(size, size + slice_) for size in sizes}
        return Growth(stretch_by_events=stretches, restore=_study_restore(bench, cluster))


def _study_restore(bench: Bench, cluster: Cluster) -> Restore:
    cluster.stop("bench")
    kept = _start(bench, cluster, times=2)
    cluster.stop("bench")
    shutil.rmtree(cluster.folder / "data")
    lost = _start(bench, cluster, times=3)
    cluster.stop("bench")
    records, plain_s = read_changelogs(bench.brokers, cluster.app)
    return Restore(records=records, wall_s=lost[0] - kept[0], cpu_s=lost[1] - kept[1], plain_s=plain_s)


def _start(bench: Bench, cluster: Cluster, *, times: int) -> tuple[float, float]:
    """(wall, CPU) seconds until the last task begins, where the log tells of ``times`` starts."""
    begun = time.monotonic()
    pid = bench.start(cluster, "bench")
    wait_begun(cluster, "bench", times=times)
    return time.monotonic() - begun, cpu_seconds(pid)


def read_changelogs(brokers: str, app: str) -> tuple[int, float]:
    """(records, seconds): everything in an application's changelogs, read by a consumer that throws it away."""
    facts = {"bootstrap.servers": brokers, "group.id": "plain", "isolation.level": "read_committed",
             "enable.partition.eof": True, "fetch.queue.backoff.ms": 1, "enable.auto.commit": False}  # fmt: skip
    consumer = Consumer(facts)
    topics = consumer.list_topics().topics
    places = [
        TopicPartition(name, number, 0)
        for name, topic in topics.items()
        if name.startswith(app + "-") and name.endswith("-changelog")
        for number in topic.partitions
    ]
    begun, records, ended = time.monotonic(), 0, 0
    consumer.assign(places)
    while ended < len(places):
        batch = consumer.consume(10_000, 0.5)
        ended += (ends := sum(record.error() is not None for record in batch))
        records += len(batch) - ends
    consumer.close()
    return records, time.monotonic() - begun
