"""Tables in Redis: two workers, a kill -9 and a FLUSHALL under load, and each event has its effect once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka, EmbeddedRedis
from streams.worker.stop import ExitCode

from .redis_cluster import RedisCluster

pytestmark = [pytest.mark.integration]


@pytest.fixture
def cluster(
    kafka: EmbeddedKafka, redis: EmbeddedRedis, tmp_path: Path, unique: Callable[[str], str]
) -> Iterator[RedisCluster]:
    """No workers yet; topics named for this test alone."""
    with RedisCluster(kafka.bootstrap, redis, tmp_path, unique) as held:
        yield held


def test_workers_on_redis_that_are_killed_and_flushed_under_load_lose_and_repeat_nothing(
    cluster: RedisCluster,
) -> None:
    cluster.feed(3_000)
    cluster.start("a")
    cluster.start("b")
    cluster.wait_ready("a", "b")
    with cluster.steady_load(3_000):
        cluster.kill("a")
        cluster.start("a")
        cluster.wait_ready("a", "b")
        with cluster.redis() as server:
            server.flushall()
        cluster.wait_with_restarts(lambda: len(cluster.codes) >= 2 and bool(cluster.rows(0)) and bool(cluster.rows(1)))
    cluster.wait_done_with_restarts()

    cluster.assert_exactly_once()
    assert set(cluster.codes) == {ExitCode.STORE_FAILED}
    assert "is not as this worker left it" in cluster.log("a")
    cluster.wait_ready("a", "b")
    status, body = cluster.get("b", "/api/tables/totals_by_customer/rows?limit=3")
    assert (status, len(json.loads(body)["rows"])) == (200, 3)
