"""Plan: what a real worker has left in Kafka is what its files say, until they change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.plan import command
from streams.embedded import EmbeddedKafka
from tests.bench.workload import workload

from .cluster import Cluster, produce
from .orders_cluster import OrdersCluster
from .test_same_bytes import BY_STATUS, W_SCHEMAS, copy_schemas

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
    return planned(cluster, cluster.pipeline.parents[1], *arguments)


def planned(cluster: Cluster, schemas: Path, *arguments: str) -> tuple[int, dict[str, list[dict[str, object]]]]:
    """The same of any cluster."""
    environment = {"STREAMS_BROKERS": cluster.brokers, "STREAMS_APP": cluster.app}
    asked = ["--schemas", str(schemas), "--output", "json", *arguments]
    result = CliRunner().invoke(command, asked, env=environment, catch_exceptions=False)
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

@pytest.fixture
def spread(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[tuple[Cluster, Path, str]]:
    """A pipeline whose groups meet behind a repartition topic; nothing has run."""
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as cluster:
        stamp = unique("plan")
        schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, spread=BY_STATUS)
        (schemas / "pipelines" / "w.yaml").unlink()
        cluster.create_topic(f"{stamp}.orders.v1")
        yield cluster, schemas, stamp


def test_groups_behind_a_repartition_topic_are_planned_run_and_compared(spread: tuple[Cluster, Path, str]) -> None:
    cluster, schemas, stamp = spread
    source, between = f"{stamp}.orders.v1", f"{cluster.app}-spread-by-last_digit-repartition"

    code, applied = planned(cluster, schemas, "--apply")
    assert code == 0
    assert [(topic["is"], topic["partitions"]) for topic in applied["topics"] if topic["topic"] == between] == [
        ("there", 4)
    ]
    assert {(tuple(task["reads"]), task["by_repartition"], task["tasks"]) for task in applied["tasks"]} == {  # type: ignore[arg-type]
        ((source,), False, 4),
        ((between,), True, 4),
    }
    produce(cluster.brokers, source, ({"key": event.key, "value": event.value} for event in workload(5_000)))
    cluster.start("one")
    cluster.wait_until(lambda: cluster.lag(source) == 0 and bool(cluster.read(f"{stamp}.digits.v1")))
    assert cluster.stop("one") == 0

    code, same = planned(cluster, schemas)
    assert (code, same["differences"]) == (0, [])
    entries = {table["table"]: table["entries"] for table in same["tables"]}
    assert entries["digits"] and entries["closed_by_digit"]

    file = schemas / "pipelines" / "spread.yaml"
    file.write_text(file.read_text().replace("by: [last_digit]", "by: [customer_id]"))
    code, other = planned(cluster, schemas)
    told = {(held["what"], held["verdict"]) for held in other["differences"]}
    assert code == 1
    assert told >= {
        (f"topic {between}", "safe"),
        ("table digits", "needs a new table name"),
        ("table closed_by_digit", "needs a new table name"),
    }
