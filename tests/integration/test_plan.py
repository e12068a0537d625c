"""Plan: what a real worker has left in Kafka is what its files say, until they change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner

from streams.cli.plan import command
from streams.embedded import EmbeddedKafka

from .orders_cluster import OrdersCluster

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def settled(
    kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory, stamp: Callable[[str], str]
) -> Iterator[OrdersCluster]:
    """No worker has run; every test leaves the file as it was."""
    with OrdersCluster(kafka.bootstrap, tmp_path_factory.mktemp("plan"), stamp) as cluster:
        yield cluster


def plan(cluster: OrdersCluster, *arguments: str) -> tuple[int, dict[str, list[dict[str, object]]]]:
    """Exit code and answer of ``streams plan``."""
    environment = {"STREAMS_BROKERS": cluster.brokers, "STREAMS_APP": cluster.app}
    schemas = str(cluster.pipeline.parents[1])
    result = CliRunner().invoke(
        command, ["--schemas", schemas, "--output", "json", *arguments], env=environment, catch_exceptions=False
    )
    return result.exit_code, json.loads(result.stdout)


def test_a_plan_is_applied_run_and_compared(settled: OrdersCluster) -> None:
    code, before = plan(settled)
    assert code == 0
    assert {topic["is"] for topic in before["topics"]} == {"there", "to be made"}

    code, applied = plan(settled, "--apply")
    assert code == 0
    assert {topic["is"] for topic in applied["topics"]} == {"there"}
    assert {topic["partitions"] for topic in applied["topics"]} == {4}
    assert [held["change"].partition(";")[0] for held in applied["differences"]] == ["has not run yet"]  # type: ignore[attr-defined]

    settled.feed(1_000)
    settled.start("a")
    settled.wait_done()
    assert plan(settled)[1]["workers"] == ["a"]
    assert settled.stop("a") == 0

    code, same = plan(settled)
    assert (code, same["differences"]) == (0, [])
    entries = {table["table"]: table["entries"] for table in same["tables"]}
    assert all(entries.values())


@pytest.mark.parametrize(
    ("change", "into", "what", "verdict", "code"),
    [
        ("tumbling: 1m", "tumbling: 2m", "table totals_by_customer", "needs a new table name", 1),
        ("\nroute:", "\nfilter: \"op <> 'UPDATE'\"\nroute:", "pipeline w", "needs reset or backfill", 1),
    ],
    ids=["window", "filter"],
)
def test_each_change_is_told_with_what_it_needs(
    settled: OrdersCluster, change: str, into: str, what: str, verdict: str, code: int
) -> None:
    text = settled.pipeline.read_text()
    try:
        settled.pipeline.write_text(text.replace(change, into))
        found, told = plan(settled)
    finally:
        settled.pipeline.write_text(text)

    assert found == code
    assert (what, verdict) in {(held["what"], held["verdict"]) for held in told["differences"]}
