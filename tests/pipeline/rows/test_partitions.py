"""Rows in several partitions whose groups are in others; distinct values of changes: both as a model says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from ..builders import TOPIC, a_change, a_driver, a_move, a_pipeline, a_plain, a_plain_pipeline, laws, send
from .model import COLUMNS, grouped
from .test_laws import STEPS

PARTITIONS = 3


def send_step(driver: Driver, step: tuple[Any, ...], rows: dict[int, dict[str, Any]]) -> None:
    """Do ``step`` to ``rows``; each row is told to the partition of its key, a TRUNCATE to one of them."""
    match step:
        case "put", id, row:
            send(driver, a_change(id, op="u" if id in rows else "c", **row))
            rows[id] = row
        case "delete", id:
            send(driver, a_change(id, op="d"))
            rows.pop(id, None)
        case "move", id, to if id in rows and to not in rows:
            # The two halves are in partitions that nobody reads in order: the new row may be seen first.
            rows[to] = rows.pop(id)
            send(driver, *reversed(a_move(id, to, **rows[to])))
        case ("truncate",):
            send(driver, a_change(0, op="t", customer_id=None), partition=1)
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
def test_rows_change_groups_across_partitions(steps: list[tuple[Any, ...]]) -> None:
    tables: dict[str, list[str]] = {"by_customer": ["customer_id"], "two": ["note", "code"], "whole": []}
    described = [{"table": table, "over": "rows", "by": by, "columns": COLUMNS} for table, by in tables.items()]
    driver = a_driver(a_pipeline(aggregate=described, route=None), partitions={TOPIC: PARTITIONS})
    rows: dict[int, dict[str, Any]] = {}

    for step in steps:
        send_step(driver, step, rows)

    present = [{"id": id, **row} for id, row in rows.items()]
    for table, by in tables.items():
        if present or by:
            assert driver.table(table) == grouped(present, tuple(by)), table


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.integers(0, 2),
        st.sampled_from([None, 1, 2, 3, 10**18]),
        st.sampled_from(["a", "b", "ä"]),
        st.booleans(),
    ),
    max_size=40,
)


@laws
@given(EVENTS, st.sampled_from([["id"], ["customer_id"], []]))
def test_distinct_values_of_changes_are_as_many_as_there_are(
    events: list[tuple[int, int, Any, str, bool]], by: list[str]
) -> None:
    columns = {"amounts": "count(distinct amount)", "pairs": "count(distinct code || id::text)", "n": "count(*)"}
    ever = {"table": "ever", "by": by, "columns": columns}
    minutes = {**ever, "table": "minutes", "window": {"tumbling": "1m", "grace": "1h"}}
    described = a_plain_pipeline(aggregate=[ever, minutes], route=None, source={"key": ["id"]})
    driver = a_driver(described, partitions={TOPIC: PARTITIONS})
    seen: dict[Any, list[tuple[Any, str]]] = {}

    for seconds, id, amount, code, is_cut in events:
        time_ms = seconds * 1_000
        send(driver, a_plain(id, customer_id=id % 2, amount=amount, code=code, at=time_ms, timestamp_ms=time_ms))
        group: tuple[int, ...] = tuple({"id": id, "customer_id": id % 2}[name] for name in by)
        key: Any = group[0] if len(group) == 1 else group
        start_ms = time_ms - time_ms % 60_000
        for place in (key, (key, start_ms, start_ms + 60_000)):
            seen.setdefault(place, []).append((amount, f"{code}{id}"))
        if is_cut:
            driver.restart(lose_uncommitted=amount is None)

    found = {key: _counted(row) for table in ("ever", "minutes") for key, row in driver.table(table).items()}
    assert found == {
        key: (len({amount for amount, _ in held} - {None}), len({pair for _, pair in held}), len(held))
        for key, held in seen.items()
    }


def _counted(row: dict[str, object]) -> tuple[object, ...]:
    return row["amounts"], row["pairs"], row["n"]
