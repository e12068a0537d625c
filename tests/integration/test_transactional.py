"""Whole transactions on real servers: PostgreSQL, our capture, Kafka and workers that are killed meanwhile.

Both tables are published to one topic, so a partition shows what one task has released, and a reader at its last stable
offset sees it at one moment. What there must be of a transaction is asked of the database.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import takewhile
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from streams.embedded import EmbeddedKafka, EmbeddedPostgres
from tests.capture.process import CapturedDatabase
from tests.contracts.builders import a_contract, a_folder, a_schema

from .cluster import Cluster, read_committed

pytestmark = [pytest.mark.integration]

TABLES = ("orders", "lines")
COLUMNS = {name: {"type": "integer"} for name in ("id", "account", "tx")}
PIPELINE = """pipeline: TABLE
source:
  topic: STAMP.TABLE.v1
  format: debezium-json
  contract: iglu:com.acme/TABLE/jsonschema/1-*-*
  key: [account]
  identity: full
derive: {of: "'TABLE'"}
route: [{to: STAMP.out, key: [account]}]
transactional: true
"""
LEAST, MOST = 200, 2_000
"""Transactions: as many as it takes until readers have seen enough."""
MOMENTS = 10
LARGE = 6_000
"""Rows of each table in a transaction that the capture tells in many of its own."""

Place = tuple[int, int]
"""(transaction, partition)."""


@pytest.fixture
def database(
    postgres: EmbeddedPostgres, kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> Iterator[CapturedDatabase]:
    with CapturedDatabase(
        postgres=postgres, kafka=kafka, name=unique("whole").replace("-", "_"), folder=tmp_path
    ) as held:
        yield held


@pytest.fixture
def cluster(database: CapturedDatabase, tmp_path: Path, unique: Callable[[str], str]) -> Iterator[Cluster]:
    files = {f"com.acme/{table}/jsonschema/1-0-0": a_schema(table, properties=COLUMNS) for table in TABLES}
    column = "{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}"
    files |= {f"com.acme/{table}/contract.yaml": a_contract(column, name=table) for table in TABLES}
    for table in TABLES:
        files[f"pipelines/{table}.yaml"] = PIPELINE.replace("STAMP", database.name).replace("TABLE", table)
    a_folder(tmp_path / "schemas", files)
    with Cluster(database.kafka.bootstrap, tmp_path / "schemas", tmp_path, unique("app")) as held:
        yield held


class Shop:
    """Transactions that place orders and their lines, of one account or of several."""

    def __init__(self, database: CapturedDatabase, chance: random.Random) -> None:
        self._database, self._chance = database, chance
        for table in TABLES:
            database.sql(
                f"CREATE TABLE {table} (id int PRIMARY KEY, account int NOT NULL, tx int NOT NULL)",
                f"ALTER TABLE {table} REPLICA IDENTITY FULL",
            )

    def work(self, numbers: Iterable[int]) -> None:
        """Transactions of these numbers, as they come; two of the first are large."""
        with closing(psycopg2.connect(self._database.dsn)) as connection:
            for tx in numbers:
                with connection, connection.cursor() as cursor:
                    for _ in range(self._chance.choice([1, 1, 2, 4])):
                        account = self._chance.randrange(40)
                        for table in TABLES:
                            self._place(cursor, table, account, tx, LARGE if tx in (50, 150) else 5)
                time.sleep(0.02)

    def _place(self, cursor: Any, table: str, account: int, tx: int, most: int) -> None:
        count = most if most == LARGE else self._chance.randint(1, most)
        cursor.execute(
            f"INSERT INTO {table} SELECT n + (SELECT coalesce(max(id), 0) FROM {table}), %s, %s"
            f" FROM generate_series(1, {count}) n",
            (account, tx),
        )


class Reader:
    """What readers of the output saw, each time at one moment of each partition."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._cluster, self._topic = cluster, topic
        self.seen: list[Counter[Place]] = []
        self.is_over = threading.Event()
        self._thread = threading.Thread(target=self._look_on)

    def look(self) -> Counter[Place]:
        records = read_committed(self._cluster.brokers, self._topic)
        counts = Counter((json.loads(value or b"")["tx"], partition) for partition, _, value in records)
        self.seen.append(counts)
        return counts

    def moments(self) -> int:
        """Different ones among these."""
        return len({frozenset(seen) for seen in self.seen})

    def sees_more(self, worker: threading.Thread) -> Callable[[], bool]:
        """Whether it has since now, or will not as the worker is done."""
        before = self.moments()
        return lambda: self.moments() > before or not worker.is_alive()

    def _look_on(self) -> None:
        while not self.is_over.wait(random.random() / 2):
            self.look()

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self._thread.join()


def wanted_of(database: CapturedDatabase, partition_of: dict[int, int]) -> Counter[Place]:
    """By transaction and partition, how many rows PostgreSQL has of it."""
    wanted: Counter[Place] = Counter()
    for table in TABLES:
        for tx, account, count in database.sql(f"SELECT tx, account, count(*) FROM {table} GROUP BY 1, 2"):
            wanted[tx, partition_of[account]] += count
    return wanted


def incomplete(cluster: Cluster, *instances: str) -> float:
    texts = [cluster.get(name, "/metrics")[1] for name in instances]
    return sum(float(found) for text in texts for found in re.findall(r"^cdc_incomplete_\w+\{.*\} (\S+)$", text, re.M))


def test_readers_see_a_transaction_as_a_whole_or_not_at_all(cluster: Cluster, database: CapturedDatabase) -> None:
    chance = random.Random(5)
    shop = Shop(database, chance)
    options = [f"--key={table}=account" for table in TABLES]
    capture = database.started(",".join(TABLES), "--transaction-topic", *options)
    names = ("one", "two")
    for name in names:
        cluster.start(name)
    cluster.wait_ready(*names)

    with Reader(cluster, f"{database.name}.out") as reader:
        numbers = takewhile(lambda tx: tx < LEAST or reader.moments() <= MOMENTS, range(MOST))
        worker = threading.Thread(target=shop.work, args=(numbers,))
        worker.start()
        while worker.is_alive():
            time.sleep(2 + 2 * chance.random())
            cluster.wait_until(reader.sees_more(worker))
            victim = chance.choice(names)
            cluster.kill(victim)
            cluster.start(victim)
        worker.join()
        database.flush(capture)
        total = sum(count for table in TABLES for (count,) in database.sql(f"SELECT count(*) FROM {table}"))
        cluster.wait_until(lambda: sum(reader.look().values()) >= total, patience_s=150)

    records = read_committed(cluster.brokers, f"{database.name}.out")
    partition_of = {json.loads(value or b"")["account"]: partition for partition, _, value in records}
    wanted = wanted_of(database, partition_of)
    torn = defaultdict(set)
    for seen in reader.seen:
        for place in (place for place, count in seen.items() if count != wanted[place]):
            torn[place].add(seen[place])
    assert {place: (sorted(counts), wanted[place]) for place, counts in torn.items()} == {}
    assert reader.seen[-1] == wanted
    assert reader.moments() > MOMENTS
    assert incomplete(cluster, *names) == 0
