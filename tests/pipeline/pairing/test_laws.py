"""The law of joins of two streams: what is published is what SQL says of the events, in whatever order they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from ..builders import laws, send
from .streams import PAYMENTS, a_payment, an_order, joined, told

ORDERS = "cdc.orders.v1"
SIDES = (ORDERS, PAYMENTS)
FAR = 100_000


@dataclass(frozen=True, kw_only=True)
class Sent:
    """An event as the model sees it."""

    topic: str
    id: int
    at: int
    customer: int
    clock: int = 0
    """Largest time that its partition had seen, its own included."""


EVENTS = st.lists(
    st.tuples(st.sampled_from(SIDES), st.integers(0, 60), st.integers(1, 3), st.integers(0, 1)), max_size=25
)
"""(topic, time, customer, partition)."""
REACH = st.fixed_dictionaries({"before": st.integers(0, 20), "after": st.integers(0, 20), "grace": st.integers(0, 10)})


def join_of(reach: Mapping[str, int], missing: str | None) -> dict[str, object]:
    return {**{name: f"{length}ms" for name, length in reach.items()}, "missing": missing}


def of_sql(events: Iterable[Sent], reach: Mapping[str, int], kind: str) -> Counter[tuple[Any, ...]]:
    """A range join, of the events that were in time for a window by the clock of their own partition."""
    with duckdb.connect() as database:
        for topic, name in ((ORDERS, "orders"), (PAYMENTS, "payments")):
            database.execute(f"create table {name} (id integer, moment integer, customer integer, clock integer)")
            for held in events:
                if held.topic == topic:
                    database.execute(
                        f"insert into {name} values (?, ?, ?, ?)", (held.id, held.at, held.customer, held.clock)
                    )
        closes = f"o.moment + {reach['after']} + {reach['grace']}"
        text = f"""
            select o.id, p.id from orders o {kind} join payments p on o.customer = p.customer
            and p.moment between o.moment - {reach["before"]} and o.moment + {reach["after"]} and p.clock <= {closes}
            where o.clock <= {closes}
        """
        return Counter(database.execute(text).fetchall())


def run(driver: Driver, events: list[tuple[str, int, int, int]], cuts: set[int], *, partitions: int = 1) -> list[Sent]:
    """Send all of it, with a crash here and there; then time passes on every partition of both sides."""
    sent: list[Sent] = []
    clocks: dict[tuple[str, int], int] = {}
    for id, (topic, at, customer, number) in enumerate(events):
        place = topic, number % partitions
        clocks[place] = max(clocks.get(place, at), at)
        sent.append(Sent(topic=topic, id=id, at=at, customer=customer, clock=clocks[place]))
        make = an_order if topic == ORDERS else a_payment
        send(driver, make(id, at, customer), partition=place[1])
        if id in cuts:
            driver.restart(lose_uncommitted=id % 2 == 0)
        elif id % 3 == 0:
            driver.commit()
    for topic in SIDES:
        make = an_order if topic == ORDERS else a_payment
        for number in range(partitions):
            id = FAR + number
            sent.append(Sent(topic=topic, id=id, at=FAR, customer=99 + number, clock=FAR))
            send(driver, make(id, FAR, 99 + number), partition=number)
    driver.commit()
    return sent


def results(driver: Driver) -> Counter[tuple[Any, ...]]:
    return Counter(pair for pair in told(driver))


@laws
@given(EVENTS, REACH, st.booleans(), st.sets(st.integers(0, 25), max_size=4), st.booleans())
def test_the_result_is_that_of_a_range_join(
    events: list[tuple[str, int, int, int]], reach: dict[str, int], is_inner: bool, cuts: set[int], is_apart: bool
) -> None:
    driver = joined(join_of(reach, "drop" if is_inner else None), is_apart=is_apart)

    sent = run(driver, events, cuts)

    assert results(driver) == of_sql(sent, reach, "inner" if is_inner else "left")


@laws
@given(EVENTS, REACH, st.booleans(), st.sets(st.integers(0, 25), max_size=4))
def test_in_a_stage_of_several_partitions_an_uneven_backlog_changes_nothing(
    events: list[tuple[str, int, int, int]], reach: dict[str, int], is_inner: bool, cuts: set[int]
) -> None:
    join = join_of(reach, "drop" if is_inner else None)
    driver = joined(join, is_apart=True, partitions=dict.fromkeys(SIDES, 2))

    sent = run(driver, events, cuts, partitions=2)

    assert results(driver) == of_sql(sent, reach, "inner" if is_inner else "left")


@laws
@given(EVENTS, REACH, st.sets(st.integers(0, 25), max_size=6))
def test_of_one_key_results_come_in_an_order_that_checkpoints_do_not_change(
    events: list[tuple[str, int, int, int]], reach: dict[str, int], cuts: set[int]
) -> None:
    often, never = joined(join_of(reach, None)), joined(join_of(reach, None))

    for id, (topic, at, customer, _) in enumerate(events):
        make = an_order if topic == ORDERS else a_payment
        for driver in (often, never):
            send(driver, make(id, at, customer))
        if id in cuts:
            often.commit()

    by_key: list[dict[object, list[object]]] = []
    for driver in (often, never):
        send(driver, a_payment(FAR, FAR, 99))
        found: dict[object, list[object]] = {}
        customers = {id: customer for id, (_, _, customer, _) in enumerate(events)}
        for order, payment in told(driver):
            found.setdefault(customers.get(order), []).append((order, payment))
        by_key.append(found)
    assert by_key[0] == by_key[1]


@laws
@given(EVENTS, REACH, st.booleans())
def test_nothing_is_left_when_time_has_passed(
    events: list[tuple[str, int, int, int]], reach: dict[str, int], is_apart: bool
) -> None:
    driver = joined(join_of(reach, None), is_apart=is_apart)

    run(driver, events, set())

    held = [tables.pairing for task in driver._tasks.values() for tables in task._tables.values() if tables.pairing]
    for side in (held[0].own, held[0].partner):
        assert len(list(side.events.scan())) == len(list(side.moments.scan())) == 1
