"""Moves: rows that change their group, their key or their partition, and rows without a key, over an exchange."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from ...contracts.builders import a_contract
from ..builders import TOPIC, a_change, a_driver, a_pipeline, laws, send
from ..rows.model import COLUMNS, grouped
from ..rows.test_laws import ROWS

PARTITIONS = 3
KEYLESS = {"com.acme/orders/contract.yaml": a_contract("{name: id, logicalType: integer}", name="orders")}
TABLES = {"by_customer": ["customer_id"], "by_two": ["note", "code"], "whole": []}
CHANGES = {"table": "changes", "by": ["customer_id"], "columns": {"n": "count(*)", "total": "sum(amount)"}}

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), ROWS),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("move"), st.integers(0, 5), st.integers(0, 5)),
        st.tuples(st.sampled_from(["truncate", "snapshot", "commit", "crash"])),
    ),
    max_size=40,
)


def rows_driver() -> Driver:
    """Groups of rows and of changes, none of them by the key of the topic."""
    described = [{"table": table, "over": "rows", "by": by, "columns": COLUMNS} for table, by in TABLES.items()]
    return a_driver(a_pipeline(aggregate=[*described, CHANGES], route=None), partitions={TOPIC: PARTITIONS})


class Shop:
    """A table and its topic, partitioned by id; a naive model of both."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.rows: dict[int, dict[str, Any]] = {}
        self.changes: Counter[int] = Counter()
        """By customer how many INSERTs and UPDATEs named them."""

    def do(self, step: tuple[Any, ...]) -> None:
        """One step in the database, told as Debezium would."""
        match step:
            case "put", id, row:
                self._tell(id, "u" if id in self.rows else "c", row)
                self.rows[id] = row
            case "delete", id if id in self.rows:
                self._tell(id, "d", self.rows.pop(id))
            case "move", id, to if id in self.rows and to not in self.rows:
                row = self.rows[to] = self.rows.pop(id)
                self._tell(id, "d", row)
                self._tell(to, "c", row)
            case ("truncate",):
                self.rows.clear()
                for number in range(PARTITIONS):
                    send(self.driver, a_change(0, op="t", customer_id=None), partition=number)
            case ("snapshot",):
                for id, row in self.rows.items():
                    send(self.driver, a_change(id, op="r", **row), partition=id % PARTITIONS)
            case ("commit",):
                self.driver.commit()
            case ("crash",):
                self.driver.restart(lose_uncommitted=True)

    def _tell(self, id: int, op: str, row: dict[str, Any]) -> None:
        send(self.driver, a_change(id, op=op, **row), partition=id % PARTITIONS)
        self.changes[row["customer_id"]] += 1


@laws
@given(STEPS)
def test_groups_over_an_exchange_are_those_of_one_table(steps: list[tuple[Any, ...]]) -> None:
    shop = Shop(rows_driver())

    for step in steps:
        shop.do(step)

    present = [{"id": id, **row} for id, row in shop.rows.items()]
    for table, by in TABLES.items():
        if present or by:
            assert shop.driver.table(table) == grouped(present, tuple(by)), table
    counted = {customer: row["n"] for customer, row in shop.driver.table("changes").items()}
    assert counted == {customer: count for customer, count in shop.changes.items() if count}


def test_a_row_that_moves_to_another_partition_is_never_counted_twice_once_both_halves_are_committed() -> None:
    shop = Shop(rows_driver())
    row = {"customer_id": 1, "amount": 5, "code": "A", "note": None}
    shop.do(("put", 1, row))
    before = shop.driver.table("whole")

    shop.do(("move", 1, 2))

    assert shop.driver.table("whole") == before == {(): before[()]}
    assert before[()]["n"] == 1


def test_rows_without_a_key_meet_in_the_group_of_their_values() -> None:
    described = a_pipeline(source={"format": "json", "event_time": "at"}, aggregate=[CHANGES], route=None)
    driver = a_driver(described, more=KEYLESS, partitions={TOPIC: 4})

    for number in range(12):
        value = b'{"id":1,"customer_id":%d,"amount":2,"code":"A","at":1000}' % (number % 3)
        driver.send(TOPIC, key=None, value=value, timestamp_ms=1_000, partition=number % 4)

    assert driver.ledger() == {"processed": 12}
    assert driver.table("changes") == {
        customer: {"customer_id": customer, "n": 4, "total": 8} for customer in range(3)
    }


def test_changes_of_rows_without_a_key_count_each_time_however_alike_and_never_twice_when_they_come_again() -> None:
    driver = a_driver(a_pipeline(aggregate=[CHANGES], route=None), more=KEYLESS, partitions={TOPIC: 4})
    twins = [a_change(1, customer_id=7, amount=2, lsn=lsn) for lsn in (100, 101, 102)]

    for number, twin in enumerate(twins):
        send(driver, twin, twin, partition=number)

    assert driver.ledger() == {"processed": 3, "duplicate": 3}
    assert driver.table("changes") == {7: {"customer_id": 7, "n": 3, "total": 6}}
