"""Look-ups in tables of other tasks: events that ask a stage come to the same through the driver and real workers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka
from streams.testing import Driver
from tests.bench.workload import BASE_MS, workload

from .cluster import Cluster, produce, read_whole
from .test_same_bytes import PEOPLE, W_SCHEMAS, By, by_key, copy_schemas

ASKING = """
pipeline: asking
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [id]                  # so the plan believes, and lets events ask a stage
  event_time: created_at
  max_future: 3650d
deduplicate: {by: [id, lsn], keep: 24h}
join:
  - {table: people, by: [customer_id], columns: {amount: credit, email: contact}, missing: KIND}
derive: {left_over: "credit - amount"}
aggregate:
  - {table: by_contact, by: [contact], columns: {orders: "count(*)"}, to: bench.by_contact.v1}
route:
  - {to: bench.asking.v1, key: [customer_id]}
"""

pytestmark = [pytest.mark.integration]
PEOPLE_COUNT, ORDERS_COUNT, CUSTOMERS = 3_000, 3_000, 3_000


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as held:
        yield held


def feed(cluster: Cluster, topic: str, count: int, first: int) -> None:
    events = workload(count, first=first, customers=CUSTOMERS)
    produce(cluster.brokers, topic, ({"key": event.key, "value": event.value} for event in events))


@pytest.mark.parametrize("kind", ["drop", "drop, type: asof, keep: 1h"], ids=["as processed", "as of a time"])
def test_events_that_ask_two_workers_of_which_one_is_killed(
    cluster: Cluster, unique: Callable[[str], str], kind: str
) -> None:
    stamp = unique("asking")
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, people=PEOPLE, asking=ASKING.replace("KIND", kind))
    (schemas / "pipelines" / "w.yaml").unlink()
    people, orders, out = f"{stamp}.people.v1", f"{stamp}.orders.v1", f"{stamp}.asking.v1"
    for topic in (people, orders):
        cluster.create_topic(topic)
    # People first, and all of them told: a stage does not wait for a table that lags behind.
    feed(cluster, people, PEOPLE_COUNT, 0)
    cluster.start("one")
    cluster.start("two")
    cluster.wait_until(lambda: cluster.lag(people) == 0 and cluster.is_caught_up("one", "two"))
    assert any(end for _, end in cluster.bounds(f"{cluster.app}-asking-join0-people-rows-repartition"))
    feed(cluster, orders, ORDERS_COUNT, 5_000)
    cluster.wait_until(lambda: bool(read_whole(cluster.brokers, out)))
    cluster.kill("one")
    cluster.start("one")

    driver = Driver(schemas, app=cluster.app, partitions={people: 4, orders: 4}, start_ms=BASE_MS)
    for topic, count, first in ((people, PEOPLE_COUNT, 0), (orders, ORDERS_COUNT, 5_000)):
        for event in workload(count, first=first, customers=CUSTOMERS):
            driver.send(topic, key=event.key, value=event.value)
        driver.commit()

    def found(records: Iterable[object]) -> Counter[tuple[object, ...]]:
        # The route's key is no row's: of its records only those of one order have an order.
        held: By = by_key(records, has_broker_time=False)
        return Counter((*place, *map(repr, one)) for place, kept in held.items() for one in kept)

    wanted = found(driver.records(out))
    cluster.wait_until(lambda: found(read_whole(cluster.brokers, out)).total() >= wanted.total())
    assert found(read_whole(cluster.brokers, out)) == wanted
    assert wanted.total() > ORDERS_COUNT // 3
    totals = _counts(driver.records(f"{stamp}.by_contact.v1"))
    cluster.wait_until(lambda: _counts(read_whole(cluster.brokers, f"{stamp}.by_contact.v1")) == totals)


def _counts(records: Iterable[object]) -> dict[str, int]:
    """By contact the last count that was published."""
    rows = [json.loads(record.value) for record in records]  # type: ignore[attr-defined]
    return {row["contact"]: row["orders"] for row in rows}
