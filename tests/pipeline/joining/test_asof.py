"""Joins as of the event's time: the version of the partner that held then, by DuckDB's own words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from ..builders import OUT, a_change, a_driver, laws, problems_of, rows_of, send
from .test_relate import a_product, orders, products

ASOF = {"type": "asof", "keep": "10s"}


def as_of(missing: str | None = "keep", **parts: Any) -> Driver:
    join = {**ASOF, **parts.pop("join", {})}
    return a_driver(orders(missing, join=join, table=None, **parts), products())


def told(driver: Driver) -> list[tuple[int, object]]:
    return [(row["id"], row["product"]) for row in rows_of(driver.records(OUT)) if row is not None]


def test_an_event_gets_the_version_that_held_at_its_time() -> None:
    driver = as_of()

    send(driver, a_product(7, "a", time_ms=1_000), a_product(7, "b", op="u", time_ms=2_000))
    send(driver, *[a_change(place, time_ms=time_ms) for place, time_ms in enumerate((999, 1_000, 1_999, 2_000, 9_000))])

    assert told(driver) == [(0, None), (1, "a"), (2, "a"), (3, "b"), (4, "b")]


def test_a_row_that_was_gone_at_that_time_is_no_partner() -> None:
    driver = as_of("drop")

    send(driver, a_product(7, "a", time_ms=1_000), a_product(7, op="d", time_ms=2_000))
    send(driver, a_product(7, "b", time_ms=3_000))
    send(driver, *[a_change(place, time_ms=time_ms) for place, time_ms in enumerate((1_500, 2_000, 2_999, 3_000))])

    assert told(driver) == [(0, "a"), (3, "b")]
    assert driver.ledger() == {"processed": 5, "filtered": 2}


def test_a_truncated_table_has_no_rows_from_then_on() -> None:
    driver = as_of()

    send(driver, a_product(7, "a", time_ms=1_000), a_product(0, op="t", time_ms=2_000))
    send(driver, a_change(1, time_ms=1_999), a_change(2, time_ms=2_000))

    assert told(driver) == [(1, "a"), (2, None)]


def test_versions_are_kept_so_long_and_the_one_that_holds_then_longer() -> None:
    driver = as_of()

    send(driver, a_product(7, "a", time_ms=1_000), a_product(7, "b", op="u", time_ms=2_000))
    send(driver, a_product(7, "c", op="u", time_ms=13_000))
    send(driver, *[a_change(place, time_ms=time_ms) for place, time_ms in enumerate((2_999, 3_000, 13_000))])

    assert told(driver) == [(0, None), (1, "b"), (2, "c")]
    (task,) = driver._tasks.values()
    kept = dict(task._tables["products"].joining.versions.scan())
    assert [version.row and version.row["code"] for version in kept.values()] == ["c", "b"]


@pytest.mark.parametrize(
    ("join", "problem"),
    [
        ({"type": "asof"}, "keep says how far back type: asof looks"),
        ({"type": "lookup", "keep": "1h"}, "keep says how far back type: asof looks"),
    ],
)
def test_what_does_not_go_together_or_is_not_there_is_refused(join: dict[str, object], problem: str) -> None:
    assert [found for found in problems_of(orders(join=join), products()) if problem in found]


Change = tuple[int, int, str]
"""(time in ms, product, code)."""
CHANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 3), st.text("ab", max_size=1)), max_size=15)
KINDS = st.sampled_from([("inner", "drop"), ("left", None)])
EVENTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=15)


def _of_duckdb(kind: str, changes: Iterable[Change], events: Iterable[tuple[int, int]]) -> list[tuple[Any, ...]]:
    with duckdb.connect() as database:
        database.execute("create table prices (moment integer, product integer, code text)")
        database.execute("create table events (id integer, moment integer, product integer)")
        for change in changes:
            database.execute("insert into prices values (?, ?, ?)", change)
        for id, (at, product) in enumerate(events):
            database.execute("insert into events values (?, ?, ?)", (id, at, product))
        text = f"""
            select e.id, p.code from events e
            asof {kind} join prices p on e.product = p.product and e.moment >= p.moment order by e.id
        """
        return database.execute(text).fetchall()


@laws
@given(CHANGES, EVENTS, KINDS, st.booleans(), st.sets(st.integers(0, 30)))
def test_the_result_is_that_of_duckdbs_asof_join(
    changes: list[Change],
    events: list[tuple[int, int]],
    kind: tuple[str, str | None],
    is_in_order: bool,
    cuts: set[int],
) -> None:
    """Of several versions of one time the one processed last holds: SQL is shown that one alone."""
    driver = as_of(kind[1])
    sent = [(at, 0, a_product(id, code, op="u", time_ms=1_000 + at)) for at, id, code in changes]
    placed = [
        (at, 1, a_change(id, time_ms=1_000 + at, customer_id=product)) for id, (at, product) in enumerate(events)
    ]
    # Versions that come in any order, all before the events; or everything in the order of event times.
    whole = sorted(sent + placed, key=lambda held: held[:2]) if is_in_order else sent + placed
    for place, (_, _, record) in enumerate(whole):
        send(driver, record)
        if place in cuts:
            driver.restart(lose_uncommitted=place % 2 == 0)

    last = {(at, id): code for at, id, code in changes}
    expected = _of_duckdb(kind[0], [(at, id, code) for (at, id), code in last.items()], events)
    assert sorted(told(driver)) == expected
