"""Retries beside look-ups: each reason with its delays, and walks that are taken back as a whole while they ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from streams.testing import Driver

from ..builders import (
    DEAD,
    OUT,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_topology,
    header,
    keys_of,
    problems_of,
    reasons_of,
    rows_of,
    send,
)
from ..lookups.outside import PLACE, asked, moods
from ..test_join import JOIN, a_user, users

POISON = Decimal("1e9999999")
"""Honours its contract, and nothing can add it up."""


@pytest.fixture(autouse=True)
def _all_is_well() -> Iterator[None]:
    asked.clear()
    moods.clear()
    yield
    moods.clear()


def priced(retry: Mapping[str, list[str]], vat: Mapping[str, Any] | None = None, **parts: Any) -> Mapping[str, Any]:
    """Orders with what somebody outside says of their code, of whom each is asked once."""
    lookup = {"call": f"{PLACE}:moody", "args": ["code"], "retry": {"attempts": 1}, **(vat or {})}
    in_order = parts.pop("in_order", "park")
    return a_pipeline(**{"lookup": {"vat": lookup}, "errors": {"retry": retry, "in_order": in_order}, **parts})


def a_waiting_driver(*args: Any, **parts: Any) -> Driver:
    return a_driver(priced(*args, **parts), start_ms=1_000)


def published(driver: Driver) -> list[tuple[int, object]]:
    return [(row["id"], row["amount"]) for row in rows_of(driver.records(OUT)) if row is not None]


def waited(driver: Driver, delay_ms: int) -> list[str | None]:
    """Of the events that went into a topic, how often each has failed for which reason."""
    records = driver.records(f"{TOPIC}-orders-retry-{delay_ms}")
    return [header(record, "__contract.retry.waited") for record in records]


# -- reasons


def test_the_example_of_a_pipeline_file_does_what_it_says() -> None:
    retry = {"join_missing": ["5s", "1m"], "lookup_unavailable": ["1s", "10s", "5m"]}
    vat = {"timeout": "200ms", "missing": "retry"}
    joined = {"source": {"key": ["customer_id"]}, "join": [{**JOIN, "missing": "retry"}]}
    driver = a_driver(priced(retry, vat, derive={"gross": "amount * (1 + vat)"}, **joined), users(), start_ms=1_000)
    moods["A-1"], moods["B-2"] = "down", "unknown"

    send(driver, a_change(1, amount=100), a_change(2, code="B-2", amount=200), a_change(1, op="u", amount=300))
    assert driver.ledger() == {"retried": 2, "parked": 1}
    driver.advance(ms=11_000)
    assert waited(driver, 300_000) == ["lookup_unavailable=3", "lookup_missing=3"]
    moods.clear()
    driver.advance(ms=300_000)
    assert waited(driver, 5_000) == [f"{first}=3,join_missing=1" for first in ("lookup_unavailable", "lookup_missing")]
    send(driver, a_user(7))
    driver.advance(ms=5_000)

    found = [(row["id"], row["gross"], row["customer_code"]) for row in rows_of(driver.records(OUT)) if row]
    assert sorted(found[:2]) + found[2:] == [(1, 125, "X"), (2, 250, "X"), (1, 375, "X")]
    assert driver.ledger() == {"processed": 4}


def test_each_reason_has_its_own_delays_and_is_counted_for_itself() -> None:
    retry = {"lookup_unavailable": ["1s", "2s"], "lookup_failed": ["3s", "4s"], "lookup_missing": ["5s"]}
    driver = a_waiting_driver(retry)
    taken = [("down", 1_000), ("wrong", 3_000), ("down", 2_000), ("unknown", 5_000), ("wrong", 4_000)]

    moods["A-1"] = "down"
    send(driver, a_change(1))
    for (_, delay_ms), (mood, _) in zip(taken, [*taken[1:], ("down", 0)], strict=True):
        moods["A-1"] = mood
        driver.advance(ms=delay_ms)

    assert [waited(driver, delay_ms) for _, delay_ms in taken] == [
        ["lookup_unavailable=1"],
        ["lookup_unavailable=1,lookup_failed=1"],
        ["lookup_unavailable=2,lookup_failed=1"],
        ["lookup_unavailable=2,lookup_failed=1,lookup_missing=1"],
        ["lookup_unavailable=2,lookup_failed=2,lookup_missing=1"],
    ]
    (letter,) = driver.records(DEAD)
    assert (reasons_of(driver), header(letter, "__contract.errors.attempt")) == (["lookup_unavailable"], "6")
    assert len(asked) == 6


def test_what_is_not_to_be_tried_again_is_dead_at_once_and_tells_all_its_attempts() -> None:
    driver = a_waiting_driver({"lookup_unavailable": ["1s", "1s"], "lookup_missing": []})
    moods["A-1"], moods["B-2"] = "down", "unknown"
    send(driver, a_change(1), a_change(1, op="u"), a_change(2, code="B-2"))
    moods["A-1"] = "wrong"

    driver.advance(ms=1_000)

    told = [(header(held, "__contract.errors.code"), header(held, "__contract.errors.attempt"))
            for held in driver.records(DEAD)]  # fmt: skip
    assert told == [("lookup_missing", "1"), ("lookup_failed", "2"), ("parked_behind_dead", "1")]
    assert driver.ledger() == {"dead": 3}


def test_that_there_was_no_answer_is_not_remembered_until_it_is_asked_again() -> None:
    keeps_long = {"cache": {"keep": "1h", "keep_missing": "1h"}}
    driver = a_waiting_driver({"lookup_missing": ["2s", "10s"]}, keeps_long)
    moods["A-1"] = "unknown"
    send(driver, a_change(1), a_change(2))
    assert asked == [("A-1",)]

    moods.clear()
    driver.advance(ms=2_000)

    assert published(driver) == [(1, 5), (2, 5)]
    assert asked == [("A-1",)] * 2


@pytest.mark.parametrize(
    ("retry", "vat", "problem"),
    [
        ({"lookup_missing": ["1s"]}, {"missing": "keep"}, "errors.retry.lookup_missing: no step of this pipeline"),
        ({"join_missing": ["1s"]}, {}, "errors.retry.join_missing: no step of this pipeline fails with join_missing"),
        ({"lookup_failed": []}, {}, "errors.retry.lookup_failed"),
        ({"lookup_missing": []}, {}, "errors.in_order: nothing is tried again, so nothing waits"),
    ],
)
def test_what_would_never_be_tried_again_is_refused(
    retry: Mapping[str, list[str]], vat: Mapping[str, Any], problem: str
) -> None:
    assert [told for told in problems_of(priced(retry, vat)) if problem in told]


# -- one savepoint around all walks

COUNTED: Mapping[str, Any] = {
    "table": {"name": "latest"},
    "aggregate": [{"table": "n", "by": ["id"], "to": "n.v1",
                   "columns": {"n": "count(*)", "sum": "sum(amount)", "c": "sum(customer_id)"}}],
}  # fmt: skip


def test_heads_and_those_behind_them_that_ask_are_counted_once() -> None:
    driver = a_waiting_driver({"lookup_unavailable": ["5s"]}, **COUNTED)
    moods.update({f"{id}-0": "down" for id in range(3)})
    for step in range(4):
        send(driver, *(a_change(id, op="u" if step else "c", code=f"{id}-{step}", amount=step) for id in range(3)))
    assert driver.ledger() == {"retried": 3, "parked": 9}
    moods.clear()
    asked.clear()

    driver.advance(ms=5_000)

    by_row = {id: [amount for held, amount in published(driver) if held == id] for id in range(3)}
    assert by_row == {id: [0, 1, 2, 3] for id in range(3)}
    assert {key: (row["n"], row["sum"]) for key, row in driver.table("n").items()} == dict.fromkeys(range(3), (4, 6))
    assert driver.ledger() == {"processed": 12}
    assert asked[:3] == [(f"{id}-0",) for id in range(3)]
    assert sorted(asked[3:]) == sorted((f"{id}-{step}",) for id in range(3) for step in range(1, 4))


def test_one_behind_a_head_may_fail_itself_and_those_behind_it_go_on_waiting() -> None:
    driver = a_waiting_driver({"lookup_unavailable": ["5s", "5s"]}, **COUNTED)
    moods["A-0"] = moods["A-2"] = "down"
    send(driver, *(a_change(1, op="u", code=f"A-{step}", amount=step) for step in range(5)))
    del moods["A-0"]

    driver.advance(ms=5_000)
    assert published(driver) == [(1, 0), (1, 1)]
    assert driver.ledger() == {"processed": 2, "retried": 1, "parked": 2}
    moods.clear()
    driver.advance(ms=5_000)

    assert published(driver) == [(1, step) for step in range(5)]
    assert {key: row["n"] for key, row in driver.table("n").items()} == {1: 5}


def test_a_step_that_raises_makes_one_of_them_dead_and_the_others_get_their_answers() -> None:
    driver = a_waiting_driver({"lookup_unavailable": ["5s"]}, **COUNTED)
    moods["A-0"] = moods["B-0"] = "down"
    send(driver, a_change(2), a_change(2, code="B-0", customer_id=POISON), a_change(2, op="u", code="B-1"))
    for step in range(4):
        send(driver, a_change(1, op="u", code=f"A-{step}", amount=step, customer_id=POISON if step == 2 else 7))
    moods.clear()

    driver.advance(ms=5_000)

    assert published(driver) == [(2, 5), (1, 0), (1, 1), (1, 3)]
    assert sorted(map(str, reasons_of(driver))) == ["internal_error", "internal_error", "parked_behind_dead"]
    assert {key: row["n"] for key, row in driver.table("n").items()} == {1: 3, 2: 1}
    assert driver.ledger() == {"processed": 4, "dead": 3}


def test_another_pipeline_of_the_topic_counts_once_while_this_one_asks() -> None:
    other = a_pipeline("other", **{**COUNTED, "table": None}, route=None)
    driver = a_driver(other, priced({"lookup_unavailable": ["5s"]}), start_ms=1_000)
    moods["A-1"] = "down"

    send(driver, a_change(1), a_change(1, op="u", code="B-2"), a_change(2, code="C-3"))
    moods.clear()
    driver.advance(ms=5_000)

    assert published(driver) == [(2, 5), (1, 5), (1, 5)]
    assert {key: row["n"] for key, row in driver.table("n").items()} == {1: 2, 2: 1}


def test_a_worker_that_is_lost_meanwhile_loses_no_event() -> None:
    driver = a_waiting_driver({"lookup_unavailable": ["5s", "5s"]}, **COUNTED)
    moods["A-1"] = "down"
    send(driver, a_change(1), a_change(1, op="u", code="B-2", amount=6))
    driver.restart(lose_uncommitted=True)
    driver.advance(ms=5_000)
    driver.restart(lose_uncommitted=False)
    moods.clear()
    driver.advance(ms=5_000)

    assert published(driver) == [(1, 5), (1, 6)]
    assert keys_of(driver.records(DEAD)) == []
    assert {key: row["n"] for key, row in driver.table("n").items()} == {1: 2}


def test_the_topics_of_the_delays_are_read_by_the_task_that_asks() -> None:
    (sub,) = a_topology(priced({"lookup_unavailable": ["1s", "10s"], "lookup_missing": ["1s"]})).subtopologies

    assert sub.source_topics == (TOPIC, f"{TOPIC}-orders-retry-1000", f"{TOPIC}-orders-retry-10000")
