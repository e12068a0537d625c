"""Laws: whatever partition a TRUNCATE comes in, and however far the others are, what is left is what is left."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.pipeline import sweep
from streams.testing import Driver

from ..builders import OUT, TOPIC, a_change, a_driver, a_pipeline, laws
from ..joining.test_relate import PRODUCTS, orders, products
from ..rows.model import COLUMNS, grouped
from .model import CHANGES, PACES, PARTITIONS, Database, claims_of, compacted, standing

TABLES: dict[str, list[str]] = {"here": ["id", "customer_id"], "by_customer": ["customer_id"], "two": ["note", "code"]}
GROUPS = [{"table": table, "over": "rows", "by": by, "columns": COLUMNS} for table, by in TABLES.items()]


@pytest.fixture(autouse=True)
def _many_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "ENTRIES_PER_CHECKPOINT", 2)


def run(steps: list[tuple[Any, ...]], pace: int, **parts: Any) -> tuple[Driver, dict[int, dict[str, Any]]]:
    """A pipeline that has read all that ``steps`` did, and the rows that are there."""
    driver = a_driver(a_pipeline(**parts), partitions={TOPIC: PARTITIONS})
    database = Database()
    for step in steps:
        database.change(step)
    database.deliver(driver, random.Random(pace))
    return driver, database.rows


def check_groups(driver: Driver, rows: list[dict[str, Any]]) -> None:
    for table, by in TABLES.items():
        assert driver.table(table) == grouped(rows, tuple(by)), table


@laws
@given(CHANGES, PACES)
def test_a_table_its_groups_and_its_topic_are_what_the_database_holds(steps: list[tuple[Any, ...]], pace: int) -> None:
    driver, rows = run(steps, pace, table={"name": "latest"}, aggregate=GROUPS)

    codes = {id: row["code"] for id, row in rows.items()}
    assert {id: row["code"] for id, row in driver.table("latest").items()} == codes
    assert {id: row["code"] for id, row in standing(driver, OUT).items()} == codes
    check_groups(driver, [{"id": id, **row} for id, row in rows.items()])


@laws
@given(CHANGES, PACES)
def test_groups_of_rows_that_no_table_shows(steps: list[tuple[Any, ...]], pace: int) -> None:
    driver, rows = run(steps, pace, aggregate=GROUPS)

    assert set(standing(driver, OUT)) == set(rows)
    check_groups(driver, [{"id": id, **row} for id, row in rows.items()])


@laws
@given(CHANGES, PACES)
def test_members_are_those_of_the_database_that_match(steps: list[tuple[Any, ...]], pace: int) -> None:
    driver, rows = run(steps, pace, where="amount > 1 or note = 'x'", aggregate=GROUPS)

    members = {id: row for id, row in rows.items() if (row["amount"] or 0) > 1 or row["note"] == "x"}
    assert set(standing(driver, OUT)) == set(members)
    check_groups(driver, [{"id": id, **row} for id, row in members.items()])


@laws
@given(CHANGES, PACES)
def test_each_event_is_counted_once(steps: list[tuple[Any, ...]], pace: int) -> None:
    ever = {"table": "ever", "by": [], "columns": {"n": "count(*)"}}
    driver = a_driver(a_pipeline(table={"name": "latest"}, aggregate=[ever]), partitions={TOPIC: PARTITIONS})
    database = Database()
    for step in steps:
        database.change(step)
    sent = sum(map(len, database.logs))
    changes = sum(record.value is not None and b'"op":"r"' not in record.value and b'"op":"t"' not in record.value
                  for log in database.logs for record in log)  # fmt: skip

    database.deliver(driver, random.Random(pace))

    assert driver.ledger() == ({"processed": sent} if sent else {})
    assert driver.table("ever").get((), {"n": 0})["n"] == changes


# -- joins between tables, of which each may be truncated

JOINS = st.sampled_from([("drop", True), ("drop", False), (None, True), (None, False)])
"""(what becomes of a row without a partner, whether both sides are in the same tasks)."""


@laws
@given(CHANGES, CHANGES, PACES, JOINS, st.booleans())
def test_joined_rows_are_those_of_both_tables(
    steps: list[tuple[Any, ...]], of_products: list[tuple[Any, ...]], pace: int, join: tuple[str | None, bool],
    has_table: bool,
) -> None:  # fmt: skip
    missing, is_local = join
    source, table = {} if is_local else {"key": ["id"]}, {"name": "latest"} if has_table else None
    joined = orders(missing, join={"same_keys": is_local}, source=source, table=table)
    driver = a_driver(joined, products(), partitions={TOPIC: PARTITIONS, PRODUCTS: PARTITIONS})
    ours, theirs = Database(), Database(lambda *args, **row: replace(a_change(*args, **row), topic=PRODUCTS))
    for database, told in ((ours, steps), (theirs, of_products)):
        for step in told:
            database.change(_beside(step) if is_local else step)
    chance = random.Random(pace)
    while any(ours.logs) or any(theirs.logs):
        chance.choice([ours, theirs]).deliver(driver, chance, most=3)
    driver.commit()

    wanted = {id: theirs.rows.get(row["customer_id"], {}).get("code") for id, row in ours.rows.items()}
    if missing == "drop":
        wanted = {id: code for id, code in wanted.items() if code is not None}
    assert {id: row["product"] for id, row in standing(driver, OUT).items()} == wanted
    if has_table:
        assert {id: row["product"] for id, row in driver.table("latest").items()} == wanted


def _beside(step: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row in the partition of its partner, where it stays."""
    match step:
        case "put", id, row:
            return "put", id, {**row, "customer_id": id % PARTITIONS}
        case "move", id, to:
            return "move", id, id + PARTITIONS * (1 + to % 2)
    return step


@laws
@given(CHANGES, PACES)
def test_findings_are_of_rows_that_are_there(steps: list[tuple[Any, ...]], pace: int) -> None:
    pipeline = a_pipeline(quality={"rules": {"uniqueness": ["code"]}})
    driver = a_driver(pipeline, partitions={TOPIC: PARTITIONS})
    database = Database()
    for step in steps:
        database.change(step)
    database.deliver(driver, random.Random(pace))
    driver.commit()

    holders: dict[str, int] = {}
    for row in database.rows.values():
        holders[row["code"]] = holders.get(row["code"], 0) + 1
    found = compacted(driver, "driver-orders-quality")
    assert sorted(row["rows"] for row in found) == sorted(count for count in holders.values() if count > 1)
    claimed = [len(list(held.scan())) for held in claims_of(driver)]
    assert sum(claimed) == len(database.rows)
