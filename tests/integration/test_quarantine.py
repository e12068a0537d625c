"""Quarantine and lost records, on a real broker: what nobody processes is decided by people, and written down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from streams.cli.main import cli
from streams.embedded import EmbeddedKafka
from tests.bench.oracle import differences, expected, published

from .orders_cluster import OrdersCluster

pytestmark = [pytest.mark.integration]
WHY = "they kill the decoder"


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[OrdersCluster]:
    """400 orders wait; no workers yet."""
    with OrdersCluster(kafka.bootstrap, tmp_path, unique) as held:
        held.feed(400)
        yield held


def quarantine(cluster: OrdersCluster, *words: str) -> Result:
    """``streams quarantine …`` for the application of ``cluster``."""
    environment = {
        "STREAMS_BROKERS": cluster.brokers, "STREAMS_SCHEMAS": str(cluster.folder / "schemas"),
        "STREAMS_APP": cluster.app,
    }  # fmt: skip
    return CliRunner().invoke(cli, ["quarantine", *words], env=environment)


def listed(cluster: OrdersCluster) -> list[dict[str, object]]:
    found = quarantine(cluster, "list", "--output", "json")
    assert found.exit_code == 0, found.output
    rows: list[dict[str, object]] = json.loads(found.output)
    return rows


def status(cluster: OrdersCluster) -> dict[str, object]:
    code, body = cluster.get("a", "/api/status")
    held: dict[str, object] = json.loads(body) if code == 200 else {}
    return held


def assert_exactly_once_without(cluster: OrdersCluster, partition: int, offsets: range) -> None:
    """Each order has its effect once, but for those at ``offsets``, which have none."""
    held = [record for record in cluster.read(cluster.source) if record[0] == partition]
    others = [record for record in cluster.read(cluster.source) if record[0] != partition]
    kept = held[: offsets.start] + held[offsets.stop :]  # the log has no holes: its offsets count from 0
    wanted, dead = expected([*others, *kept])
    found = differences(wanted, published(cluster.read(cluster.enriched)))
    assert (found, len(cluster.read(cluster.dead))) == (dict.fromkeys(found, 0), dead)


def test_a_range_is_stepped_over_once_and_it_is_known_who_did_it_and_why(cluster: OrdersCluster) -> None:
    place = (cluster.source, "2", "10-14")
    assert quarantine(cluster, "add", *place, "--why", WHY, "--dry-run").exit_code == 0
    assert listed(cluster) == []
    added = quarantine(cluster, "add", *place, "--why", WHY, "--by", "ada", "--output", "json")
    assert json.loads(added.output)["done"] is True
    assert [row["state"] for row in listed(cluster)] == ["waiting"]
    kept = (cluster.source, "1", "3")
    assert quarantine(cluster, "add", *kept, "--why", "by mistake").exit_code == 0
    assert quarantine(cluster, "remove", *kept).exit_code == 0

    cluster.start("a")
    cluster.wait_done()

    assert_exactly_once_without(cluster, 2, range(10, 15))
    (row,) = listed(cluster)
    assert (row["from"], row["to"], row["who"], row["why"]) == (10, 14, "ada", WHY)
    assert (row["state"], row["skipped"], row["kind"]) == ("passed", 5, "quarantine")
    ledger = status(cluster)["ledger"]
    assert isinstance(ledger, dict)
    assert (ledger["quarantined"], sum(ledger.values())) == (5, len(cluster.read(cluster.source)))
    for words in (("remove", *place), ("add", *place, "--why", WHY), ("add", *place[:2], "9000", "--why", WHY),
                  ("add", "nowhere", "0", "1", "--why", WHY)):  # fmt: skip
        refused = quarantine(cluster, *words)
        assert (refused.exit_code, "Traceback" in refused.output) == (1, False), refused.output


def test_records_that_retention_removed_are_told_exactly_and_wait_for_a_decision(cluster: OrdersCluster) -> None:
    cluster.start("a")
    cluster.wait_done()
    assert cluster.stop("a") == 0
    at = len([record for record in cluster.read(cluster.source) if record[0] == 0])
    cluster.feed(400, first=400)
    admin = AdminClient({"bootstrap.servers": cluster.brokers})
    next(iter(admin.delete_records([TopicPartition(cluster.source, 0, at + 9)]).values())).result(30)

    cluster.start("a")
    cluster.wait_until(lambda: len(status(cluster).get("tasks", ())) == 3)  # type: ignore[arg-type]
    lost = {"topic": cluster.source, "partition": 0, "from": at, "to": at + 8}
    cluster.wait_until(lambda: status(cluster)["lost"] == [{**lost, "waits": True}])
    assert cluster.get("a", "/health/ready")[0] == 503
    assert f'cdc_lost_records{{partition="0",topic="{cluster.source}"}} 9.0' in cluster.get("a", "/metrics")[1]
    place = f"{cluster.source} 0 {at}-{at + 8}"
    assert f"{cluster.source}[0]: records {at} to {at + 8} are lost: the topic's retention" in cluster.log("a")
    assert f"streams quarantine add {place} --why TEXT" in cluster.log("a")

    assert quarantine(cluster, "add", *place.split(), "--why", "too late").exit_code == 0
    cluster.wait_done()

    assert status(cluster)["lost"] == [{**lost, "waits": False}]
    assert [(row["kind"], row["from"], row["to"], row["skipped"]) for row in listed(cluster)] == [
        ("lost", at, at + 8, 9),
        ("quarantine", at, at + 8, 0),
    ]
