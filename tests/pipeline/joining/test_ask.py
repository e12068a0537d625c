"""Look-ups in tables of other tasks, as processed so far or as of a time: events ask, wait, and go on in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.pipeline.joining import feed
from streams.testing import Driver

from ..builders import (
    DEAD,
    OUT,
    a_batch,
    a_change,
    a_driver,
    a_pipeline,
    a_topology,
    header,
    keys_of,
    laws,
    problems_of,
    reasons_of,
    rows_of,
    send,
)
from ..test_join import USERS, a_user, codes, orders, users
from .test_asof import CHANGES, EVENTS, KINDS, Change, _of_duckdb

APART: Mapping[str, Any] = {"source": {"key": ["id"]}}
ASOF = {"type": "asof", "keep": "10s"}
STAGE = "orders-join0-users"


def apart(missing: str | None = "keep", join: Mapping[str, object] | None = None, **parts: Any) -> Driver:
    options = {name: parts.pop(name) for name in ("partitions",) if name in parts}
    return a_driver(orders(missing, join=join, **{**APART, **parts}), users(), **options)


# -- what an event gets


def test_an_event_gets_the_columns_of_its_partner_as_processed_so_far() -> None:
    driver = apart()

    send(driver, a_user(7, "old"), a_change(1))
    driver.commit()
    send(driver, a_user(7, "new", op="u"), a_change(2), a_change(3, customer_id=8))
    driver.commit()
    send(driver, a_user(7, op="d", time_ms=2_000), a_change(4, time_ms=3_000))

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
    driver = apart(missing, table={"name": "latest"})

    send(driver, a_user(7), a_change(1, customer_id=8), a_change(2), a_change(3, omit=["customer_id"]))

    assert sorted(key["id"] for key in keys_of(driver.records(OUT))) == published
    assert (driver.ledger(), reasons_of(driver)) == (ledger, reasons)
    assert sorted(driver.table("latest")) == published


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 3, 0, 2), (3, 2, 1, 0)])
def test_what_was_sent_together_is_read_in_the_order_of_event_times(order: tuple[int, ...]) -> None:
    driver = apart()
    records = [
        a_user(7, "old", time_ms=1_000),
        a_change(1, time_ms=1_500),
        a_user(7, "new", op="u", time_ms=2_000, lsn=900_000_000),
        a_change(2, time_ms=2_000),
    ]

    # Each topic is read in its own order; how the two are mixed makes no difference.
    mixed = sorted(order, key=lambda place: (place % 2, place)) if order[0] else list(order)
    send(driver, *[records[place] for place in mixed])

    assert codes(driver) == [(1, "old"), (2, "new")]


def test_what_a_partner_was_between_two_checkpoints_counts() -> None:
    driver = apart(join=ASOF)

    for at, code in ((1_000, "a"), (2_000, "b"), (3_000, "c")):
        send(driver, a_user(7, code, op="u", time_ms=at))
    send(driver, *[a_change(at, time_ms=at) for at in (999, 1_000, 1_999, 2_500, 9_000)])

    assert sorted(codes(driver)) == [(999, None), (1_000, "a"), (1_999, "a"), (2_500, "b"), (9_000, "c")]
    # Each change once, and once what was there when the stage began.
    assert len(driver.records(f"driver-{STAGE}-rows-repartition")) == 3 + 1


def test_versions_are_kept_so_long_and_the_one_that_holds_then_longer() -> None:
    driver = apart(join=ASOF)

    send(driver, a_user(7, "a", time_ms=1_000), a_user(7, "b", op="u", time_ms=2_000))
    send(driver, a_user(7, "c", op="u", time_ms=13_000))
    driver.commit()
    send(driver, *[a_change(place, time_ms=time_ms) for place, time_ms in enumerate((2_999, 3_000, 13_000))])

    assert codes(driver) == [(0, None), (1, "b"), (2, "c")]
    kept = [
        version.row
        for task in driver._tasks.values()
        for name, tables in task._tables.items()
        if name == STAGE
        for _, version in tables.joining.versions.scan()
    ]
    assert [row and row["code"] for row in kept] == ["c", "b"]


def test_rows_that_were_there_before_the_join_are_told_a_part_at_each_checkpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "ROWS_A_CHECKPOINT", 2)
    driver = a_driver(orders("keep", **APART), users())
    send(driver, *[a_user(id, f"u{id}") for id in range(5)])
    driver.commit()

    send(driver, *[a_change(id, customer_id=id) for id in range(5)])

    assert codes(driver) == [(id, f"u{id}") for id in range(5)]


def test_a_truncated_table_has_no_rows_from_then_on() -> None:
    driver = apart()

    send(driver, a_user(7, "a", time_ms=1_000), a_user(0, op="t", time_ms=2_000))
    send(driver, a_change(1, time_ms=1_999), a_change(2, time_ms=2_001))

    assert sorted(codes(driver)) == [(1, "a"), (2, None)]


def test_joined_columns_go_through_all_later_steps() -> None:
    totals = {"table": "by_code", "by": ["customer_code"], "columns": {"n": "count(*)"}, "to": "by_code.v1"}
    driver = apart(derive={"both": "customer_code || code"}, table={"name": "latest"}, aggregate=[totals])

    send(driver, a_user(7, "x"), a_user(8, "y"), a_change(1), a_change(2), a_change(3, customer_id=8))

    assert {id: row["both"] for id, row in driver.table("latest").items()} == {1: "xA-1", 2: "xA-1", 3: "yA-1"}
    assert {code: row["n"] for code, row in driver.table("by_code").items()} == {"x": 2, "y": 1}


def test_a_pipeline_may_ask_a_table_beside_one_of_its_own_tasks() -> None:
    near = a_pipeline("near", source={"topic": "cdc.near.v1"}, table={"name": "near"}, route=None)
    joins = [
        {"table": "users", "by": ["customer_id"], "columns": {"code": "who"}, "missing": "drop"},
        {"table": "near", "by": ["id"], "columns": {"code": "here"}, "missing": "keep"},
    ]
    driver = a_driver(a_pipeline(source={"key": ["id"]}, join=joins), users(), near)

    send(driver, a_user(7, "eve"), replace(a_change(1, code="home"), topic="cdc.near.v1"), a_change(1), a_change(2))

    assert [row and (row["id"], row["who"], row["here"]) for row in rows_of(driver.records(OUT))] == [
        (1, "eve", "home"),
        (2, "eve", None),
    ]


def test_a_second_question_is_asked_with_what_the_first_has_answered() -> None:
    products = a_pipeline("products", source={"topic": "cdc.products.v1"}, table={"name": "products"}, route=None)
    joins = [
        {"table": "users", "by": ["customer_id"], "columns": {"customer_id": "chief"}, "missing": "drop"},
        {"table": "products", "by": ["chief"], "columns": {"code": "likes"}, "missing": "drop"},
    ]
    driver = a_driver(a_pipeline(source={"key": ["id"]}, join=joins), users(), products)

    send(driver, a_user(7, customer_id=3), replace(a_change(3, code="tea"), topic="cdc.products.v1"), a_change(1))

    assert [row and (row["chief"], row["likes"]) for row in rows_of(driver.records(OUT))] == [(3, "tea")]
    assert driver.ledger() == {"processed": 3}


# -- a row keeps its order


def test_events_of_a_row_go_on_in_their_order_whomever_they_ask() -> None:
    driver = apart(table={"name": "latest"}, partitions={"cdc.orders.v1": 3, USERS: 3})
    send(driver, *[a_user(id, f"u{id}") for id in range(6)])
    driver.commit()

    steps = [a_change(1, op="c" if not n else "u", customer_id=n % 6, amount=n) for n in range(12)]
    send(driver, *steps, a_change(2, customer_id=1), a_change(1, op="d"), a_change(1, customer_id=2, amount=99))

    told = [row and (row["amount"], row["customer_code"]) for row in rows_of(_of(driver, 1))]
    assert told == [*((n, f"u{n % 6}") for n in range(12)), None, (99, "u2")]
    assert driver.table("latest")[1]["amount"] == 99


def _of(driver: Driver, id: int) -> list[Any]:
    records = driver.records(OUT)
    return [record for record, key in zip(records, keys_of(records), strict=True) if key["id"] == id]


def test_an_event_whose_partner_comes_later_is_tried_again_and_asks_anew() -> None:
    driver = apart("retry", errors={"retry": {"join_missing": ["5s", "1m"]}})

    send(driver, a_change(1), a_change(1, op="u", amount=6), a_change(2, customer_id=9))
    driver.commit()
    assert (codes(driver), driver.ledger()) == ([], {"retried": 2, "parked": 1})

    send(driver, a_user(7, "late"))
    driver.advance(ms=6_000)
    assert codes(driver) == [(1, "late"), (1, "late")]
    driver.advance(ms=120_000)
    assert reasons_of(driver) == ["join_missing"]
    (letter,) = driver.records(DEAD)
    assert header(letter, "__contract.errors.attempt") == "3"
    assert driver.ledger() == {"processed": 3, "dead": 1}


def test_what_waits_behind_an_event_that_finds_no_partner_is_dead_with_it() -> None:
    driver = apart("retry")

    send(driver, a_change(1, customer_id=9), a_change(1, op="u"), a_user(7), a_change(2))

    assert codes(driver) == [(2, "X")]
    assert sorted(map(str, reasons_of(driver))) == ["join_missing", "parked_behind_dead"]


def test_events_of_a_row_that_come_together_ask_together() -> None:
    driver = apart()
    send(driver, *[a_user(id, f"u{id}") for id in range(4)])
    driver.commit()
    task = driver._task("cdc.orders.v1", 0)
    batch = a_batch(*[a_change(1, op="u", customer_id=n % 4, amount=n) for n in range(30)])
    driver._pending += task.process(batch, now_ms=2_000).deliveries
    checkpoints = 0
    while task.is_touched or driver._waiting:
        driver._work_off()
        driver._checkpoint()
        checkpoints += 1

    told = [row and (row["amount"], row["customer_code"]) for row in rows_of(driver.records(OUT))]
    assert told == [(n, f"u{n % 4}") for n in range(30)]
    assert checkpoints <= 4
    assert task._tables["orders"].retries is not None
    assert not list(task._tables["orders"].retries.early.scan())


# -- crashes


def test_a_crash_repeats_nothing_and_loses_nothing() -> None:
    driver = apart(table={"name": "latest"})

    send(driver, a_user(7, "x"), a_change(1))
    driver.restart()
    send(driver, a_change(2))
    driver._checkpoint()  # asked, and not answered yet
    driver.restart()
    send(driver, a_change(3))
    driver.restart(lose_uncommitted=False)

    assert sorted(codes(driver)) == [(1, "x"), (2, "x"), (3, "x")]
    assert driver.ledger()["processed"] == 4
    for task in driver._tasks.values():
        for tables in task._tables.values():
            if tables.retries is not None:
                assert not list(tables.retries.asking.scan())
                assert tables.retries.current().retrying == 0


Step = tuple[int, int, int, int]
"""(0 user, 1 order; id; customer or code; time step)."""
STEPS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4), st.integers(0, 3), st.integers(0, 3)), max_size=20)


@laws
@given(STEPS, st.sets(st.integers(0, 20), max_size=4), st.integers(1, 3))
def test_each_order_has_the_latest_user_before_it(steps: list[Step], cuts: set[int], partitions: int) -> None:
    """What SQL says of a log in which both are in the order of their times, each read by checkpoints as they fall."""
    driver = apart(partitions=dict.fromkeys(("cdc.orders.v1", USERS), partitions))
    with sqlite3.connect(":memory:") as database:
        database.execute("create table users (at, id, code)")
        database.execute("create table orders (at, id, customer)")
        for at, (kind, id, other, _) in enumerate(steps):
            if kind == 0:
                send(driver, a_user(other, f"v{at}", op="u", time_ms=1_000 + at))
                database.execute("insert into users values (?, ?, ?)", (at, other, f"v{at}"))
            else:
                send(driver, a_change(id, op="u", customer_id=other, amount=at, time_ms=1_000 + at))
                database.execute("insert into orders values (?, ?, ?)", (at, id, other))
            driver.commit()
            if at in cuts:
                driver.restart()
        wanted = database.execute("""
            select o.at, o.id, (select code from users u where u.id = o.customer and u.at < o.at order by u.at desc)
            from orders o
        """).fetchall()
    found = [(row["amount"], row["id"], row["customer_code"]) for row in rows_of(driver.records(OUT)) if row]
    assert sorted(found) == sorted(wanted)
    for id in range(1, 5):
        places = [row["amount"] for row in rows_of(_of(driver, id)) if row]
        assert places == sorted(places)


@laws
@given(CHANGES, EVENTS, KINDS, st.sets(st.integers(0, 30)))
def test_as_of_the_result_is_that_of_duckdbs_asof_join(
    changes: list[Change], events: list[tuple[int, int]], kind: tuple[str, str | None], cuts: set[int]
) -> None:
    driver = apart(kind[1], join=ASOF)
    sent = [a_user(id, code, op="u", time_ms=1_000 + at) for at, id, code in changes]
    asked = [a_change(id, time_ms=1_000 + at, customer_id=product) for id, (at, product) in enumerate(events)]
    for place, record in enumerate([*sent, None, *asked]):
        if record is None:
            driver.commit()
        else:
            send(driver, record)
        if place in cuts:
            driver.restart(lose_uncommitted=place % 2 == 0)

    last = {(at, id): code for at, id, code in changes}
    expected = _of_duckdb(kind[0], [(at, id, code) for (at, id), code in last.items()], events)
    assert sorted(codes(driver), key=repr) == sorted(expected, key=repr)


# -- where it happens, and what is refused


def test_where_both_are_keyed_differently_they_meet_in_a_stage() -> None:
    topology = a_topology(orders(**APART), users())

    names = [[plan.name for plan in sub.plans] for sub in topology.subtopologies]
    assert sorted(names) == [["orders"], [STAGE], ["users"]]
    topics = {spec.name: spec.source for spec in topology.topics if "repartition" in spec.name}
    assert topics == {f"app-{STAGE}-{part}-repartition": "cdc.orders.v1" for part in ("names", "rows", "answers")}
    assert len(a_topology(orders(), users()).subtopologies) == 1


def test_beside_lookups_it_is_refused() -> None:
    lookup = {"vat": {"call": "tests.pipeline.lookups.outside:rate", "args": ["code"]}}
    found = problems_of(orders(lookup=lookup, **APART), users())
    assert [text for text in found if "users lives in other tasks, and joins with it beside lookup arrive" in text]


def test_no_bytes_of_an_event_that_asks_leave_its_own_tasks() -> None:
    driver = apart(mask={"email": "redact"})
    send(driver, a_user(7), a_change(1, email="eve@example.test"))
    driver.commit()

    between = [name for name, kind in driver.topics.items() if kind.value == "repartition"]
    assert len(between) == 3
    assert all(b"eve@" not in (record.value or b"") for name in between for record in driver.records(name))

