"""TRUNCATEs on real workers: each comes in one partition, workers die meanwhile, and nothing is left of what they took.

What is right is what a database of the same changes holds, and the driver must say the same bytes of each key.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.admin import AdminClient

from streams.embedded import EmbeddedKafka
from streams.testing import Driver
from tests.pipeline.builders import a_pipeline, written
from tests.pipeline.rows.model import COLUMNS, grouped
from tests.pipeline.truncating.model import PARTITIONS, Database

from .cluster import Cluster, produce, read_whole
from .test_same_bytes import By, by_key, live

pytestmark = [pytest.mark.integration]

TABLES: Mapping[str, list[str]] = {
    "here": ["id", "customer_id"],
    "by_customer": ["customer_id"],
    "two": ["note", "code"],
}


@pytest.fixture
def cluster(kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    with Cluster(kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as held:
        yield held


def pipelines(stamp: str, **parts: Any) -> list[Mapping[str, Any]]:
    """One that keeps a table and groups, and one whose rows are members or outside."""
    source = {"topic": f"{stamp}.orders", "max_future": "36500d"}
    held = [{"table": table, "over": "rows", "by": by, "columns": COLUMNS, "to": f"{stamp}.{table}"} for table, by in
            TABLES.items()]  # fmt: skip
    return [
        a_pipeline("whole", source=source, table={"name": "latest"}, aggregate=held, route=[{"to": f"{stamp}.whole"}]),
        a_pipeline("members", source=source, where="amount > 1", route=[{"to": f"{stamp}.members"}], **parts),
    ]


def a_database(steps: int, *, truncates: float, seed: int) -> Database:
    chance, database = random.Random(seed), Database()
    for _ in range(steps):
        id, other = chance.randrange(400), chance.randrange(400)
        row = {
            "customer_id": chance.randrange(9), "amount": chance.choice([None, 0, 1, 2, 3]),
            "code": chance.choice("ABC"), "note": chance.choice([None, "x", "y"]),
        }  # fmt: skip
        if chance.random() < truncates:
            database.change(("truncate", chance.randrange(PARTITIONS)))
        else:
            database.change(chance.choice([("put", id, row), ("put", id, row), ("delete", id), ("move", id, other)]))
    return database


def sent(cluster: Cluster, topic: str, database: Database, share: float) -> None:
    """The next ``share`` of each partition's log; that of the first comes last."""
    for number in reversed(range(PARTITIONS)):
        log = database.logs[number]
        records = [log.popleft() for _ in range(int(len(log) * share))]
        produce(
            cluster.brokers, topic, [{"key": one.key, "value": one.value, "partition": number} for one in records]
        )


def members(database: Database) -> set[int]:
    return {id for id, row in database.rows.items() if (row["amount"] or 0) > 1}


def standing(records: Mapping[Any, Any]) -> set[int]:
    """Ids that a reader of a compacted topic has in the end."""
    last = {key: held[-1][0] for (_, key), held in records.items()}
    return {msgspec.json.decode(key)["id"] for key, value in last.items() if value is not None}


def test_rows_of_all_partitions_go_whoever_dies_meanwhile(cluster: Cluster, unique: Callable[[str], str]) -> None:
    stamp = unique("trunc")
    written(cluster.folder / "schemas", *pipelines(stamp))
    topic = f"{stamp}.orders"
    cluster.create_topic(topic, PARTITIONS)
    database = a_database(6_000, truncates=0.004, seed=5)
    logs = [list(log) for log in database.logs]

    for number, share in enumerate((0.3, 0.5, 1.0)):
        names = ("one", "two")
        for name in names if not number else names[number - 1 : number]:
            cluster.start(name)
        sent(cluster, topic, database, share)
        if number < 2:
            cluster.wait_until(lambda: bool(read_whole(cluster.brokers, f"{stamp}.whole")))
            cluster.kill(names[number])
    cluster.wait_until(lambda: cluster.lag(topic) == 0)

    driver = Driver(cluster.folder / "schemas", app=cluster.app, partitions={topic: PARTITIONS})
    for partition, log in enumerate(logs):
        for record in log:
            driver.send(topic, key=record.key, value=record.value, partition=partition)

    def worked(name: str) -> By:
        return live(by_key(read_whole(cluster.brokers, f"{stamp}.{name}"), has_broker_time=True))

    for name in ("whole", "members", *TABLES):
        wanted = live(by_key(driver.records(f"{stamp}.{name}"), has_broker_time=True))
        cluster.wait_until(lambda name=name, wanted=wanted: worked(name) == wanted)  # type: ignore[misc]  # the loop's
    assert standing(worked("whole")) == set(database.rows)
    assert standing(worked("members")) == members(database)
    rows = [{"id": id, **row} for id, row in database.rows.items()]
    for table, by in TABLES.items():
        assert driver.table(table) == grouped(rows, tuple(by)), table


def test_with_one_partition_there_is_no_further_topic(cluster: Cluster, unique: Callable[[str], str]) -> None:
    stamp = unique("alone")
    written(cluster.folder / "schemas", *pipelines(stamp))
    topic = f"{stamp}.orders"
    cluster.create_topic(topic, 1)
    database = a_database(3_000, truncates=0.004, seed=6)
    records = sorted((record for log in database.logs for record in log), key=lambda record: _lsn(record.value))
    cluster.start("one")
    produce(cluster.brokers, topic, [{"key": one.key, "value": one.value} for one in records])

    driver = Driver(cluster.folder / "schemas", app=cluster.app)
    for record in records:
        driver.send(topic, key=record.key, value=record.value)
    for name in ("whole", "members"):
        wanted = by_key(driver.records(f"{stamp}.{name}"), has_broker_time=True)
        cluster.wait_until(
            lambda name=name, wanted=wanted: by_key(  # type: ignore[misc]  # the loop's, bound now
                read_whole(cluster.brokers, f"{stamp}.{name}"), has_broker_time=True
            ) == wanted != {}
        )  # fmt: skip
    assert standing(by_key(driver.records(f"{stamp}.whole"), has_broker_time=True)) == set(database.rows)
    there = AdminClient({"bootstrap.servers": cluster.brokers}).list_topics(timeout=30).topics
    assert [name for name in there if name.startswith(cluster.app) and "truncates" in name] == []


def _lsn(value: bytes | None) -> int:
    return int(msgspec.json.decode(value or b"")["source"]["lsn"])
