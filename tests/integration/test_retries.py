"""Retries on a real worker: users come after their orders, services answer late or never, the worker dies while events
wait, and nothing shows it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from streams.embedded import EmbeddedKafka
from streams.testing import Driver
from streams.worker.stop import ExitCode
from tests.bench.workload import SourceEvent, workload

from .cluster import Cluster, produce, read_whole
from .test_same_bytes import PEOPLE, W_SCHEMAS, by_key, copy_schemas, last_of_each

ORDERS = """
pipeline: waits
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  identity: [customer_id, id]
  event_time: created_at
  max_future: 3650d
join:
  - {table: people, by: [customer_id], columns: {amount: credit}, missing: retry}
table: {name: latest}
route:
  - {to: bench.joined.v1, key: [id]}
errors: {retry: {join_missing: [3s, 25s, 25s]}}
"""
ASKING = """
pipeline: waits
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  identity: [customer_id, id]
  event_time: created_at
  max_future: 3650d
lookup:
  segment:
    call: "tests.integration.rates:coming"
    args: [customer_id]
    retry: {attempts: 1}
    cache: {size: 0}
    breaker: {failures: 1000000, calls: 1000000}
aggregate:
  - {table: counted, by: [customer_id], columns: {orders: "count(*)", rows: "count(distinct id)"}, to: bench.counted.v1}
route:
  - {to: bench.asked.v1, key: [id]}
errors:
  retry: {lookup_unavailable: [4s, 4s, 4s, 4s, 4s, 4s, 4s, 4s, 4s, 4s], lookup_failed: [4s], lookup_missing: [4s]}
"""
KNOWN = 60
"""Customers that come at last; the other 40 never do."""

pytestmark = [pytest.mark.integration]


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as held:
        yield held


def changes(count: int) -> Iterator[SourceEvent]:
    """Orders of 100 customers; each third is changed right after it was placed, and once more."""
    for number, event in enumerate(workload(count, customers=100)):
        yield event
        for again in range(2 if number % 3 == 0 else 0):
            value = event.value.replace(b'"op":"c"', b'"op":"u"').replace(b'"new"', b'"change %d"' % again)
            lsn = int(re.findall(rb'"lsn":(\d+)', value)[0])
            yield SourceEvent(event.key, value.replace(b'"lsn":%d' % lsn, b'"lsn":%d' % (lsn + again + 1)))


def people() -> Iterator[SourceEvent]:
    """One valid record of each."""
    seen: set[bytes] = set()
    for event in workload(20_000, first=1_000_000, customers=100):
        is_valid = b'"nobody"' not in event.value and b'"amount":"' not in event.value
        if is_valid and int(re.findall(rb"\d+", event.key)[0]) < KNOWN and event.key not in seen:
            seen.add(event.key)
            yield event


def feed(cluster: Cluster, topic: str, events: Iterator[SourceEvent]) -> None:
    produce(cluster.brokers, topic, ({"key": event.key, "value": event.value} for event in events))


def waiting(cluster: Cluster, instance: str) -> float:
    """Events that wait, as the worker's metrics say; -1 where it says nothing."""
    status, text = cluster.get(instance, "/metrics")
    found = re.findall(r"^cdc_waiting_events\{.*\} (\S+)$", text, re.M)
    return sum(map(float, found)) if status == 200 and len(found) == 8 else -1


def prepared(cluster: Cluster, stamp: str, waits: str = ORDERS) -> tuple[Path, str, str]:
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, people=PEOPLE, waits=waits)
    (schemas / "pipelines" / "w.yaml").unlink()
    for topic in (f"{stamp}.people.v1", f"{stamp}.orders.v1"):
        cluster.create_topic(topic)
    return schemas, f"{stamp}.people.v1", f"{stamp}.orders.v1"


def driven(schemas: Path, cluster: Cluster, users: str, orders: str) -> Driver:
    """A driver that has been sent what the topics hold, orders first."""
    driver = Driver(schemas, app=cluster.app, partitions={users: 4, orders: 4})
    for topic in (orders, users):
        for held in read_whole(cluster.brokers, topic):
            place = {"partition": held.partition, "timestamp_ms": held.timestamp_ms}
            driver.send(topic, key=held.key, value=held.value, **place)
        driver.commit()
    driver.advance(ms=60_000)
    return driver


def dead_of(records: Iterable[object]) -> object:
    """By partition and key what is dead; of two rows of one key either may be dead first."""
    return {place: sorted(held, key=repr) for place, held in by_key(records, has_broker_time=True).items()}


@pytest.mark.long
def test_users_after_their_orders_and_a_worker_that_dies_while_events_wait(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    stamp = unique("waits")
    schemas, users, orders = prepared(cluster, stamp)
    feed(cluster, orders, changes(3_000))
    cluster.start("one")
    cluster.wait_until(lambda: waiting(cluster, "one") > 0 and cluster.lag(orders) == 0)
    held = waiting(cluster, "one")
    cluster.kill("one")
    feed(cluster, users, people())
    cluster.start("one")
    cluster.wait_until(lambda: cluster.lag(users) == 0 and waiting(cluster, "one") >= 0)
    time.sleep(2)
    cluster.kill("one")  # some of what was due has been carried on
    cluster.start("one")
    cluster.wait_until(lambda: waiting(cluster, "one") == 0, patience_s=150)
    driver = driven(schemas, cluster, users, orders)

    joined = by_key(read_whole(cluster.brokers, f"{stamp}.joined.v1"), has_broker_time=False)
    assert joined == by_key(driver.records(f"{stamp}.joined.v1"), has_broker_time=False)
    dead = dead_of(read_whole(cluster.brokers, f"{orders}-waits-dlt"))
    assert dead == dead_of(driver.records(f"{orders}-waits-dlt"))
    counts = driver.ledger()
    assert held > 1_000
    assert (counts.get("retried", 0), counts.get("parked", 0)) == (0, 0)
    assert sum(map(len, joined.values())) == counts["processed"] - KNOWN
    _assert_trimmed(cluster, orders)
    _assert_tier_may_not_go(cluster, schemas, orders)


def test_services_that_answer_late_or_never_and_a_worker_that_dies_while_events_wait(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    stamp = unique("asks")
    schemas, users, orders = prepared(cluster, stamp, ASKING)
    feed(cluster, orders, changes(2_000))
    cluster.start("one")
    cluster.wait_until(lambda: waiting(cluster, "one") > 0 and cluster.lag(orders) == 0)
    held = waiting(cluster, "one")
    cluster.kill("one")
    cluster.start("one")
    cluster.wait_until(lambda: waiting(cluster, "one") == 0, patience_s=150)
    driver = driven(schemas, cluster, users, orders)

    asked = by_key(read_whole(cluster.brokers, f"{stamp}.asked.v1"), has_broker_time=False)
    assert asked == by_key(driver.records(f"{stamp}.asked.v1"), has_broker_time=False) != {}
    counted = last_of_each(by_key(read_whole(cluster.brokers, f"{stamp}.counted.v1"), has_broker_time=False))
    assert counted == last_of_each(by_key(driver.records(f"{stamp}.counted.v1"), has_broker_time=False)) != {}
    dead = dead_of(read_whole(cluster.brokers, f"{orders}-waits-dlt"))
    assert dead == dead_of(driver.records(f"{orders}-waits-dlt"))
    counts = driver.ledger()
    assert held > 100
    assert (counts.get("retried", 0), counts.get("parked", 0)) == (0, 0)
    assert sum(map(len, asked.values())) == counts["processed"]


def _assert_trimmed(cluster: Cluster, orders: str) -> None:
    """What has come back is deleted from its topic."""
    topic = f"{orders}-waits-retry-3000"
    cluster.wait_until(lambda: any(first for first, _ in cluster.bounds(topic)))


def _assert_tier_may_not_go(cluster: Cluster, schemas: Path, orders: str) -> None:
    """A delay that leaves the file is missed by nobody once nothing waits, and refused while something does."""
    file = schemas / "pipelines" / "waits.yaml"
    feed(cluster, orders, (event for event in workload(50, first=5_000_000, customers=100)))
    cluster.wait_until(lambda: waiting(cluster, "one") > 0)
    assert cluster.stop("one") == 0
    text = file.read_text()
    file.write_text(text.replace("join_missing: [3s, 25s, 25s]", "join_missing: [7s]"))

    code = cluster.start("one").wait(60)

    assert code == ExitCode.WRONG_USE
    assert f"{orders}-waits-retry-" in cluster.log("one")
    assert "events wait in it, and its delay is gone from errors.retry" in cluster.log("one")
