"""Aggregates over rows say what ``SELECT … GROUP BY`` says on the database, whatever happens to its rows.

The changes come from the real capture of a real PostgreSQL; pipelines run in the driver.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from streams.embedded import EmbeddedKafka, EmbeddedPostgres
from streams.testing import Driver
from tests.capture.process import CapturedDatabase
from tests.pipeline.builders import MASK_KEY, a_pipeline, written

from .cluster import WholeRecord, read_whole

pytestmark = pytest.mark.integration

MOMENTS = 10
SCHEMA = """
CREATE TABLE orders(id bigint PRIMARY KEY, customer_id bigint NOT NULL, amount bigint, price numeric(12,4), email text,
  code text NOT NULL, at bigint, note text);
ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL;
INSERT INTO orders SELECT i, i % 5, i % 11, i / 7.0, 'a@b', 'C' || i % 6, i, repeat('n' || i % 3, 1500)
  FROM generate_series(1, 60) i;
"""
ASK = """SELECT pg_logical_emit_message(true, 'streams-signal',
  '{"id": "1", "type": "execute-snapshot", "data": {"data-collections": ["public.orders"]}}')"""

COLUMNS = {
    "n": ("count(*)", "count(*)"),
    "priced": ("count(price)", "count(price)"),
    "total": ("sum(price)", "sum(price)"),
    "whole": ("sum(amount)", "sum(amount)"),
    "mean": ("avg(price)", "avg(price)"),
    "least": ("min(price)", "min(price)"),
    "most": ("max(amount)", "max(amount)"),
    "first_code": ("min(code)", 'min(code COLLATE "C")'),
    "codes": ("count(distinct code)", "count(distinct code)"),
    "prices": ("count(distinct price)", "count(distinct price)"),
    "dearest": (
        "arg_max(code, price)",
        '(array_agg(code ORDER BY price DESC, code COLLATE "C") FILTER (WHERE price IS NOT NULL))[1]',
    ),
    "cheapest": (
        "arg_min(id, amount)",
        "(array_agg(id ORDER BY amount, id) FILTER (WHERE amount IS NOT NULL))[1]",
    ),
    "notes": ("string_agg(left(note, 2), ',')", "string_agg(left(note, 2), ',' ORDER BY left(note, 2) COLLATE \"C\")"),
    "few": ("list(amount, 4)", "(array_agg(amount ORDER BY amount) FILTER (WHERE amount IS NOT NULL))[1:4]"),
    "large": ("count(*) filter (where amount > 5)", "count(*) FILTER (WHERE amount > 5)"),
    "of_large": ("sum(price) filter (where amount > 5)", "sum(price) FILTER (WHERE amount > 5)"),
}
"""By column: as a pipeline writes it, and as PostgreSQL does."""
GROUPINGS: dict[str, tuple[str, ...]] = {
    "by_customer": ("customer_id",),
    "by_code": ("code", "customer_id"),
    "by_amount": ("amount",),
    "of_all": (),
}


@pytest.fixture
def database(
    postgres: EmbeddedPostgres, kafka: EmbeddedKafka, tmp_path: Path, unique: Callable[[str], str]
) -> Iterator[CapturedDatabase]:
    with CapturedDatabase(
        postgres=postgres, kafka=kafka, name=unique("rows").replace("-", "_"), folder=tmp_path
    ) as held:
        yield held


class Followed:
    """A driver that is told what the capture has told."""

    def __init__(self, database: CapturedDatabase, partitions: int, **parts: object) -> None:
        self._database, self._topic = database, database.topic("orders")
        columns = {name: ours for name, (ours, _) in COLUMNS.items()}
        described = [
            {"table": table, "over": "rows", "by": list(by), "columns": columns} for table, by in GROUPINGS.items()
        ]
        pipeline = a_pipeline(source={"topic": self._topic}, aggregate=described, route=None, **parts)
        schemas = written(database.folder / "schemas", pipeline)
        self.driver = Driver(schemas, mask_key=MASK_KEY, partitions={self._topic: partitions})
        self._sent = [0] * partitions

    def catch_up(self, chance: random.Random) -> None:
        """Each partition in its order, and in none among them; now and then there is a checkpoint."""
        logs: dict[int, list[WholeRecord]] = {}
        for record in read_whole(self._database.kafka.bootstrap, self._topic):
            logs.setdefault(record.partition, []).append(record)
        while behind := [number for number, log in logs.items() if len(log) > self._sent[number]]:
            number = chance.choice(behind)
            for record in logs[number][self._sent[number] :][: chance.choice([1, 5, 40])]:
                self._send(record)
                self._sent[number] += 1
            if chance.random() < 0.2:
                self.driver.commit()

    def _send(self, record: WholeRecord) -> None:
        self.driver.send(
            self._topic,
            key=record.key,
            value=record.value,
            timestamp_ms=record.timestamp_ms,
            partition=record.partition,
            headers=record.headers,
        )


def selected(database: CapturedDatabase, by: tuple[str, ...], where: str = "TRUE") -> dict[Any, dict[str, Any]]:
    """What PostgreSQL says."""
    columns = [*by, *(f"{theirs} AS {name}" for name, (_, theirs) in COLUMNS.items())]
    grouped = f"GROUP BY {', '.join(by)}" if by else ""
    names = [*by, *COLUMNS]
    found = {}
    for values in database.sql(f"SELECT {', '.join(columns)} FROM orders WHERE {where} {grouped}"):
        row = dict(zip(names, map(comparable, values), strict=True))
        key = tuple(row[name] for name in by)
        found[key[0] if len(key) == 1 else key] = row
    return found


def comparable(value: Any) -> Any:
    """PostgreSQL's averages have 16 digits behind the point or more; ours have 28 in all."""
    return round(value, 12) if isinstance(value, Decimal) else value


def told(driver: Driver, table: str) -> dict[Any, dict[str, Any]]:
    return {
        key: {name: comparable(value) for name, value in row.items()} for key, row in driver.table(table).items()
    }


def change(cursor: Any, chance: random.Random, *, moves_with_note: bool) -> None:
    """Something happens to a row, or to all of them."""
    id, other = chance.randrange(90), chance.randrange(90)
    price = chance.choice([None, Decimal(chance.randrange(-500, 500)) / 16])
    match chance.randrange(12):
        case 0 | 1 | 2:
            cursor.execute(
                "INSERT INTO orders VALUES (%s, %s, %s, %s, NULL, %s, 1, %s) ON CONFLICT DO NOTHING",
                (id, id % 7, chance.choice([None, id % 13]), price, f"C{other % 9}", "x" * chance.choice([3, 2_500])),
            )
        case 3:
            cursor.execute("DELETE FROM orders WHERE id = %s", (id,))
        case 4:
            note = ", note = 'moved'" if moves_with_note else ""
            cursor.execute(
                f"UPDATE orders SET id = %s{note} WHERE id = %s AND NOT EXISTS (SELECT 1 FROM orders WHERE id = %s)",
                (other, id, other),
            )
        case 5:
            cursor.execute("UPDATE orders SET customer_id = %s WHERE id = %s", (other % 7, id))
        case 6:
            cursor.execute("UPDATE orders SET note = %s WHERE id = %s", (chance.choice([None, "y" * 3_000]), id))
        case 7:
            cursor.execute("UPDATE orders SET amount = amount + 1 WHERE customer_id = %s", (other % 7,))
        case 8 if chance.random() < 0.2:
            cursor.execute("TRUNCATE orders")
        case _:
            cursor.execute(
                "UPDATE orders SET price = %s, code = %s, email = %s, at = %s WHERE id = %s",
                (price, f"C{other % 9}", f"e{other}", other, id),
            )


def work(database: CapturedDatabase, chance: random.Random, *, moves_with_note: bool) -> None:
    """Some transactions; now and then all rows are told again."""
    with closing(psycopg2.connect(database.dsn)) as connection:
        for _ in range(chance.randrange(10, 60)):
            with connection, connection.cursor() as cursor:
                for _ in range(chance.choice([1, 1, 4])):
                    change(cursor, chance, moves_with_note=moves_with_note)
    if chance.random() < 0.4:
        database.sql(ASK)


MEMBERS = "amount > 4 or code < 'C3'"


@pytest.mark.parametrize(("partitions", "where"), [(1, None), (3, None), (1, MEMBERS), (3, MEMBERS)])
def test_ten_moments_of_a_random_workload(database: CapturedDatabase, partitions: int, where: str | None) -> None:
    chance = random.Random(partitions)
    database.sql(*SCHEMA.split(";\n")[:-1])
    capture = database.started("orders", "--partitions", str(partitions), "--snapshot-rows", "20")
    followed = Followed(database, partitions, **({} if where is None else {"where": where}))

    for moment in range(MOMENTS):
        # Where the two keys of a row live in different partitions, the new one knows nothing that was not sent.
        work(database, chance, moves_with_note=partitions > 1)
        database.flush(capture)
        followed.catch_up(chance)
        if moment % 3 == 2:
            followed.driver.restart()
        for table, by in GROUPINGS.items():
            assert told(followed.driver, table) == selected(database, by, where or "TRUE"), (moment, table)
    assert "dead" not in followed.driver.ledger()
