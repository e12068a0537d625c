"""Laws of retries: a row keeps its order, nothing is lost or comes twice. Judged by a model that knows no engine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replace_struct

from streams.pipeline.task import BatchResult, Task
from streams.state.stores.memory import MemoryStore
from streams.testing import Driver

from ..builders import (
    DEAD,
    OUT,
    a_batch,
    a_change,
    a_driver,
    a_pipeline,
    a_topology,
    keys_of,
    laws,
    reasons_of,
    rows_of,
    send,
)
from ..lookups.outside import PLACE, moods
from ..test_join import a_user, orders, users

DELAYS_MS = (5_000, 20_000)
MOODS = {"join_missing": "", "lookup_missing": "unknown", "lookup_unavailable": "down", "lookup_failed": "wrong"}
"""By reason, how somebody outside is about a customer that is not there."""
UNSENT = "__debezium_unavailable_value"

Event = tuple[int, int, int, bool]
"""(row, customer, number, tells the whole row)."""


@dataclass
class Waiting:
    """An event that is tried again, and those behind it."""

    event: Event
    due_ms: int
    attempts: int = 1
    behind: list[Event] = field(default_factory=list)


class Model:
    """One event after another, as a person would do it with pencil and paper."""

    def __init__(self, in_order: str) -> None:
        self.in_order = in_order
        self.now_ms = 1_000
        self.people: set[int] = set()
        self.waiting: list[Waiting] = []
        self.published: list[Event] = []
        self.dead: list[Event] = []
        self.superseded = 0

    def arrive(self, event: Event) -> None:
        ahead = [held for held in self.waiting if held.event[0] == event[0]]
        if self.in_order == "ignore" or not ahead:
            self._try(event)
        elif self.in_order == "supersede" and event[3]:
            self.superseded += 1 + len(ahead[0].behind)
            self.waiting.remove(ahead[0])
            self._try(event)
        else:
            ahead[0].behind.append(event)

    def _try(self, event: Event) -> bool:
        if event[1] in self.people:
            self.published.append(event)
            return True
        self.waiting.append(Waiting(event, self.now_ms + DELAYS_MS[0]))
        return False

    def advance(self, ms: int) -> None:
        end_ms = self.now_ms + ms
        while due := [held for held in self.waiting if held.due_ms <= end_ms]:
            head = min(due, key=lambda held: held.due_ms)
            self.now_ms = head.due_ms
            self._again(head)
        self.now_ms = end_ms

    def _again(self, head: Waiting) -> None:
        if head.event[1] in self.people:
            self.waiting.remove(head)
            self.published.append(head.event)
            for event in head.behind:
                self.arrive(event)
        elif head.attempts > len(DELAYS_MS) - 1:
            self.waiting.remove(head)
            self.dead += [head.event, *head.behind]
        else:
            head.due_ms, head.attempts = self.now_ms + DELAYS_MS[head.attempts], head.attempts + 1


def by_row(events: list[Event]) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for row, _, number, _ in events:
        rows.setdefault(row, []).append(number)
    return rows


def published(driver: Driver) -> dict[int, list[int]]:
    """By row the numbers of its events as published."""
    rows: dict[int, list[int]] = {}
    for row in rows_of(driver.records(OUT)):
        assert row is not None
        rows.setdefault(row["id"], []).append(row["amount"])
    return rows


def dead(driver: Driver) -> Counter[int]:
    return Counter(key["id"] for key in keys_of(driver.records(DEAD)))


def steps() -> st.SearchStrategy[list[tuple[str, int, int]]]:
    verbs = st.sampled_from(["whole", "whole", "part", "user", "gone", "wait", "lose", "commit"])
    return st.lists(st.tuples(verbs, st.integers(1, 3), st.integers(1, 3)), max_size=30)


def a_driver_that_waits(reason: str, in_order: str) -> Driver:
    """Orders that cannot go on without their customers, whom a table knows, or somebody outside."""
    errors = {"retry": {reason: [f"{ms}ms" for ms in DELAYS_MS]}, "in_order": in_order}
    if reason == "join_missing":
        return a_driver(orders("retry", errors=errors), users(), start_ms=1_000)
    moods.update(dict.fromkeys(range(1, 4), MOODS[reason]))
    never_open = {"failures": 1_000_000, "calls": 1_000_000}
    asked = {"call": f"{PLACE}:moody", "args": ["customer_id"], "cache": {"size": 0}, "breaker": never_open}
    return a_driver(a_pipeline(lookup={"vat": {**asked, "retry": {"attempts": 1}}}, errors=errors), start_ms=1_000)


def learn(driver: Driver, reason: str, customer: int, *, is_there: bool) -> None:
    """A customer comes or goes."""
    if reason == "join_missing":
        send(driver, a_user(customer, op="c" if is_there else "d"))
        return
    driver.commit()  # what has been answered stays answered
    moods[customer] = "" if is_there else MOODS[reason]


def walked(reason: str, in_order: str, driver: Driver, taken: list[tuple[str, int, int]]) -> Model:
    """The model after the same steps as ``driver``."""
    model = Model(in_order)
    for number, (what, row, customer) in enumerate(taken):
        match what:
            case "whole" | "part":
                email = UNSENT if what == "part" else "x"
                send(driver, a_change(row, op="u", customer_id=customer, amount=number, email=email))
                model.arrive((row, customer, number, what == "whole"))
            case "user":
                learn(driver, reason, customer, is_there=True)
                model.people.add(customer)
            case "gone":
                learn(driver, reason, customer, is_there=False)
                model.people.discard(customer)
            case "wait":
                driver.advance(ms=row * 3_000)
                model.advance(row * 3_000)
            case "lose":
                driver.restart(lose_uncommitted=True)
            case _:
                driver.commit()
    return model


@pytest.mark.parametrize("reason", MOODS)
@pytest.mark.parametrize("in_order", ["park", "supersede", "ignore"])
@laws
@given(steps())
def test_every_event_ends_where_the_model_says_and_in_its_rows_order(
    in_order: str, reason: str, taken: list[tuple[str, int, int]]
) -> None:
    driver = a_driver_that_waits(reason, in_order)
    model = walked(reason, in_order, driver, taken)

    assert published(driver) == by_row(model.published)
    assert dead(driver) == Counter(row for row, *_ in model.dead)

    driver.advance(ms=1_000_000)
    driver.restart()
    model.advance(1_000_000)

    assert published(driver) == by_row(model.published)
    people = sum(what in ("user", "gone") for what, *_ in taken) if reason == "join_missing" else 0
    counts = {"processed": people + len(model.published), "dead": len(model.dead), "filtered": model.superseded}
    assert driver.ledger() == {outcome: count for outcome, count in counts.items() if count}
    assert set(reasons_of(driver)) <= {reason, "parked_behind_dead"}


@laws
@given(st.permutations(range(8)), st.integers(0, 60_000))
def test_users_that_come_after_their_orders_find_all_of_them(arrivals: list[int], gap_ms: int) -> None:
    errors = {"retry": {"join_missing": ["5s", "1m", "10m"]}}
    driver = a_driver(orders("retry", errors=errors), users(), start_ms=1_000)
    for number in range(24):
        send(driver, a_change(number % 6, op="u", customer_id=number % 6 % 8, amount=number))
    for place, customer in enumerate(arrivals):
        send(driver, a_user(customer))
        driver.advance(ms=gap_ms)
        if place % 3 == 0:
            driver.restart(lose_uncommitted=place % 2 == 0)
    driver.advance(ms=1_000_000)

    assert published(driver) == {row: [number for number in range(24) if number % 6 == row] for row in range(6)}
    assert driver.ledger() == {"processed": 24 + 8}


def _left(task: Task, results: list[BatchResult]) -> object:
    """What a task has sent, by topic and key, how events have ended, and what it knows of those that wait."""
    sent: dict[object, list[bytes | None]] = {}
    counts: Counter[str] = Counter()
    for result in results:
        for delivery in result.deliveries:
            sent.setdefault((delivery.topic, delivery.key), []).append(delivery.value)
        counts.update({outcome.value: held for outcome, held in result.ledgers["orders"].counts.items()})
        for ledger in result.released.values():
            counts["parked"] -= ledger.size
            counts.update({outcome.value: held for outcome, held in ledger.counts.items()})
    checkpoint = task.prepare_checkpoint()
    changed = {(run.topic, key): value for run in checkpoint.changelog for key, value in run.records}
    waiting = {place: value for place, value in changed.items() if "pending" in place[0] and value is not None}
    return sent, +counts, waiting


@pytest.mark.parametrize("in_order", ["park", "supersede", "ignore"])
@laws
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.booleans(), st.integers(0, 1)), max_size=12),
    st.sets(st.integers(1, 11)),
)
def test_where_batches_are_cut_is_no_matter(
    in_order: str, events: list[tuple[int, int, bool, int]], cuts: set[int]
) -> None:
    errors = {"retry": {"join_missing": ["5s"]}, "in_order": in_order}
    (sub,) = a_topology(orders("retry", errors=errors, filter="amount > 0"), users()).subtopologies
    records = [
        a_change(row, op="u", customer_id=customer, amount=amount * (place + 1), email="x" if is_whole else UNSENT)
        for place, (row, customer, is_whole, amount) in enumerate(events)
    ]
    left = []
    for places in (cuts, set(range(12))):
        task = Task(sub, 0, MemoryStore())
        user = replace(a_batch(replace_struct(a_user(1), topic="cdc.users.v1")), topic="cdc.users.v1")
        task.process(user, now_ms=1_000)
        bounds = sorted({0, len(records), *(cut for cut in places if cut < len(records))})
        parts = [a_batch(*records[first:last], offset=first) for first, last in pairwise(bounds)]
        left.append(_left(task, [task.process(part, now_ms=1_000) for part in parts]))

    assert left[0] == left[1]

