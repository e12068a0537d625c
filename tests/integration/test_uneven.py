"""Partitions hours apart, and workers that are away: no event is late, and results are those of an orderly run."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.embedded import EmbeddedKafka
from streams.testing import Driver

from .cluster import Cluster, produce, read_whole
from .test_same_bytes import W_SCHEMAS, by_key, copy_schemas

pytestmark = [pytest.mark.integration]

PARTITIONS = 4
HOUR_MS, WINDOW_MS = 3_600_000, 600_000
BASE_MS = 1_700_000_000_000 - 1_700_000_000_000 % HOUR_MS
DISORDER_MS = 45_000
IDLE_SECONDS = 3
PIPELINE = f"""
pipeline: uneven
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
derive: {{product: "id % 7"}}
aggregate:
  - table: by_customer
    by: [customer_id]
    window: {{tumbling: 10m, grace: 1m}}
    columns: {{orders: "count(*)", revenue: "sum(amount)"}}
    emit: final
    idle: {IDLE_SECONDS}s
    to: bench.by_customer.v1
    late: bench.late_by_customer.v1
  - table: by_product
    by: [product]
    window: {{tumbling: 10m, grace: 1m}}
    columns: {{orders: "count(*)", revenue: "sum(amount)"}}
    emit: final
    idle: {IDLE_SECONDS}s
    to: bench.by_product.v1
    late: bench.late_by_product.v1
"""


class Order(NamedTuple):
    """One order, and the partition that it is written to."""

    partition: int
    id: int
    customer: int
    cents: int
    time_ms: int

    def record(self) -> dict[str, Any]:
        """As Debezium captures it."""
        row = {"id": self.id, "customer_id": self.customer, "email": f"c{self.customer}@example.com",
               "amount": self.cents / 100, "status": "new", "created_at": self.time_ms, "lsn": self.id}  # fmt: skip
        source = {"name": "shop", "ts_ms": self.time_ms, "db": "shop", "schema": "public", "table": "orders",
                  "txId": self.id, "lsn": self.id}  # fmt: skip
        change = {"before": None, "after": row, "source": source, "op": "c", "ts_ms": self.time_ms}
        key = json.dumps({"customer_id": self.customer}).encode()
        return {"key": key, "value": json.dumps(change).encode(), "partition": self.partition}


def orders_of_hour(hour: int, count: int = 800) -> list[Order]:
    """By partition orders of one hour, in a disorder that is below the grace."""
    chance = random.Random(hour)
    orders = []
    for number in range(count * PARTITIONS):
        partition, id = number % PARTITIONS, hour * 1_000_000 + number + 1
        time_ms = BASE_MS + hour * HOUR_MS + number * HOUR_MS // (count * PARTITIONS) - chance.randrange(DISORDER_MS)
        customer = partition + PARTITIONS * chance.randrange(20)
        orders.append(Order(partition, id, customer, chance.randrange(1, 99_999), time_ms))
    return orders


def closing_orders() -> list[Order]:
    """One for each partition, so late that every window before closes; their own stay open."""
    return [Order(number, 90_000_001 + number, number, 1, BASE_MS + 10 * HOUR_MS) for number in range(PARTITIONS)]


TABLES: dict[str, Callable[[Order], int]] = {
    "by_customer": lambda order: order.customer,
    "by_product": lambda order: order.id % 7,
}
"""What each groups by: the column that partitions the topic, and one that does not."""
Sums = dict[tuple[int, int], tuple[int, Decimal]]
"""By group and start of the window."""


def expected(orders: list[Order], group: Callable[[Order], int]) -> Sums:
    """What windows hold, whatever the order of events."""
    sums: Sums = defaultdict(lambda: (0, Decimal(0)))
    for order in orders:
        window = group(order), order.time_ms - order.time_ms % WINDOW_MS
        count, total = sums[window]
        sums[window] = count + 1, total + Decimal(order.cents) / 100
    return dict(sums)


class Uneven(Cluster):
    """Two workers on topics of this test's own."""

    def __init__(self, brokers: str, folder: Path, unique: Callable[[str], str]) -> None:
        super().__init__(brokers, folder / "schemas", folder, unique("app"))
        self.stamp = unique("uneven")
        self.schemas = copy_schemas(W_SCHEMAS, self, "bench", self.stamp, uneven=PIPELINE)
        (self.schemas / "pipelines" / "w.yaml").unlink()
        self.source = self.topic("orders")
        self.sent: list[Order] = []

    def topic(self, name: str) -> str:
        """As the pipeline calls it."""
        return f"{self.stamp}.{name}.v1"

    def kill(self, instance: str) -> None:
        """kill -9; what is started later is another one."""
        super().kill(instance)
        del self.workers[instance]

    def freeze(self, instance: str) -> None:
        """It does nothing any more, and what the broker has answered last is that there was nothing more."""
        self.workers[instance].send_signal(signal.SIGSTOP)
        time.sleep(1)  # a fetch waits for 100 ms

    def thaw(self, instance: str) -> None:
        """It goes on as if nothing had happened."""
        self.workers[instance].send_signal(signal.SIGCONT)

    def feed(self, orders: list[Order]) -> None:
        """Write to the source."""
        self.sent += orders
        produce(self.brokers, self.source, (order.record() for order in orders))

    def owned(self, instance: str) -> set[tuple[str, int]]:
        """The partitions that a worker reads."""
        status, body = self.get(instance, "/health/ready")
        tasks = json.loads(body)["tasks"] if status == 200 else []
        return {(topic, partition) for topic, partition in tasks}

    def waiting(self, partition: int) -> int:
        """Records of a source partition that are not committed."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": self.app})
        place = TopicPartition(self.source, partition)
        committed, end = consumer.committed([place], 30)[0].offset, consumer.get_watermark_offsets(place)[1]
        consumer.close()
        return end - max(committed, 0)

    def rows(self, table: str) -> list[tuple[tuple[int, int], tuple[int, Decimal]]]:
        """Published results."""
        rows = [json.loads(value or b"", parse_float=Decimal) for _, _, value in self.read(self.topic(table))]
        group = "customer_id" if table == "by_customer" else "product"
        return [((row[group], row["window_start"]), (row["orders"], row["revenue"])) for row in rows]

    def is_done(self, table: str, windows: int) -> bool:
        """So many windows have closed; or something was late, and they never will."""
        return len(self.read(self.topic(table))) >= windows or bool(self.read(self.topic(f"late_{table}")))

    def orderly(self) -> Driver:
        """The same orders, each when it happened, by one process that is never away."""
        driver = Driver(self.schemas, app=self.app, partitions={self.source: PARTITIONS}, start_ms=BASE_MS)
        for order in sorted(self.sent, key=lambda order: order.id):
            driver.send(self.source, **order.record())
        return driver


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Uneven]:
    with Uneven(kafka.bootstrap, tmp_path, unique) as held:
        held.create_topic(held.source, PARTITIONS)
        held.start("one")
        held.start("two")
        held.wait_until(lambda: all(len(held.owned(name)) == PARTITIONS for name in ("one", "two")))
        yield held


def stand_still(cluster: Uneven, leave: Callable[[str], object]) -> tuple[str, str]:
    """Hour one is done, then one worker is left behind while the others' partitions come two hours further."""
    cluster.feed(orders_of_hour(0))
    cluster.wait_until(lambda: cluster.lag(cluster.source) == 0)
    away = next(name for name in ("one", "two") if (cluster.source, 3) in cluster.owned(name))
    stays = "two" if away == "one" else "one"
    own = [number for topic, number in cluster.owned(stays) if topic == cluster.source]
    leave(away)
    cluster.feed(orders_of_hour(1))
    cluster.feed(orders_of_hour(2))
    cluster.wait_until(lambda: not any(map(cluster.waiting, own)))
    assert cluster.waiting(3) == 2 * 800
    return away, stays


def catch_up(cluster: Uneven) -> None:
    """All that was sent is done, and every window closed but those of the last orders."""
    cluster.wait_until(lambda: cluster.lag(cluster.source) == 0)
    before = len(cluster.sent)
    cluster.feed(closing_orders())
    for table, group in TABLES.items():
        wanted = expected(cluster.sent[:before], group)
        cluster.wait_until(lambda table=table, wanted=wanted: cluster.is_done(table, len(wanted)))


def judge(cluster: Uneven) -> None:
    """No event was late, each window was published once and as it is, and all bytes are those of an orderly run."""
    orders = cluster.sent[:-PARTITIONS]
    for table, group in TABLES.items():
        assert len(cluster.read(cluster.topic(f"late_{table}"))) == 0
        published = cluster.rows(table)
        assert (dict(published), len(published)) == (expected(orders, group), len(dict(published)))
    driver = cluster.orderly()
    for table in TABLES:
        worked = by_key(read_whole(cluster.brokers, cluster.topic(table)), has_broker_time=False)
        assert worked == by_key(driver.records(cluster.topic(table)), has_broker_time=False), table
    assert driver.ledger() == {"processed": len(cluster.sent)}


def test_a_worker_dead_for_longer_than_its_session_while_its_partitions_fall_two_hours_behind(cluster: Uneven) -> None:
    away, stays = stand_still(cluster, cluster.kill)

    cluster.wait_until(lambda: len(cluster.owned(stays)) == 2 * PARTITIONS)  # the other one has to do all of it
    cluster.start(away)

    catch_up(cluster)
    judge(cluster)


@pytest.mark.long
def test_a_worker_that_is_started_again_before_anybody_takes_its_partitions(cluster: Uneven) -> None:
    away, _ = stand_still(cluster, cluster.kill)

    cluster.start(away)

    catch_up(cluster)
    judge(cluster)


@pytest.mark.long
def test_a_worker_that_freezes_for_longer_than_an_input_may_be_silent(cluster: Uneven) -> None:
    away, _ = stand_still(cluster, cluster.freeze)

    time.sleep(IDLE_SECONDS)  # what is to be shown is what that time does
    cluster.thaw(away)

    catch_up(cluster)
    judge(cluster)
