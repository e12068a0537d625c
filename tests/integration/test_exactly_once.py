"""Whatever is killed, each event has its effect once: judged by committed outputs against a recomputation."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka

from .cluster import Cluster, produce
from .orders import expected, orders, published

SCHEMAS = Path(__file__).parents[1] / "bench" / "schemas"
SOURCE, ENRICHED, DEAD = "bench.orders.v1", "bench.enriched.v1", "bench.orders.v1-dlt"

pytestmark = [pytest.mark.integration]


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    """No workers yet; topics named for this test alone."""
    schemas = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, schemas)
    pipeline = schemas / "pipelines" / "w.yaml"
    stamp = unique("t")
    pipeline.write_text(pipeline.read_text().replace("bench.", f"{stamp}."))
    with Cluster(kafka.bootstrap, schemas, tmp_path, unique("app")) as held:
        held.stamp = stamp  # type: ignore[attr-defined]
        held.create_topic(name(held, SOURCE))
        yield held


def name(cluster: Cluster, topic: str) -> str:
    """The topic's name in this test."""
    return topic.replace("bench.", f"{cluster.stamp}.")  # type: ignore[attr-defined]


def feed(cluster: Cluster, count: int, first: int = 0) -> None:
    produce(cluster.brokers, name(cluster, SOURCE), orders(count, first=first))


def wait_done(cluster: Cluster) -> None:
    cluster.wait_until(lambda: cluster.lag(name(cluster, SOURCE)) == 0)


def assert_exactly_once(cluster: Cluster) -> None:
    wanted, dead = expected(cluster.read(name(cluster, SOURCE)))
    assert published(cluster.read(name(cluster, ENRICHED))) == wanted
    assert len(cluster.read(name(cluster, DEAD))) == dead


def test_two_workers_publish_each_event_once(cluster: Cluster) -> None:
    feed(cluster, 5_000)
    cluster.start("a")
    cluster.start("b")

    wait_done(cluster)

    assert_exactly_once(cluster)


def test_a_worker_killed_three_times_under_load_loses_and_repeats_nothing(cluster: Cluster) -> None:
    cluster.start("a")
    cluster.start("b")
    feed(cluster, 2_000)
    feeder = threading.Thread(target=lambda: [feed(cluster, 4_000, first) for first in range(2_000, 42_000, 4_000)])
    feeder.start()

    for _ in range(3):
        cluster.wait_until(lambda: cluster.lag(name(cluster, SOURCE)) < 20_000)
        cluster.kill("a")
        cluster.start("a")
        cluster.wait_until(lambda: "begins at" in cluster.log("a")[-4_000:])

    feeder.join()
    wait_done(cluster)
    assert_exactly_once(cluster)


def test_all_workers_killed_and_their_data_deleted_come_back_from_the_changelogs(cluster: Cluster) -> None:
    cluster.start("a")
    cluster.start("b")
    feed(cluster, 6_000)
    cluster.wait_until(lambda: cluster.lag(name(cluster, SOURCE)) < 6_000)

    cluster.kill("a")
    cluster.kill("b")
    shutil.rmtree(cluster.folder / "data")
    feed(cluster, 6_000, first=6_000)
    cluster.start("a")
    cluster.start("b")

    wait_done(cluster)
    assert_exactly_once(cluster)


def test_a_worker_that_is_asked_to_stop_leaves_nothing_half_done(cluster: Cluster) -> None:
    cluster.start("a")
    cluster.start("b")
    feed(cluster, 8_000)
    cluster.wait_until(lambda: "begins at" in cluster.log("a"))

    assert cluster.stop("a") == 0
    cluster.start("a")

    wait_done(cluster)
    assert_exactly_once(cluster)
