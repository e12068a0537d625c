"""Conditions of routes: each route is a view of the rows, whatever happens to them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from streams.testing import Driver

from ..builders import (
    OUT,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    keys_of,
    laws,
    problems_of,
    reasons_of,
    rows_of,
    send,
)
from .test_laws import STEPS, send_step

LARGE, SMALL = "large.v1", "small.v1"
ROUTES = [{"to": OUT}, {"to": LARGE, "where": "amount > 2"}, {"to": SMALL, "where": "amount <= 2"}]


def a_routed(partitions: int = 1, **parts: Any) -> Driver:
    return a_driver(a_pipeline(**{"route": ROUTES, **parts}), partitions={TOPIC: partitions})


def published(driver: Driver, topic: str) -> list[tuple[int, Any]]:
    """(id, amount or ``None`` for a tombstone)."""
    records = driver.records(topic)
    amounts = [None if row is None else row["amount"] for row in rows_of(records)]
    return [(key["id"], amount) for key, amount in zip(keys_of(records), amounts, strict=True)]


def view_of(driver: Driver, topic: str) -> dict[int, Any]:
    """What who reads ``topic`` as a table has in the end."""
    return {id: amount for id, amount in dict(published(driver, topic)).items() if amount is not None}


@pytest.mark.parametrize("table", [None, {"name": "latest"}])
def test_a_row_leaves_one_route_and_enters_another(table: Any) -> None:
    driver = a_routed(table=table)

    send(driver, a_change(1, amount=5), a_change(2, amount=1), a_change(1, op="u", amount=2))
    driver.restart()
    send(driver, a_change(1, op="u", amount=3), a_change(2, op="d"), a_change(3, amount=None))

    assert published(driver, LARGE) == [(1, 5), (1, None), (1, 3)]
    assert published(driver, SMALL) == [(2, 1), (1, 2), (1, None), (2, None)]
    assert published(driver, OUT) == [(1, 5), (2, 1), (1, 2), (1, 3), (2, None), (3, None)]
    assert driver.ledger() == {"processed": 6}


@pytest.mark.parametrize("partitions", [1, 3])
@laws
@given(steps=STEPS)
def test_a_route_is_a_view_of_the_rows_that_match(partitions: int, steps: list[tuple[Any, ...]]) -> None:
    driver = a_routed(partitions)
    rows: dict[int, dict[str, Any]] = {}

    for step in steps:
        send_step(driver, step, rows)

    amounts = {id: row["amount"] for id, row in rows.items() if row["amount"] is not None}
    assert view_of(driver, LARGE) == {id: amount for id, amount in amounts.items() if amount > 2}
    assert view_of(driver, SMALL) == {id: amount for id, amount in amounts.items() if amount <= 2}
    for topic in (LARGE, SMALL):
        there: set[int] = set()
        for id, amount in published(driver, topic):
            assert amount is not None or id in there, "a tombstone of a row that was not there"
            (there.discard if amount is None else there.add)(id)


def test_the_condition_sees_derived_columns_and_the_departure_is_the_row_as_it_was() -> None:
    route = {"to": LARGE, "where": "double > 4", "on_delete": "event", "key": ["customer_id"]}
    driver = a_routed(derive={"double": "amount * 2"}, route=[route])

    send(driver, a_change(1, amount=3, customer_id=7), a_change(1, op="u", amount=1, customer_id=8))

    records = driver.records(LARGE)
    assert keys_of(records) == [{"customer_id": 7}, {"customer_id": 7}]
    rows = [row or {} for row in rows_of(records)]
    assert [(row["amount"], row["double"], row.get("op")) for row in rows] == [(3, 6, None), (3, 6, "DELETE")]


def test_an_old_row_of_a_snapshot_neither_enters_nor_leaves() -> None:
    driver = a_routed()
    send(driver, a_change(1, amount=5), a_change(2, amount=1))

    send(driver, a_change(1, op="r", lsn=None, amount=1), a_change(2, op="r", lsn=None, amount=5))

    assert (published(driver, LARGE), published(driver, SMALL)) == ([(1, 5)], [(2, 1)])


def test_a_contract_of_a_route_is_held_to_the_rows_of_that_route() -> None:
    narrow = {"to": LARGE, "where": "amount > 2", "contract": "iglu:com.acme/orders/jsonschema/1-*-*"}
    driver = a_routed(source={"contract": "iglu:com.acme/lines/jsonschema/1-*-*"}, route=[{"to": OUT}, narrow])

    send(driver, a_change(1, amount=1, omit=["code"]), a_change(2, amount=9, omit=["code"]), a_change(3, amount=9))

    assert reasons_of(driver) == ["contract_violation"]
    assert [row and row["id"] for row in rows_of(driver.records(LARGE))] == [3]
    assert [row and row["id"] for row in rows_of(driver.records(OUT))] == [1, 3]


def test_without_rows_that_can_be_told_apart_it_is_a_filter() -> None:
    driver = a_driver(a_plain_pipeline(route=[{"to": LARGE, "where": "amount > 2"}]))

    send(driver, a_plain(1, amount=5), a_plain(1, amount=1), a_plain(2, amount=3))

    assert published(driver, LARGE) == [(1, 5), (2, 3)]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"route": [{"to": LARGE, "where": "nothing > 2"}]}, "route[0].where: no column 'nothing'"),
        ({"route": [{"to": LARGE, "where": "op = 'INSERT'"}]}, "are of a change; a row has its columns alone"),
        ({"route": [{"to": LARGE, "where": "email = 'a'"}], "mask": {"email": "hash"}}, "email: masked, and a route"),
        (
            {"source": {"contract": "iglu:com.acme/lines/jsonschema/1-*-*"},
             "route": [{"to": LARGE, "where": "amount > 2", "key": ["id"]}]},
            "route[0].where: the contract has no key",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_where_it_is_written(parts: dict[str, Any], says: str) -> None:
    (problem,) = problems_of(a_pipeline(**parts))

    assert says in problem
