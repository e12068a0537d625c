"""Whatever is killed, each event has its effect once: judged by committed outputs against a recomputation."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka

from .orders_cluster import OrdersCluster

pytestmark = [pytest.mark.integration]


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[OrdersCluster]:
    """No workers yet; topics named for this test alone."""
    with OrdersCluster(kafka.bootstrap, tmp_path, unique) as held:
        yield held


def test_two_workers_publish_each_event_once(cluster: OrdersCluster) -> None:
    cluster.feed(5_000)
    cluster.start("a")
    cluster.start("b")

    cluster.wait_done()

    cluster.assert_exactly_once()


def test_topics_compressed_with_whatever_codec_are_read(cluster: OrdersCluster) -> None:
    cluster.start("a")
    for number, codec in enumerate(("gzip", "snappy", "lz4", "zstd", "none")):
        cluster.feed(1_000, 1_000 * number, codec=codec)

    cluster.wait_done()

    cluster.assert_exactly_once()


def test_all_workers_killed_and_their_data_deleted_come_back_from_the_changelogs(cluster: OrdersCluster) -> None:
    cluster.start("a")
    cluster.start("b")
    cluster.feed(6_000)
    cluster.wait_until(lambda: cluster.lag(cluster.source) < 6_000)

    cluster.kill("a")
    cluster.kill("b")
    shutil.rmtree(cluster.folder / "data")
    cluster.feed(6_000, first=6_000)
    cluster.start("a")
    cluster.start("b")

    cluster.wait_done()
    cluster.assert_exactly_once()


def test_rows_of_a_worker_that_comes_back_at_another_address_are_found_and_nobody_else_is_disturbed(
    cluster: OrdersCluster,
) -> None:
    def rows() -> tuple[int, str]:
        return cluster.get("a", "/api/tables/totals_by_customer/rows?limit=1000")

    cluster.start("a")
    cluster.start("b")
    cluster.wait_ready("a", "b")
    cluster.feed(2_000)
    cluster.wait_done()
    cluster.wait_until(lambda: rows()[0] == 200)
    (_, before), address, taken = rows(), cluster.get_address("b"), cluster.log("a").count("begins at")

    cluster.kill("b")
    cluster.start("b")  # on any free port, within its session

    cluster.wait_until(lambda: cluster.get_address("b") != address and rows()[0] == 200, patience_s=30)
    assert rows() == (200, before)
    assert cluster.log("a").count("begins at") == taken


def test_a_worker_that_is_asked_to_stop_leaves_nothing_half_done(cluster: OrdersCluster) -> None:
    cluster.start("a")
    cluster.start("b")
    cluster.feed(8_000)
    cluster.wait_until(lambda: "begins at" in cluster.log("a"))

    assert cluster.stop("a") == 0
    cluster.start("a")

    cluster.wait_done()
    cluster.assert_exactly_once()
