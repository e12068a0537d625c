"""The customer's configuration, as written: wal2json to Avro on real servers, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import fastavro
import psycopg2
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from streams.embedded import EmbeddedKafka, EmbeddedPostgres
from streams.embedded.registry import EmbeddedRegistry

from ..integration.cluster import WholeRecord, read_whole

pytestmark = pytest.mark.integration
CONFIG = Path(__file__).parents[1] / "fixtures" / "cdc_config.py"
DATABASE = "customer"
TABLES = """
CREATE TABLE users(id bigserial PRIMARY KEY, email text NOT NULL, ssn text, credit_card text NOT NULL, name text);
CREATE TABLE orders(id bigserial PRIMARY KEY, user_id bigint NOT NULL, amount numeric(12,2) NOT NULL, note text,
                    created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE products(id serial PRIMARY KEY, sku text UNIQUE NOT NULL, price numeric, attributes jsonb);
ALTER TABLE products REPLICA IDENTITY FULL;
INSERT INTO users(email, ssn, credit_card) SELECT i || '@example.test', 'SSN-' || i, 'CARD-' || i
FROM generate_series(1, 20) i;
INSERT INTO orders(user_id, amount) SELECT i, i + 0.25 FROM generate_series(1, 20) i;
INSERT INTO products(sku, price, attributes) VALUES ('S-1', 1.50, '{"color": "red"}');
"""
SINKS = ("cdc.users.v1.warehouse", "cdc.users.v1.cache")
TOPICS = ("cdc.users.v1", "cdc.orders.v1", "cdc.products.v1", *SINKS)
PATIENCE_SECONDS = 90.0


@dataclass(slots=True, kw_only=True)
class Customer:
    """The customer's machine: the three servers, and the capture."""

    postgres: EmbeddedPostgres
    kafka: EmbeddedKafka
    registry: EmbeddedRegistry
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = field(default=0)

    def sql(self, *statements: str, database: str = DATABASE) -> list[Any]:
        with closing(psycopg2.connect(self.postgres.dsn.replace("/shop", f"/{database}"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []

    def start(self) -> None:
        """``streams capture --config cdc_config.py``; nothing but addresses is given."""
        port = self.postgres.dsn.rsplit(":", 1)[1].split("/")[0]
        registry = self.registry.url.removeprefix("http://")
        environment = {
            "STREAMS_BROKERS": self.kafka.bootstrap,
            "STREAMS_HOSTS": f"source_db=127.0.0.1:{port},schema-registry={registry}",
            "STREAMS_APP": "customer",
            "STREAMS_DATA": str(self.folder),
            # As for psql: the URL names neither.
            "PGUSER": "streams",
            "PGDATABASE": DATABASE,
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", "capture", "--config", str(CONFIG)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment},
            )  # fmt: skip
        self.starts += 1
        self.wait_until(lambda: self.log.count("following the log") == self.starts, "it follows the log")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_SECONDS) == 0

    def flush(self) -> None:
        """Wait until Kafka has everything that was committed before."""
        ((now,),) = self.sql("SELECT pg_current_wal_lsn()")
        slot = f"SELECT 1 FROM pg_replication_slots WHERE slot_name = 'streams' AND confirmed_flush_lsn >= '{now}'"
        self.wait_until(lambda: self.sql(slot), "everything is captured")

    def wait_until(self, is_so: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            is_ended = self.process is not None and self.process.poll() is not None
            assert time.monotonic() < deadline and not is_ended, f"not so: {what}\n{self.log[-3_000:]}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def customer(
    debian: EmbeddedPostgres, kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Customer]:
    """After a day's work: snapshot, changes, two kills, a changed table."""
    with EmbeddedRegistry() as registry:
        held = Customer(postgres=debian, kafka=kafka, registry=registry, folder=tmp_path_factory.mktemp("customer"))
        held.sql(f"CREATE DATABASE {DATABASE}", database="shop")
        held.sql(TABLES)
        try:
            _work(held)
            yield held
        finally:
            if held.process is not None:
                held.process.kill()
                held.process.wait()
                held.process = None
            slot = "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'streams' AND active"
            held.wait_until(lambda: not held.sql(slot), "the slot is free")
            held.sql("SELECT pg_drop_replication_slot('streams') FROM pg_replication_slots WHERE slot_name = 'streams'")
            held.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)", database="shop")


def _work(held: Customer) -> None:
    held.start()
    for number in range(100, 130):
        held.sql(
            "BEGIN; INSERT INTO users(id, email, ssn, credit_card)"
            f" VALUES ({number}, 'u', 'SSN-{number}', 'CARD-{number}');"
            f" INSERT INTO orders(user_id, amount) VALUES ({number}, 9.99); COMMIT"
        )
    held.kill()
    held.sql(
        "INSERT INTO users(id, email, credit_card) SELECT i, 'many', 'CARD-' || i FROM generate_series(1000, 2999) i"
    )
    held.start()
    held.sql(
        "UPDATE users SET email = 'new', ssn = 'SSN-new' WHERE id = 1",
        "UPDATE users SET id = 500 WHERE id = 2",
        "UPDATE products SET price = 2.75 WHERE id = 1",
        "DELETE FROM users WHERE id = 3",
        "DELETE FROM orders WHERE id <= 5",
        "DELETE FROM products",
        "INSERT INTO products(sku) VALUES ('S-2')",
    )
    held.flush()
    held.kill()
    held.start()
    held.sql(
        "ALTER TABLE orders ALTER COLUMN amount TYPE numeric(14,4)",
        "ALTER TABLE users ADD COLUMN phone text",
        "INSERT INTO orders(user_id, amount) VALUES (1, 1.2345)",
        "INSERT INTO users(id, email, ssn, credit_card, phone) VALUES (9000, 'e', NULL, 'CARD-9000', '123')",
    )
    held.flush()
    held.stop()


def decoded(customer: Customer, topic: str) -> list[Any]:
    """Values, by a consumer that has nothing but the registry; every key must fit as well."""
    client = SchemaRegistryClient({"url": customer.registry.url})
    read = AvroDeserializer(client)
    records = read_whole(customer.kafka.bootstrap, topic)
    for record in records:
        assert read(record.key, SerializationContext(topic, MessageField.KEY)) is not None
    return [read(record.value, SerializationContext(topic, MessageField.VALUE)) for record in records]


def place_of(event: Any) -> Any:
    """Which change it is."""
    if event["transaction"] is None:
        return event["op"], event["after"]["id"]
    return event["source"]["txId"], event["transaction"]["total_order"]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_holds_avro_without_deletes_and_nothing_twice(customer: Customer, topic: str) -> None:
    events = decoded(customer, topic)

    assert {event["op"] for event in events} <= {"r", "c", "u"}
    places = [place_of(event) for event in events]
    assert len(places) == len(set(places)) > 0


def test_the_topics_end_with_what_the_tables_hold_but_for_deletes(customer: Customer) -> None:
    def last_rows(topic: str) -> dict[int, Any]:
        return {event["after"]["id"]: event["after"] for event in decoded(customer, topic)}

    orders = last_rows("cdc.orders.v1")
    users = last_rows("cdc.users.v1")
    products = last_rows("cdc.products.v1")

    for number, user_id, amount in customer.sql("SELECT id, user_id, amount FROM orders"):
        assert (orders[number]["user_id"], orders[number]["amount"]) == (user_id, amount)
    for number, email, has_ssn in customer.sql("SELECT id, email, ssn IS NOT NULL FROM users"):
        row = users[number]
        assert (row["email"], row["ssn"], row["credit_card"]) == (email, "***" if has_ssn else None, "***")
    # A DELETE is filtered: what is gone from the tables is here still, and the old key of a moved row.
    assert set(orders) - {number for (number,) in customer.sql("SELECT id FROM orders")} == {1, 2, 3, 4, 5}
    assert set(users) - {number for (number,) in customer.sql("SELECT id FROM users")} == {2, 3}
    assert {row["sku"] for row in products.values()} == {"S-1", "S-2"}


def everything(customer: Customer) -> Iterator[tuple[str, bytes]]:
    """(topic, bytes) of each record of the whole broker, those of aborted transactions included."""
    admin = AdminClient({"bootstrap.servers": customer.kafka.bootstrap})
    for topic in admin.list_topics(timeout=30).topics:
        if topic.startswith(("cdc.", "customer-", "__debezium")):
            for record in read_uncommitted(customer.kafka.bootstrap, topic):
                yield topic, b"|".join([record.key or b"", record.value or b"", *(v or b"" for _, v in record.headers)])


def read_uncommitted(brokers: str, topic: str) -> list[WholeRecord]:
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": "tests", "isolation.level": "read_uncommitted",
         "enable.auto.commit": False, "enable.partition.eof": True}
    )  # fmt: skip
    found: list[WholeRecord] = []
    try:
        partitions = list(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        ended: set[int] = set()
        while len(ended) < len(partitions):
            for message in consumer.consume(10_000, 0.1):
                if message.error() is None:
                    headers = tuple(message.headers() or ())
                    found.append(WholeRecord(message.partition(), message.key(), message.value(), 0, headers))
                else:
                    ended.add(message.partition())
    finally:
        consumer.close()
    return found


def test_no_masked_value_is_anywhere_in_kafka(customer: Customer) -> None:
    read = list(everything(customer))

    assert {topic for topic, data in read if b"SSN-" in data or b"CARD-" in data} == set()
    assert {topic for topic, data in read if b"***" in data} == {"cdc.users.v1", *SINKS}
    assert "SSN-" not in customer.log and "CARD-" not in customer.log


@pytest.mark.parametrize("sink", SINKS)
def test_a_sink_gets_all_that_the_table_gets(customer: Customer, sink: str) -> None:
    own = decoded(customer, "cdc.users.v1")
    sunk = decoded(customer, sink)

    assert sorted(map(repr, sunk)) == sorted(map(repr, own))


def test_a_changed_table_has_new_schema_ids_in_the_middle_of_its_topic(customer: Customer) -> None:
    with urlopen(f"{customer.registry.url}/subjects/cdc.orders.v1-value/versions", timeout=5) as answer:
        assert json.load(answer) == [1, 2]
    for topic, rows in (("cdc.orders.v1", {"amount": "1.2345"}), ("cdc.users.v1", {"phone": "123"})):
        ids = {record.value[1:5] for record in read_whole(customer.kafka.bootstrap, topic) if record.value}
        assert len(ids) == 2
        (column, value), *_ = rows.items()
        assert value in {str(event["after"].get(column)) for event in decoded(customer, topic)}


def test_fastavro_alone_reads_it(customer: Customer) -> None:
    record = read_whole(customer.kafka.bootstrap, "cdc.users.v1")[0]
    assert record.value is not None
    schema_id = int.from_bytes(record.value[1:5], "big")
    with urlopen(f"{customer.registry.url}/schemas/ids/{schema_id}", timeout=5) as answer:
        schema = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))

    event: Any = fastavro.schemaless_reader(BytesIO(record.value[5:]), schema, None)

    assert schema["name"] == "cdc.public.users.Envelope"
    assert (event["source"]["name"], event["source"]["table"], event["after"]["credit_card"]) == ("cdc", "users", "***")
