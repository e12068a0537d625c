"""Laws of joins between tables: at the end the result, and what was published, is what SQL makes of both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.pipeline.joining import index
from streams.testing import Driver

from ..builders import OUT, TOPIC, a_change, a_driver, keys_of, laws, rows_of, send
from .test_relate import PRODUCTS, a_product, orders, products

Step = tuple[str, int, int, str]
"""(verb, key, product that an order names, text)."""
WORDS = ("order", "order", "gone", "product", "product", "sold out", "commit", "lose", "keep", "advance")
VERBS = st.sampled_from(WORDS)
STEPS = st.lists(st.tuples(VERBS, st.integers(1, 5), st.integers(0, 3), st.text("ab", max_size=1)), max_size=30)
KINDS = st.sampled_from([("inner", "drop"), ("left", None)])


class Tables:
    """Both tables in a database of their own."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.execute("create table orders (id integer primary key, product integer, note text)")
        self._database.execute("create table products (id integer primary key, code text)")

    def put(self, table: str, *values: object) -> None:
        marks = ", ".join("?" * len(values))
        self._database.execute(f"insert or replace into {table} values ({marks})", values)

    def remove(self, table: str, id: int) -> None:
        self._database.execute(f"delete from {table} where id = ?", (id,))

    def joined(self, kind: str) -> Mapping[int, tuple[object, object]]:
        text = f"select o.id, o.note, p.code from orders o {kind} join products p on p.id = o.product"
        return {id: (note, code) for id, note, code in self._database.execute(text)}


def _run(driver: Driver, tables: Tables, steps: Iterable[Step]) -> None:
    for place, (verb, id, product, text) in enumerate(steps):
        time_ms = 1_000 + (place * 7919) % 5_000  # in no order
        match verb:
            case "order":
                tables.put("orders", id, product or None, text)
                columns: dict[str, Any] = {"customer_id": product} if product else {"omit": ["customer_id"]}
                send(driver, a_change(id, op="u", note=text, time_ms=time_ms, **columns))
            case "gone":
                tables.remove("orders", id)
                send(driver, a_change(id, op="d", time_ms=time_ms))
            case "product":
                tables.put("products", id, text)
                send(driver, a_product(id, text, op="u", time_ms=time_ms))
            case "sold out":
                tables.remove("products", id)
                send(driver, a_product(id, op="d", time_ms=time_ms))
            case "lose":
                driver.restart(lose_uncommitted=True)
            case "keep":
                driver.restart(lose_uncommitted=False)
            case "advance":
                driver.advance(ms=100)
            case _:
                driver.commit()


def _published(driver: Driver) -> Mapping[int, tuple[object, object]]:
    """What a reader of the topic has at the end."""
    rows: dict[int, tuple[object, object]] = {}
    records = driver.records(OUT)
    for key, row in zip(keys_of(records), rows_of(records), strict=True):
        rows.pop(key["id"], None)
        if row is not None:
            rows[key["id"]] = row["note"], row["product"]
    return rows


@pytest.mark.parametrize("rows_a_checkpoint", [1, 2, 5_000])
@laws
@given(STEPS, KINDS)
def test_the_result_is_that_of_sql(rows_a_checkpoint: int, steps: list[Step], kind: tuple[str, str | None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "ROWS_A_CHECKPOINT", rows_a_checkpoint)
        driver, tables = a_driver(orders(kind[1]), products()), Tables()

        _run(driver, tables, steps)

        expected = tables.joined(kind[0])
        assert _published(driver) == expected
        assert {id: (row["note"], row["product"]) for id, row in driver.table("latest").items()} == expected


@pytest.mark.parametrize("rows_a_checkpoint", [2, 5_000])
@laws
@given(STEPS, KINDS)
def test_the_result_is_that_of_sql_where_rows_and_partners_live_in_different_tasks(
    rows_a_checkpoint: int, steps: list[Step], kind: tuple[str, str | None]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "ROWS_A_CHECKPOINT", rows_a_checkpoint)
        apart = orders(kind[1], source={"key": ["id"]})
        driver, tables = a_driver(apart, products(), partitions={TOPIC: 3, PRODUCTS: 2}), Tables()

        _run(driver, tables, steps)

        expected = tables.joined(kind[0])
        assert _published(driver) == expected
        assert {id: (row["note"], row["product"]) for id, row in driver.table("latest").items()} == expected


@laws
@given(STEPS, KINDS)
def test_groups_of_rows_are_those_of_sql(steps: list[Step], kind: tuple[str, str | None]) -> None:
    counts = {"table": "n", "over": "rows", "by": ["note"], "columns": {"n": "count(*)", "codes": "count(product)"}}
    driver, tables = a_driver(orders(kind[1], aggregate=[counts], table=None), products()), Tables()

    _run(driver, tables, steps)

    joined = list(tables.joined(kind[0]).values())
    expected = {
        note: {
            "note": note,
            "n": sum(held == note for held, _ in joined),
            "codes": sum(held == note and code is not None for held, code in joined),
        }
        for note, _ in joined
    }
    assert {note: row for note, row in driver.table("n").items() if row["n"]} == expected
