"""Two streams joined within a time: the driver and workers on a real broker publish the same bytes."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka
from streams.testing import Driver
from tests.bench.workload import SourceEvent, workload

from .cluster import Cluster, WholeRecord, produce, read_whole
from .test_same_bytes import W_SCHEMAS, by_key, copy_schemas

VISITS = """
pipeline: visits
source:
  topic: bench.visits.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
deduplicate: {by: [id, lsn], keep: 24h}
mask: {email: partial}
derive: {spent: "round(amount * 2, 2)"}
route:
  - {to: bench.visited.v1, key: [customer_id]}
"""

ORDERED = """
pipeline: ordered
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
deduplicate: {by: [id, lsn], keep: 24h}
join:
  - type: interval
    with: visits
    by: [customer_id]
    before: 200ms
    after: 100ms
    grace: 300ms
    idle: 1h
    columns: {spent: spent, id: visit}
derive: {both: "amount + spent"}
route:
  - {to: bench.ordered.v1, key: [customer_id]}
"""

pytestmark = [pytest.mark.integration]
PARTITIONS = 4


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as held:
        yield held


def valid(events: Iterable[SourceEvent]) -> list[SourceEvent]:
    return [event for event in events if b'"amount":"' not in event.value and b"nobody" not in event.value]


def time_of(record: WholeRecord) -> int:
    time_ms: int = json.loads(record.value or b"")["after"]["created_at"]
    return time_ms


def drive(schemas: Path, app: str, visits: str, orders: str, brokers: str) -> Driver:
    """A driver that reads both topics as a task does: next comes the record with the smaller event time."""
    driver = Driver(schemas, app=app, partitions={visits: PARTITIONS, orders: PARTITIONS})
    sides = {topic: read_whole(brokers, topic) for topic in (visits, orders)}
    for number in range(PARTITIONS):
        runs = (
            [(time_of(record), topic, record) for record in sides[topic] if record.partition == number]
            for topic in (visits, orders)
        )
        for _, topic, record in heapq.merge(*runs, key=lambda held: held[0]):
            driver.send(topic, key=record.key, value=record.value, timestamp_ms=record.timestamp_ms, partition=number)
    return driver


def feed(cluster: Cluster, topic: str, events: Iterable[SourceEvent]) -> None:
    cluster.create_topic(topic, PARTITIONS)
    produce(cluster.brokers, topic, ({"key": event.key, "value": event.value} for event in events))


def setup(cluster: Cluster, stamp: str, ordered: str, count: int) -> tuple[Path, str, str]:
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, visits=VISITS, ordered=ordered)
    (schemas / "pipelines" / "w.yaml").unlink()
    visits, orders = f"{stamp}.visits.v1", f"{stamp}.orders.v1"
    feed(cluster, visits, valid(workload(count, customers=300, seed=8)))
    feed(cluster, orders, valid(workload(count, customers=300)))
    return schemas, visits, orders


def test_streams_of_topics_that_are_partitioned_alike(cluster: Cluster, unique: Callable[[str], str]) -> None:
    stamp = unique("ordered")
    schemas, visits, orders = setup(cluster, stamp, ORDERED, 20_000)
    cluster.start("one")
    cluster.wait_until(lambda: cluster.lag(orders) == 0 and cluster.lag(visits) == 0)
    driver = drive(schemas, cluster.app, visits, orders, cluster.brokers)

    worked = by_key(read_whole(cluster.brokers, f"{stamp}.ordered.v1"), has_broker_time=False)
    assert worked == by_key(driver.records(f"{stamp}.ordered.v1"), has_broker_time=False)
    values = [value for held in worked.values() for value, *_ in held if isinstance(value, bytes)]
    assert {json.loads(value)["visit"] is None for value in values} == {True, False}
    assert driver.ledger()["late"] > 0


def test_streams_that_meet_in_a_stage_of_two_workers_of_which_one_is_killed(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    stamp = unique("apart")
    apart = ORDERED.replace("key: [customer_id]\n  event_time", "key: [id]  # so the plan believes\n  event_time")
    schemas, visits, orders = setup(cluster, stamp, apart, 20_000)
    cluster.start("one")
    cluster.start("two")
    out = f"{stamp}.ordered.v1"
    cluster.wait_until(lambda: bool(read_whole(cluster.brokers, out)))
    cluster.kill("one")
    cluster.start("one")
    driver = drive(schemas, cluster.app, visits, orders, cluster.brokers)

    def pairs(records: Iterable[object]) -> Counter[tuple[object, ...]]:
        # A stage of several partitions has no order of its own between events of different ones.
        held = by_key(records, has_broker_time=False)
        return Counter((*place, *map(repr, one)) for place, found in held.items() for one in found)

    wanted = pairs(driver.records(out))
    cluster.wait_until(lambda: pairs(read_whole(cluster.brokers, out)).total() >= wanted.total())
    assert pairs(read_whole(cluster.brokers, out)) == wanted
    assert any(end for _, end in cluster.bounds(f"{cluster.app}-ordered-with-visits-own-repartition"))
