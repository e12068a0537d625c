"""Exchange on a real broker: what has been read is trimmed under load, and partitions that do not fit are refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from streams.embedded import EmbeddedKafka
from streams.worker.stop import ExitCode
from tests.bench.jobs import ORDERS, W2
from tests.bench.measure import Bench
from tests.bench.workload import workload

from .cluster import Cluster, produce

pytestmark = [pytest.mark.integration]

PARTITIONS = 4


class Totals(Cluster):
    """Workers of pipeline ``w2``, whose groups meet through a repartition topic."""

    def __init__(self, made: Cluster, source: str) -> None:
        super().__init__(made.brokers, made.folder / "schemas", made.folder, made.app)
        self.source = source
        self.between = f"{self.app}-{W2.between}"

    def feed(self, count: int, first: int = 0) -> None:
        """Orders numbered from ``first`` on."""
        events = workload(count, first=first)
        produce(self.brokers, self.source, ({"key": event.key, "value": event.value} for event in events))

    @contextmanager
    def steady_load(self) -> Iterator[None]:
        """2,000 orders a second, as long as the block lasts."""
        is_over = threading.Event()

        def feed() -> None:
            for first in range(0, 10_000_000, 400):
                self.feed(400, first)
                if is_over.wait(0.2):
                    return

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            yield
        finally:
            is_over.set()
            feeder.join()

    def wrong(self) -> dict[str, int]:
        """What the oracle finds."""
        return W2.judge(lambda topic: self.read(self.source if topic == ORDERS else f"{self.app}.{topic}"))

    def wait_ended(self, instance: str) -> int:
        """Until a worker ends by itself; its exit code."""
        return self.workers[instance].wait(90)


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Totals]:
    bench = Bench(kafka.bootstrap, tmp_path, core=0, stamp=unique("exchange"))
    sources = bench.preload(W2, 0)
    with Totals(bench.cluster(W2, sources), sources[ORDERS]) as held:
        yield held


@pytest.mark.long
def test_what_has_been_read_is_trimmed_under_load_and_a_killed_worker_still_finds_what_it_needs(
    cluster: Totals,
) -> None:
    cluster.start("one")
    cluster.start("two")
    cluster.wait_ready("one", "two")

    with cluster.steady_load():
        cluster.wait_until(lambda: all(first > 0 for first, _ in cluster.bounds(cluster.between)))
        trimmed = cluster.bounds(cluster.between)
        cluster.kill("one")
        cluster.start("one")
        cluster.wait_ready("one")

    cluster.wait_until(lambda: cluster.lag(cluster.source) == 0)
    # The end of each worker's last transaction is a record, too, and may be left of a partition for ever.
    cluster.wait_until(lambda: cluster.lag(cluster.between) <= 2 * PARTITIONS)
    cluster.wait_until(lambda: cluster.is_caught_up("one", "two"))
    assert (cluster.stop("one"), cluster.stop("two")) == (0, 0)
    wrong = cluster.wrong()
    assert wrong == dict.fromkeys(wrong, 0)
    assert all(first < end for first, end in trimmed), "what nobody has read yet is there"


def test_a_repartition_topic_that_is_cut_otherwise_is_refused_by_name(cluster: Totals) -> None:
    cluster.create_topic(cluster.between, 2)
    cluster.start("one")

    assert cluster.wait_ended("one") == ExitCode.WRONG_USE
    told = f"{cluster.between}: has 2 partitions, its source {cluster.source} has 4; recreate it with 4"
    assert told in cluster.log("one")


def test_a_source_that_gets_more_partitions_while_a_worker_runs_stops_it_by_name(cluster: Totals) -> None:
    cluster.start("one")
    cluster.wait_ready("one")
    cluster.feed(1_000)
    cluster.wait_until(lambda: cluster.lag(cluster.source) == 0)

    admin = AdminClient({"bootstrap.servers": cluster.brokers})
    admin.create_partitions([NewPartitions(cluster.source, 6)])[cluster.source].result(30)

    assert cluster.wait_ended("one") == ExitCode.WRONG_USE
    cluster.start("two")
    assert cluster.wait_ended("two") == ExitCode.WRONG_USE
    assert f"{cluster.source} has 5 partitions or more, and had 4" in cluster.log("one")
    assert f"has 4 partitions, its source {cluster.source} has 6" in cluster.log("two")


def test_a_source_that_was_made_anew_with_fewer_partitions_is_refused_by_name(cluster: Totals) -> None:
    cluster.start("one")
    cluster.wait_ready("one")
    assert cluster.stop("one") == 0
    del cluster.workers["one"]

    admin = AdminClient({"bootstrap.servers": cluster.brokers})
    admin.delete_topics([cluster.source])[cluster.source].result(30)
    cluster.wait_until(lambda: cluster.source not in admin.list_topics(timeout=30).topics)
    cluster.create_topic(cluster.source, 2)
    cluster.start("one")

    assert cluster.wait_ended("one") == ExitCode.WRONG_USE
    told = f"{cluster.between}: has 4 partitions, its source {cluster.source} has 2; recreate it with 2"
    assert told in cluster.log("one")
