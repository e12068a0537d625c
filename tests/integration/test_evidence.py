"""Evidence from a real broker: what is committed in a topic is held against a candidate, and a canary is told of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from streams.cli.contracts import command
from streams.embedded import EmbeddedKafka
from tests.contracts.builders import a_folder, a_schema
from tests.pipeline.builders import COLUMNS, a_change, a_pipeline, written

from .cluster import Cluster, produce
from .orders_cluster import OrdersCluster

pytestmark = [pytest.mark.integration]

SHORT = {**COLUMNS, "code": {"type": "string", "maxLength": 3}}
VERSION = "com.acme.bench/orders/jsonschema"
MOST = 250


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as made:
        yield made


def compare(cluster: Cluster, topic: str, *arguments: object) -> Result:
    root = cluster.folder
    schemas = written(root / "schemas", a_pipeline(source={"topic": topic}))
    a_folder(root, {"draft.json": a_schema("orders", "1-1-0", properties=SHORT, required=("id", "code"))})
    asked = ["compare", "com.acme/orders/1-0-0", root / "draft.json", "--schemas", schemas, "--mode", "none",
             "--records", topic, "--output", "json", *arguments]  # fmt: skip
    return CliRunner().invoke(command, list(map(str, asked)), env={"STREAMS_BROKERS": cluster.brokers})


def evidence(cluster: Cluster, topic: str, *arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(compare(cluster, topic, *arguments).stdout)["records"]
    return found


def send(cluster: Cluster, topic: str, codes: list[str]) -> None:
    changes = [a_change(id, code=code) for id, code in enumerate(codes)]
    produce(cluster.brokers, topic, ({"key": change.key, "value": change.value} for change in changes))


def test_what_is_committed_counts_once_and_a_later_run_goes_on(cluster: Cluster, unique: Callable[[str], str]) -> None:
    topic, resume = unique("orders"), cluster.folder / "resume.json"
    cluster.create_topic(topic)
    send(cluster, topic, ["A", "long"] * 500)
    transaction = Producer({"bootstrap.servers": cluster.brokers, "transactional.id": unique("t")})
    transaction.init_transactions(30)
    for end in (transaction.abort_transaction, transaction.commit_transaction):
        transaction.begin_transaction()
        for id in range(50):
            transaction.produce(topic, key=b'{"id":1}', value=a_change(id, code="longer").value)
        transaction.flush(30)
        end(30)

    found = evidence(cluster, topic, "--resume", resume)
    assert (found["records"], found["judged"], found["failed"], found["failed_before"]) == (1_050, 1_050, 550, 0)
    assert found["causes"] == [{"code": "maxLength", "path": "code", "rows": 550}]
    assert evidence(cluster, topic, "--resume", resume) == found

    send(cluster, topic, ["A", "long"])
    more = evidence(cluster, topic, "--resume", resume)
    assert (more["records"], more["failed"]) == (1_052, 551)


def test_a_topic_that_is_not_there_is_wrong_use(cluster: Cluster, unique: Callable[[str], str]) -> None:
    result = compare(cluster, unique("nothing"))

    assert result.exit_code == 2
    assert "nothing" in result.stderr


def test_a_worker_tells_what_a_canary_would_refuse_and_does_nothing_else(
    kafka: EmbeddedKafka, tmp_path: Path, stamp: Callable[[str], str]
) -> None:
    with OrdersCluster(kafka.bootstrap, tmp_path, stamp) as orders:
        schema = json.loads((tmp_path / "schemas" / VERSION / "1-0-0").read_text())
        schema["self"]["version"] = "1-1-0"
        schema["properties"]["customer_id"]["maximum"] = MOST
        a_folder(tmp_path / "schemas", {f"{VERSION}/1-1-0": json.dumps(schema)})
        orders.pipeline.write_text(f"{orders.pipeline.read_text()}\ncanary: 1-1-0\n")
        orders.feed(3_000)
        orders.start("a")
        orders.wait_done()
        wanted = expected(orders, schema)
        orders.wait_until(lambda: sum(canary(orders).values()) == sum(wanted.values()))

        orders.assert_exactly_once()
        assert canary(orders) == wanted
        assert wanted["rejected"] > 100


def expected(orders: OrdersCluster, candidate: dict[str, Any]) -> dict[str, int]:
    """The same by another way: both schemas asked about the rows as they stand in the topic."""
    properties = dict(candidate["properties"])
    properties["customer_id"] = {name: held for name, held in properties["customer_id"].items() if name != "maximum"}
    today, next_one = (
        jsonschema_rs.validator_for({**candidate, "properties": held}, validate_formats=True)
        for held in (properties, candidate["properties"])
    )
    counts = {"accepted": 0, "rejected": 0}
    for _, _, value in orders.read(orders.source):
        row = json.loads(value or b"{}").get("after")
        if row is not None and today.is_valid(row):
            counts["accepted" if next_one.is_valid(row) else "rejected"] += 1
    return counts


def canary(orders: OrdersCluster) -> dict[str, int]:
    told = orders.get("a", "/metrics")[1]
    found = re.findall(r'^cdc_canary_events_total\{.*verdict="(\w+)".*\} ([\d.]+)$', told, re.M)
    return {verdict: int(float(count)) for verdict, count in found}
