"""Laws of aggregates over rows: whatever happens to rows, groups are what a model computes of those that are left."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ..builders import a_change, a_driver, a_move, a_pipeline, laws, send
from .model import COLUMNS, grouped

AMOUNTS = st.sampled_from([None, 0, 1, 2, 3, Decimal("2.50"), Decimal("2.5"), Decimal("-1.25"), 10**20])
ROWS = st.fixed_dictionaries(
    {
        "customer_id": st.integers(0, 2),
        "amount": AMOUNTS,
        "code": st.sampled_from(["A", "B", "C", "Ä"]),
        "note": st.sampled_from([None, "x", "y", "z"]),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), ROWS),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("move"), st.integers(0, 5), st.integers(0, 5)),
        st.tuples(st.sampled_from(["truncate", "snapshot", "commit", "restart"])),
    ),
    max_size=40,
)


def send_step(driver: Any, step: tuple[Any, ...], rows: dict[int, dict[str, Any]]) -> None:
    """Do ``step`` to ``rows``, and tell ``driver`` as Debezium would."""
    match step:
        case "put", id, row:
            send(driver, a_change(id, op="u" if id in rows else "c", **row))
            rows[id] = row
        case "delete", id:
            send(driver, a_change(id, op="d"))
            rows.pop(id, None)
        case "move", id, to if id in rows and to not in rows:
            rows[to] = rows.pop(id)
            send(driver, *a_move(id, to, **rows[to]))
        case ("truncate",):
            send(driver, a_change(0, op="t", customer_id=None))
            rows.clear()
        case ("snapshot",):
            for id, row in rows.items():
                send(driver, a_change(id, op="r", **row))
        case ("commit",):
            driver.commit()
        case ("restart",):
            driver.restart()


@laws
@given(STEPS)
def test_groups_are_those_of_the_rows_that_are_there(steps: list[tuple[Any, ...]]) -> None:
    tables = {"here": ["id", "customer_id"], "by_customer": ["customer_id"], "two": ["note", "code"], "whole": []}
    described = [{"table": table, "over": "rows", "by": by, "columns": COLUMNS} for table, by in tables.items()]
    driver = a_driver(a_pipeline(aggregate=described, route=None))
    rows: dict[int, dict[str, Any]] = {}

    for step in steps:
        send_step(driver, step, rows)

    present = [{"id": id, **row} for id, row in rows.items()]
    for table, by in tables.items():
        if present or by:
            assert driver.table(table) == grouped(present, tuple(by)), table
