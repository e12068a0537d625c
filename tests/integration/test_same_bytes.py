"""The same input through the driver and through a worker on a real broker gives the same bytes.

Per key in order; of results ``emit: current`` the last of each key; what tells a time or a task aside.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from streams.embedded import EmbeddedKafka
from streams.testing import Driver
from tests.bench.workload import BASE_MS, workload
from tests.pipeline.captured import SCHEMAS as CAPTURED_SCHEMAS
from tests.pipeline.captured import TABLES, captured_table

from .cluster import Cluster, WholeRecord, produce, read_whole

W_SCHEMAS = Path(__file__).parents[1] / "bench" / "schemas"
OF_A_TIME = ("first_failed_at", "task.id")

WINDOWS = """
pipeline: windows
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
deduplicate: {by: [id, lsn], keep: 24h}
filter: "amount > 5"
mask: {email: partial}
derive: {with_tax: "round(amount * 1.19, 2)"}
table: {name: latest_by_customer, key: [customer_id]}
aggregate:
  - table: closed
    by: [customer_id]
    window: {tumbling: 5s, grace: 2s}
    columns: {orders: "count(*)", mean: "avg(amount)", least: "min(amount)", biggest: "max(with_tax)"}
    emit: final
    idle: 1h
    to: bench.closed.v1
  - table: running
    by: [customer_id]
    columns: {orders: "count(*)", revenue: "sum(with_tax)"}
    to: bench.running.v1
    late: bench.late.v1
route:
  - {to: bench.rows.v1, key: [customer_id]}
"""

BY_STATUS = """
pipeline: spread
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
deduplicate: {by: [id, lsn], keep: 24h}
derive: {last_digit: "customer_id % 7"}
aggregate:
  - table: closed_by_digit
    by: [last_digit]
    window: {tumbling: 5s, grace: 2s}
    columns: {orders: "count(*)", mean: "avg(amount)", biggest: "max(amount)"}
    emit: final
    idle: 1h
    to: bench.closed_by_digit.v1
    late: bench.late_by_digit.v1
  - table: digits
    by: [last_digit]
    columns: {orders: "count(*)", revenue: "sum(amount)"}
    to: bench.digits.v1
"""

OF_ROWS = """
pipeline: members
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
deduplicate: {by: [id, lsn], keep: 24h}
where: "amount > 300"
derive: {bucket: "id % 7"}
aggregate:
  - table: buckets
    over: rows
    by: [bucket]
    columns:
      rows: "count(*)"
      revenue: "sum(amount)"
      mean: "avg(amount)"
      least: "min(amount)"
      dearest: "arg_max(customer_id, amount)"
      different: "count(distinct amount)"
      few: "list(customer_id, 5)"
    to: bench.buckets.v1
  - table: everything
    over: rows
    by: []
    columns: {rows: "count(*)", most: "max(amount)", half: "approx_quantile(amount, 0.5)"}
    to: bench.everything.v1
  - table: seconds
    by: []
    window: {tumbling: 5s, grace: 2s}
    columns: {orders: "count(*)", mean: "avg(amount)", customers: "count(distinct customer_id)"}
    emit: final
    idle: 1h
    to: bench.seconds.v1
route:
  - {to: bench.members.v1, key: [customer_id]}
  - {to: bench.dear.v1, key: [customer_id], where: "amount > 500 and bucket < 4"}
"""

KINDS = """
pipeline: kinds
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
deduplicate: {by: [id, lsn], keep: 24h}
derive: {last_digit: "customer_id % 7"}
aggregate:
  - table: hops
    by: [customer_id]
    window: {hopping: {size: 6s, step: 2s}, grace: 2s}
    columns: {orders: "count(*)", mean: "avg(amount)", biggest: "max(amount)"}
    emit: final
    idle: 1h
    to: bench.hops.v1
  - table: slides
    by: [customer_id]
    window: {sliding: 1s, grace: 2s}
    columns: {orders: "count(*)", mean: "avg(amount)", biggest: "max(amount)"}
    emit: final
    idle: 1h
    to: bench.slides.v1
  - table: visits
    by: [customer_id]
    window: {session: 300ms, grace: 2s}
    columns: {orders: "count(*)", mean: "avg(amount)", first: "first(amount)"}
    emit: final
    idle: 1h
    to: bench.visits.v1
    late: bench.late_visits.v1
  - table: live_visits
    by: [customer_id]
    window: {session: 300ms, grace: 2s}
    columns: {orders: "count(*)", revenue: "sum(amount)"}
    to: bench.live_visits.v1
  - table: visits_by_digit
    by: [last_digit]
    window: {session: 10ms, grace: 1m}
    columns: {orders: "count(*)", revenue: "sum(amount)"}
    to: bench.visits_by_digit.v1
"""

PEOPLE = """
pipeline: people
source:
  topic: bench.people.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
table: {name: people, key: [customer_id]}
"""

JOINED = """
pipeline: joined
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
join:
  - {table: people, by: [customer_id], columns: {amount: credit, email: contact}, missing: drop}
derive: {left_over: "credit - amount"}
route:
  - {to: bench.joined.v1, key: [customer_id]}
"""

ASKED = """
pipeline: asked
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
deduplicate: {by: [id, lsn], keep: 24h}
lookup:
  segment:
    call: "tests.integration.rates:segment"
    args: [customer_id]
    missing: drop
    retry: {attempts: 1}
    breaker: {failures: 1000000, calls: 1000000}
aggregate:
  - table: by_customer
    by: [customer_id]
    window: {tumbling: 5s, grace: 2s}
    columns: {orders: "count(*)", segment: "max(segment)"}
    emit: final
    idle: 1h
    to: bench.segments.v1
route:
  - {to: bench.asked.v1, key: [customer_id]}
"""

FOLLOWING = """
pipeline: following
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
join:
  - {type: table, table: people, by: [customer_id], columns: {amount: credit, email: contact}, missing: drop}
derive: {left_over: "credit - amount"}
aggregate:
  - {table: by_contact, over: rows, by: [contact], columns: {orders: "count(*)"}, to: bench.by_contact.v1}
route:
  - {to: bench.following.v1, key: [customer_id]}
"""

AT_THEIR_TIMES = """
pipeline: timely
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [customer_id]
  event_time: created_at
  max_future: 3650d
join:
  - {type: asof, keep: 20s, table: people, by: [customer_id], columns: {amount: credit, email: contact}, missing: null}
route:
  - {to: bench.timely.v1, key: [customer_id]}
"""

APART = """
pipeline: apart
source:
  topic: bench.orders.v1
  format: debezium-json
  contract: iglu:com.acme.bench/orders/jsonschema/1-*-*
  key: [id]                  # so the plan believes, and lets both sides meet in a stage
  event_time: created_at
  max_future: 3650d
join:
  - {type: table, table: people, by: [customer_id], columns: {amount: credit, email: contact}}
route:
  - {to: bench.apart.v1, key: [customer_id]}
"""

pytestmark = [pytest.mark.integration]

By = dict[tuple[int, bytes | None], list[tuple[object, ...]]]


def by_key(records: Iterable[object], *, has_broker_time: bool) -> By:
    """By partition and key: value, headers and time of each record, in order."""
    found: By = defaultdict(list)
    for record in records:
        headers = tuple(header for header in record.headers if not header[0].endswith(OF_A_TIME))  # type: ignore[attr-defined]
        time_ms = None if has_broker_time else record.timestamp_ms  # type: ignore[attr-defined]
        place = (0 if record.key is None else record.partition, record.key)  # type: ignore[attr-defined]
        found[place].append((record.value, headers, time_ms))  # type: ignore[attr-defined]
    # Without a key there is no order, and any partition will do.
    return {place: sorted(held, key=repr) if place[1] is None else held for place, held in found.items()}


def last_of_each(held: By) -> By:
    return {key: records[-1:] for key, records in held.items()}


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as held:
        yield held


def copy_schemas(source: Path, cluster: Cluster, old: str, new: str, **more: str) -> Path:
    """Contracts and pipelines with topics of this test's own."""
    schemas = cluster.folder / "schemas"
    shutil.copytree(source, schemas)
    for name, text in more.items():
        (schemas / "pipelines" / f"{name}.yaml").write_text(text)
    for pipeline in (schemas / "pipelines").glob("*.yaml"):
        pipeline.write_text(pipeline.read_text().replace(f"{old}.", f"{new}."))
        contract = f"com.acme.{new}."
        pipeline.write_text(pipeline.read_text().replace(contract, f"com.acme.{old}."))
    return schemas


def drive(schemas: Path, app: str, sources: dict[str, list[WholeRecord]], partitions: int) -> Driver:
    """A driver that has been sent what the source topics hold."""
    driver = Driver(schemas, app=app, partitions=dict.fromkeys(sources, partitions))
    for topic, records in sources.items():
        for record in records:
            driver.send(
                topic,
                key=record.key,
                value=record.value,
                timestamp_ms=record.timestamp_ms,
                partition=record.partition,
                headers=record.headers,
            )
    return driver


def test_workload_w_and_its_windows(cluster: Cluster, unique: Callable[[str], str]) -> None:
    stamp = unique("same")
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, windows=WINDOWS)
    source = f"{stamp}.orders.v1"
    cluster.create_topic(source)
    produce(cluster.brokers, source, ({"key": event.key, "value": event.value} for event in workload(50_000)))
    cluster.start("one")
    cluster.wait_until(lambda: cluster.lag(source) == 0)
    driver = drive(schemas, cluster.app, {source: read_whole(cluster.brokers, source)}, 4)

    for topic in ("enriched.v1", "closed.v1", "rows.v1", "late.v1"):
        worked = by_key(read_whole(cluster.brokers, f"{stamp}.{topic}"), has_broker_time=False)
        assert worked == by_key(driver.records(f"{stamp}.{topic}"), has_broker_time=False), topic
    for topic in (f"{stamp}.orders.v1-dlt", f"{stamp}.orders.v1-windows-dlt"):
        worked = by_key(read_whole(cluster.brokers, topic), has_broker_time=True)
        assert worked == by_key(driver.records(topic), has_broker_time=True), topic
        assert worked
    running = by_key(read_whole(cluster.brokers, f"{stamp}.running.v1"), has_broker_time=False)
    driven = by_key(driver.records(f"{stamp}.running.v1"), has_broker_time=False)
    assert last_of_each(running) == last_of_each(driven)


def live(held: By) -> By:
    """Of each key the last record, where that takes nothing back: which sessions were seen meanwhile is up to time."""
    return {key: records for key, records in last_of_each(held).items() if records[-1][0] is not None}


def test_windows_of_every_kind(cluster: Cluster, unique: Callable[[str], str]) -> None:
    stamp = unique("kinds")
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, kinds=KINDS)
    (schemas / "pipelines" / "w.yaml").unlink()
    source, stage = f"{stamp}.orders.v1", f"{cluster.app}-kinds-by-last_digit-repartition"
    cluster.create_topic(source)
    events = workload(20_000, customers=300)
    produce(cluster.brokers, source, ({"key": event.key, "value": event.value} for event in events))
    cluster.start("one")
    cluster.wait_until(lambda: cluster.lag(source) == 0)
    driver = drive(schemas, cluster.app, {source: read_whole(cluster.brokers, source)}, 4)

    def worked(topic: str) -> By:
        return by_key(read_whole(cluster.brokers, f"{stamp}.{topic}"), has_broker_time=False)

    for topic in ("hops.v1", "slides.v1", "visits.v1", "late_visits.v1"):
        wanted = by_key(driver.records(f"{stamp}.{topic}"), has_broker_time=False)
        cluster.wait_until(lambda topic=topic, wanted=wanted: len(worked(topic)) >= len(wanted))
        assert worked(topic) == wanted, topic
        assert wanted or topic == "late_visits.v1"
    for topic in ("live_visits.v1", "visits_by_digit.v1"):
        wanted = live(by_key(driver.records(f"{stamp}.{topic}"), has_broker_time=False))
        cluster.wait_until(lambda topic=topic, wanted=wanted: live(worked(topic)) == wanted)
        assert wanted
    assert driver.topics[stage].value == "repartition"


def test_orders_joined_to_their_customers_in_the_order_of_event_times(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    stamp = unique("joined")
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, people=PEOPLE, joined=JOINED)
    (schemas / "pipelines" / "w.yaml").unlink()
    people, orders = f"{stamp}.people.v1", f"{stamp}.orders.v1"
    parts = [(people, 0, 150), (orders, 5_000, 15_000), (people, 40_000, 2_000), (orders, 50_000, 15_000)]
    for topic in (people, orders):
        cluster.create_topic(topic)
    # All orders are written before the first customer: only their event times say who came first.
    for topic, first, count in sorted(parts, key=lambda part: part[0]):
        events = workload(count, first=first, customers=200)
        produce(cluster.brokers, topic, ({"key": event.key, "value": event.value} for event in events))
    cluster.start("one")
    cluster.wait_until(lambda: cluster.lag(orders) == 0 and cluster.lag(people) == 0)
    driver = Driver(schemas, app=cluster.app, partitions={people: 4, orders: 4}, start_ms=BASE_MS)
    for topic, first, count in parts:
        for event in workload(count, first=first, customers=200):
            driver.send(topic, key=event.key, value=event.value)

    worked = by_key(read_whole(cluster.brokers, f"{stamp}.joined.v1"), has_broker_time=False)
    assert worked == by_key(driver.records(f"{stamp}.joined.v1"), has_broker_time=False) != {}


def in_transactions(count: int, topics: tuple[str, ...]) -> Iterator[tuple[str, bytes | None, bytes]]:
    """(topic, key, value) of events of one source: transactions over ``topics``, their ENDs in the last of them."""
    chance, events, lsn = random.Random(4), workload(count, customers=200), 0
    *tables, told = topics
    for xid in range(1, count):
        begin, part = lsn, list(islice(events, chance.choice([1, 1, 2, 5, 40])))
        for number, event in enumerate(part, 1):
            lsn += 10
            envelope = json.loads(event.value, parse_float=Decimal)
            envelope["source"] |= {"txId": xid, "sequence": f'["{begin}","{lsn}"]'}
            envelope["transaction"] = {"id": f"{xid}:{lsn}", "total_order": number, "data_collection_order": number}
            yield chance.choice(tables), event.key, msgspec.json.Encoder(decimal_format="number").encode(envelope)
        if not part:
            return
        lsn += 10
        yield told, None, b'{"status":"END","id":"%d:%d","event_count":%d}' % (xid, lsn, len(part))


def test_orders_and_customers_released_in_the_transactions_that_wrote_them(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    stamp = unique("whole")
    said = {name: f"{text}transactional: true\n" for name, text in (("people", PEOPLE), ("joined", JOINED))}
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, **said)
    (schemas / "pipelines" / "w.yaml").unlink()
    topics = (f"{stamp}.people.v1", f"{stamp}.orders.v1", f"{stamp}.transaction")
    for topic, partitions in zip(topics, (4, 4, 1), strict=True):
        cluster.create_topic(topic, partitions)
    made = list(in_transactions(20_000, topics))
    for topic in topics:
        produce(cluster.brokers, topic, ({"key": key, "value": value} for to, key, value in made if to == topic))
    cluster.start("one")
    cluster.wait_until(lambda: all(cluster.lag(topic) == 0 for topic in topics))
    driver = drive(schemas, cluster.app, {topic: read_whole(cluster.brokers, topic) for topic in topics}, 4)

    worked = by_key(read_whole(cluster.brokers, f"{stamp}.joined.v1"), has_broker_time=False)
    assert worked == by_key(driver.records(f"{stamp}.joined.v1"), has_broker_time=False) != {}
    assert driver.incomplete() == {}


def test_columns_that_are_looked_up_beside_a_pipeline_of_the_same_topic(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    stamp = unique("asked")
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, asked=ASKED)
    source = f"{stamp}.orders.v1"
    cluster.create_topic(source)
    events = workload(10_000, customers=300)
    produce(cluster.brokers, source, ({"key": event.key, "value": event.value} for event in events))
    cluster.start("one")
    cluster.wait_until(lambda: cluster.lag(source) == 0)
    driver = drive(schemas, cluster.app, {source: read_whole(cluster.brokers, source)}, 4)

    for topic in ("asked.v1", "segments.v1", "enriched.v1"):
        worked = by_key(read_whole(cluster.brokers, f"{stamp}.{topic}"), has_broker_time=False)
        assert worked == by_key(driver.records(f"{stamp}.{topic}"), has_broker_time=False) != {}, topic
    dead = f"{stamp}.orders.v1-asked-dlt"
    worked = by_key(read_whole(cluster.brokers, dead), has_broker_time=True)
    assert worked == by_key(driver.records(dead), has_broker_time=True) != {}


def test_rows_that_follow_their_partners(cluster: Cluster, unique: Callable[[str], str]) -> None:
    stamp = unique("following")
    joins = {"people": PEOPLE, "following": FOLLOWING, "apart": APART, "timely": AT_THEIR_TIMES}
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, **joins)
    (schemas / "pipelines" / "w.yaml").unlink()
    people, orders = f"{stamp}.people.v1", f"{stamp}.orders.v1"
    parts = [(people, 0, 150), (orders, 5_000, 8_000), (people, 40_000, 2_000), (orders, 50_000, 8_000)]
    for topic in (people, orders):
        cluster.create_topic(topic)
    for topic, first, count in sorted(parts, key=lambda part: part[0]):
        events = workload(count, first=first, customers=200)
        produce(cluster.brokers, topic, ({"key": event.key, "value": event.value} for event in events))
    cluster.start("one")
    driver = Driver(schemas, app=cluster.app, partitions={people: 4, orders: 4}, start_ms=BASE_MS)
    for topic, first, count in parts:
        for event in workload(count, first=first, customers=200):
            driver.send(topic, key=event.key, value=event.value)

    def last(topic: str, records: Iterable[object]) -> By:
        # A group's time is the newest of all that changed it, also of what rows were between two checkpoints.
        return last_of_each(by_key(records, has_broker_time="by_contact" in topic))

    for topic in (f"{stamp}.{name}.v1" for name in ("following", "by_contact", "apart", "timely")):
        wanted = last(topic, driver.records(topic))
        cluster.wait_until(lambda t=topic, w=wanted: last(t, read_whole(cluster.brokers, t)) == w != {})  # type: ignore[misc]  # the loop's, bound now


def test_groups_of_two_workers_that_meet_through_a_repartition_topic(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    stamp = unique("spread")
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, spread=BY_STATUS)
    source, between = f"{stamp}.orders.v1", f"{cluster.app}-spread-by-last_digit-repartition"
    cluster.create_topic(source)
    produce(cluster.brokers, source, ({"key": event.key, "value": event.value} for event in workload(40_000)))
    cluster.start("one")
    cluster.start("two")
    # The last record of a transaction is its end: what is left of a partition may be that alone, for ever.
    cluster.wait_until(lambda: cluster.lag(source) == 0)
    driver = drive(schemas, cluster.app, {source: read_whole(cluster.brokers, source)}, 4)
    wanted = {
        topic: by_key(driver.records(f"{stamp}.{topic}"), has_broker_time=False)
        for topic in ("closed_by_digit.v1", "digits.v1", "late_by_digit.v1")
    }

    def worked(topic: str) -> By:
        return by_key(read_whole(cluster.brokers, f"{stamp}.{topic}"), has_broker_time=False)

    cluster.wait_until(lambda: last_of_each(worked("digits.v1")) == last_of_each(wanted["digits.v1"]))
    cluster.wait_until(lambda: len(worked("closed_by_digit.v1")) >= len(wanted["closed_by_digit.v1"]))
    assert worked("closed_by_digit.v1") == wanted["closed_by_digit.v1"] != {}
    assert worked("late_by_digit.v1") == wanted["late_by_digit.v1"]
    assert any(end for _, end in cluster.bounds(between))


def test_rows_that_enter_and_leave_and_change_groups_of_two_workers(
    cluster: Cluster, unique: Callable[[str], str]
) -> None:
    stamp = unique("rows")
    schemas = copy_schemas(W_SCHEMAS, cluster, "bench", stamp, members=OF_ROWS)
    (schemas / "pipelines" / "w.yaml").unlink()
    source = f"{stamp}.orders.v1"
    cluster.create_topic(source)
    events = workload(30_000, customers=2_000)
    produce(cluster.brokers, source, ({"key": event.key, "value": event.value} for event in events))
    cluster.start("one")
    cluster.start("two")
    cluster.wait_until(lambda: cluster.lag(source) == 0)
    driver = drive(schemas, cluster.app, {source: read_whole(cluster.brokers, source)}, 4)

    def worked(topic: str) -> By:
        return by_key(read_whole(cluster.brokers, f"{stamp}.{topic}"), has_broker_time=False)

    def driven(topic: str) -> By:
        return by_key(driver.records(f"{stamp}.{topic}"), has_broker_time=False)

    for topic in ("buckets.v1", "everything.v1"):
        wanted = last_of_each(driven(topic))
        cluster.wait_until(lambda topic=topic, wanted=wanted: last_of_each(worked(topic)) == wanted)  # type: ignore[misc]
    cluster.wait_until(lambda: len(worked("seconds.v1")) >= len(driven("seconds.v1")))
    assert worked("seconds.v1") == driven("seconds.v1") != {}
    for topic in ("members.v1", "dear.v1"):
        assert worked(topic) == driven(topic)
        assert any(value is None for records in driven(topic).values() for value, *_ in records)
    assert len(driven("dear.v1")) < len(driven("members.v1"))


def test_real_captured_changes(cluster: Cluster, unique: Callable[[str], str]) -> None:
    stamp = unique("captured")
    schemas = copy_schemas(CAPTURED_SCHEMAS, cluster, "shopjson", stamp)
    for pipeline in (schemas / "pipelines").glob("*.yaml"):
        pipeline.write_text(pipeline.read_text().replace(".rows.v1", f".rows.{stamp}"))
    for table in TABLES:
        cluster.create_topic(f"{stamp}.public.{table}", 3)
        produce(
            cluster.brokers,
            f"{stamp}.public.{table}",
            (
                {"key": held.key, "value": held.value, "partition": held.partition, "timestamp": held.timestamp_ms,
                 "headers": list(held.headers)}
                for held in captured_table(table)
            ),
        )  # fmt: skip
    sources = {f"{stamp}.public.{table}": read_whole(cluster.brokers, f"{stamp}.public.{table}") for table in TABLES}
    cluster.start("one")
    cluster.wait_until(lambda: all(cluster.lag(source) == 0 for source in sources))
    driver = drive(schemas, cluster.app, sources, 3)

    for topic, kind in driver.topics.items():
        if kind.value == "output":
            worked = by_key(read_whole(cluster.brokers, topic), has_broker_time=False)
            assert worked == by_key(driver.records(topic), has_broker_time=False), topic
        elif kind.value == "dead_letters":
            worked = by_key(read_whole(cluster.brokers, topic), has_broker_time=True)
            assert worked == by_key(driver.records(topic), has_broker_time=True), topic
