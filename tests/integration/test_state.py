"""State: what does not belong together is refused by name or rebuilt; what has two owners has one effect."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import AdminClient

from streams.embedded import EmbeddedKafka
from streams.state.changelog import read_marker
from streams.state.stores.rocksdb import RocksStore
from streams.worker.stop import ExitCode

from .orders_cluster import OrdersCluster

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def settled(
    kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory, stamp: Callable[[str], str]
) -> Iterator[OrdersCluster]:
    """Worker ``a`` has processed 2,000 orders in four tasks and was stopped; every test leaves it so."""
    with OrdersCluster(kafka.bootstrap, tmp_path_factory.mktemp("state"), stamp) as cluster:
        cluster.feed(2_000)
        cluster.start("a")
        cluster.wait_done()
        assert cluster.stop("a") == 0
        yield cluster


def refusal(cluster: OrdersCluster) -> tuple[int, str]:
    """Exit code and last words of worker ``a``; several tasks may be refused at once."""
    before = len(cluster.log("a"))
    code = cluster.start("a").wait(60)
    said = [line for line in cluster.log("a")[before:].splitlines() if "stopping with exit code" in line]
    assert said
    return code, "\n".join(said)


def test_a_store_that_another_process_holds_is_never_wiped(settled: OrdersCluster) -> None:
    place = settled.state("a", 2)
    program = (
        "import sys; from pathlib import Path; from streams.state.stores.rocksdb import RocksStore;"
        "store = RocksStore(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"

        code, words = refusal(settled)

        assert code == ExitCode.STORE_FAILED
        assert f"another process holds {place}; two workers of one STREAMS_INSTANCE?" in words
        holder.communicate()
    store = RocksStore(place)
    assert read_marker(store).sources[settled.source] > 0
    store.close()


def test_another_window_of_a_stored_table_is_refused(settled: OrdersCluster) -> None:
    text = settled.pipeline.read_text()
    settled.pipeline.write_text(text.replace("tumbling: 1m", "tumbling: 2m"))
    try:
        code, words = refusal(settled)
    finally:
        settled.pipeline.write_text(text)

    assert code == ExitCode.STATE_REFUSED
    assert f"{settled.source}[" in words
    assert "the key, window, columns or deduplication of totals_by_customer have changed; give the table a" in words


ADDED = """
  - table: orders_by_customer
    by: [customer_id]
    columns: {orders: "count(*)"}
"""


def test_a_table_may_be_added_and_left_out_but_does_not_come_back_with_a_gap(settled: OrdersCluster) -> None:
    text = settled.pipeline.read_text()
    with_table = text.replace("\nroute:", f"{ADDED}route:")
    try:
        settled.pipeline.write_text(with_table)
        run_through(settled, first=10_000)
        settled.pipeline.write_text(text)
        run_through(settled, first=10_100)
        settled.pipeline.write_text(with_table)
        code, words = refusal(settled)
    finally:
        settled.pipeline.write_text(text)

    settled.assert_exactly_once()
    assert code == ExitCode.STATE_REFUSED
    assert "orders_by_customer was left out for a while and misses what happened meanwhile" in words


def run_through(cluster: OrdersCluster, first: int) -> None:
    """100 orders more, by a worker that starts and stops."""
    cluster.feed(100, first=first)
    cluster.start("a")
    cluster.wait_done()
    assert cluster.stop("a") == 0


def test_a_store_that_was_only_restored_is_as_old_as_its_restore(settled: OrdersCluster) -> None:
    shutil.rmtree(settled.state("a", 3).parent)
    before_ms = time.time() * 1_000
    settled.start("a")
    settled.wait_until(lambda: ready_tasks(settled, "a") == 4)
    assert settled.stop("a") == 0

    # Otherwise it would never be too old to miss deletions that the changelog keeps no more.
    store = RocksStore(settled.state("a", 3))
    assert read_marker(store).written_ms > before_ms
    store.close()


def test_a_changelog_that_was_deleted_and_created_again_is_refused(settled: OrdersCluster) -> None:
    topic = f"{settled.app}-totals_by_customer-changelog"
    admin = AdminClient({"bootstrap.servers": settled.brokers})
    admin.delete_topics([topic])[topic].result(30)

    code, words = refusal(settled)

    assert code == ExitCode.STATE_REFUSED
    assert "the changelog topic of totals_by_customer was deleted and re-created, its state is gone" in words


@pytest.fixture
def cluster(
    kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory, unique: Callable[[str], str]
) -> Iterator[OrdersCluster]:
    """No workers yet."""
    with OrdersCluster(kafka.bootstrap, tmp_path_factory.mktemp("state"), unique) as held:
        yield held


def ready_tasks(cluster: OrdersCluster, *instances: str) -> int:
    """Tasks that these workers have and that are restored."""
    answers = [cluster.get(name, "/health/ready") for name in instances]
    return sum(len(json.loads(body)["tasks"]) for status, body in answers if status == 200)
