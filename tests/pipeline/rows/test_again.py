"""Events that are processed once more, as a backfill does: rows go back and come forward again, and all with them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import given

from ..builders import OUT, TOPIC, a_driver, a_pipeline, laws, send
from ..truncating.model import CHANGES, PACES, PARTITIONS, Database, compacted, standing
from .model import COLUMNS, grouped

TABLES: dict[str, list[str]] = {"here": ["id", "code"], "by_customer": ["customer_id"]}
GROUPS = [{"table": table, "over": "rows", "by": by, "columns": COLUMNS} for table, by in TABLES.items()]


@laws
@given(CHANGES, PACES)
def test_what_came_since_any_moment_may_come_once_more(steps: list[tuple[Any, ...]], pace: int) -> None:
    rules = {"rules": {"uniqueness": ["code"]}}
    parts = {"table": {"name": "latest"}, "aggregate": GROUPS, "quality": rules, "deduplicate": {"by": "none"}}
    driver = a_driver(a_pipeline(**parts), partitions={TOPIC: PARTITIONS})
    chance, database = random.Random(pace), Database()
    for step in steps:
        database.change(step)
    logs = [list(log) for log in database.logs]
    database.deliver(driver, chance)

    for number, log in enumerate(logs):
        for record in log[chance.randrange(len(log) + 1) :]:
            send(driver, record, partition=number)
            if chance.random() < 0.2:
                driver.restart(lose_uncommitted=False)

    rows = [{"id": id, **row} for id, row in database.rows.items()]
    assert set(driver.table("latest")) == set(standing(driver, OUT)) == set(database.rows)
    for table, by in TABLES.items():
        assert driver.table(table) == grouped(rows, tuple(by)), table
    holders = Counter(row["code"] for row in rows)
    found = compacted(driver, "driver-orders-quality")
    assert sorted(row["rows"] for row in found) == sorted(count for count in holders.values() if count > 1)
