"""Join: columns of another pipeline's row, looked up by its key."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.records import SourceRecord
from streams.testing import Driver

from .builders import (
    OUT,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_topology,
    keys_of,
    laws,
    problems_of,
    reasons_of,
    rows_of,
    send,
)

USERS = "cdc.users.v1"
JOIN = {"table": "users", "by": ["customer_id"], "columns": {"code": "customer_code"}, "same_keys": True}


def users(**parts: Any) -> Mapping[str, Any]:
    return a_pipeline("users", **{"source": {"topic": USERS}, "table": {"name": "users"}, "route": None, **parts})


def orders(missing: str | None = "keep", join: Mapping[str, object] | None = None, **parts: Any) -> Mapping[str, Any]:
    """Orders joined to their customers."""
    source = {"key": ["customer_id"], **parts.pop("source", {})}
    return a_pipeline(source=source, join=[{**JOIN, "missing": missing, **(join or {})}], **parts)


def a_user(id: int, code: str = "X", **more: Any) -> SourceRecord:
    return replace(a_change(id, code=code, **more), topic=USERS)


def codes(driver: Driver) -> list[tuple[int, object]]:
    """(order, its customer's code) as published."""
    return [(row["id"], row["customer_code"]) for row in rows_of(driver.records(OUT)) if row is not None]


# -- what an event gets


def test_an_event_gets_the_columns_of_its_partner_as_processed_so_far() -> None:
    driver = a_driver(orders(), users())

    send(driver, a_user(7, "old"), a_change(1), a_user(7, "new", op="u"), a_change(2), a_change(3, customer_id=8))
    send(driver, a_user(7, op="d"), a_change(4))

    assert codes(driver) == [(1, "old"), (2, "new"), (3, None), (4, None)]
    assert driver.ledger() == {"processed": 7}


@pytest.mark.parametrize(
    ("missing", "published", "ledger", "reasons"),
    [
        ("retry", [2], {"processed": 2, "dead": 1, "filtered": 1}, ["join_missing"]),
        ("drop", [2], {"processed": 2, "filtered": 2}, []),
        ("keep", [1, 2, 3], {"processed": 4}, []),
        (None, [1, 2, 3], {"processed": 4}, []),
    ],
)
def test_an_event_without_its_partner(
    missing: str | None, published: list[int], ledger: dict[str, int], reasons: list[str]
) -> None:
    driver = a_driver(orders(missing, table={"name": "latest"}), users())

    send(driver, a_user(7), a_change(1, customer_id=8), a_change(2), a_change(3, omit=["customer_id"]))

    assert [key["id"] for key in keys_of(driver.records(OUT))] == published
    assert (driver.ledger(), reasons_of(driver)) == (ledger, reasons)
    assert sorted(driver.table("latest")) == published


def test_a_row_that_went_goes_on_with_its_partner_or_without() -> None:
    driver = a_driver(orders("drop", table={"name": "latest"}, route=[{"to": OUT, "on_delete": "event"}]), users())

    send(driver, a_user(7, "x"), a_change(1), a_change(2), a_change(1, op="d"), a_user(7, op="d"), a_change(2, op="d"))

    gone = [row for row in rows_of(driver.records(OUT)) if row is not None and row.get("op") == "DELETE"]
    assert [(row["id"], row["customer_code"]) for row in gone] == [(1, "x"), (2, None)]


def test_joined_columns_are_typed_and_derived_ones_of_the_table_are_there() -> None:
    columns = {"amount": "credit", "double": "twice"}
    rows = orders(join={"columns": columns}, derive={"left_over": "credit + twice - amount"})
    driver = a_driver(rows, users(derive={"double": "amount * 2"}))

    send(driver, a_user(7, amount=50), a_change(1, amount=5))

    (row,) = rows_of(driver.records(OUT))
    assert row is not None
    assert (row["credit"], row["twice"], row["left_over"]) == (50, 100, 145)


def test_what_is_joined_has_been_masked() -> None:
    driver = a_driver(orders(join={"columns": {"email": "to"}}), users(mask={"email": "redact"}))

    send(driver, a_user(7, email="eve@example.test"), a_change(1))

    (row,) = rows_of(driver.records(OUT))
    assert row is not None
    assert row["to"] != "eve@example.test"


# -- what is refused


@pytest.mark.parametrize(
    ("pipelines", "problem"),
    [
        ((orders(),), "join[0].table: no pipeline that runs here keeps the latest rows of users; tables of rows: none"),
        ((orders(join={"by": ["code"]}), users()), "code is text, id of users is integer; they never match"),
        ((orders(join={"by": ["id", "code"]}), users()), "the key of users is id; name as many columns, in that order"),
        ((orders(join={"columns": {"code": "code"}}), users()), "the row has a column code already; rename it"),
        ((orders(join={"columns": {"cod": "x"}}), users()), "no column 'cod'"),
        ((orders(join={"table": "orders"}, table={"name": "orders"}),), "joins lead back to this pipeline"),
        (
            (orders(mask={"customer_id": "customer_id + 1"}), users()),
            "customer_id is masked here and id of users is not alike; they never match",
        ),
    ],
)
def test_a_join_that_cannot_find_its_rows_is_refused(pipelines: tuple[Mapping[str, Any], ...], problem: str) -> None:
    assert [told for told in problems_of(*pipelines) if problem in told]


def test_a_join_by_columns_of_the_same_name_needs_no_word_about_keys() -> None:
    same = {"by": ["id"], "same_keys": False}

    (sub,) = a_topology(orders(join=same, source={"key": ["id"]}), users()).subtopologies

    assert sub.source_topics == (TOPIC, USERS)


# -- laws

REFERENCES = st.integers(1, 5) | st.none()


def _expected(kind: str, people: Mapping[int, str], placed: list[int | None]) -> list[tuple[int, object]]:
    """What SQL makes of the same rows."""
    database = sqlite3.connect(":memory:")
    database.execute("create table users (id integer, code text)")
    database.execute("create table orders (id integer, customer_id integer)")
    database.executemany("insert into users values (?, ?)", people.items())
    database.executemany("insert into orders values (?, ?)", enumerate(placed))
    text = f"select o.id, u.code from orders o {kind} join users u on u.id = o.customer_id order by 1"
    found = database.execute(text)
    return [tuple(row) for row in found]


@laws
@given(
    st.dictionaries(st.integers(1, 4), st.text("abc", min_size=1, max_size=2)),
    st.lists(REFERENCES, max_size=8),
    st.sampled_from([("inner", "drop"), ("left", "keep")]),
    st.sets(st.integers(0, 12)),
)
def test_the_result_is_that_of_sql(
    people: dict[int, str], placed: list[int | None], kind: tuple[str, str], cuts: set[int]
) -> None:
    driver = a_driver(orders(kind[1], table={"name": "latest"}), users())
    sent = [a_user(id, code) for id, code in people.items()]
    sent += [
        a_change(id, omit=["customer_id"]) if customer is None else a_change(id, customer_id=customer)
        for id, customer in enumerate(placed)
    ]
    for place, record in enumerate(sent):
        send(driver, record)
        if place in cuts:
            driver.restart(lose_uncommitted=place % 2 == 0)

    joined = [(row["id"], row["customer_code"]) for row in driver.table("latest").values()]
    assert sorted(joined, key=str) == sorted(_expected(kind[0], people, placed), key=str)


VERBS = st.sampled_from(["user", "gone", "order", "lose", "commit"])
STEPS = st.lists(st.tuples(VERBS, st.integers(1, 3), st.text("ab", max_size=1)), max_size=20)


@laws
@given(STEPS)
def test_however_they_interleave_a_look_up_sees_what_came_before_it(steps: list[tuple[str, int, str]]) -> None:
    driver, people, expected = a_driver(orders(), users()), dict[int, str](), list[tuple[int, object]]()
    for place, (what, id, code) in enumerate(steps):
        match what:
            case "user":
                people[id] = code
                send(driver, a_user(id, code))
            case "gone":
                people.pop(id, None)
                send(driver, a_user(id, op="d"))
            case "order":
                expected.append((place, people.get(id)))
                send(driver, a_change(place, customer_id=id))
            case "lose":
                driver.restart(lose_uncommitted=True)
            case _:
                driver.commit()

    assert codes(driver) == expected
