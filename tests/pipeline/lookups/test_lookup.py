"""Look-ups through the driver: what events get, what is asked, and what becomes of those without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from ..builders import (
    DEAD,
    OUT,
    a_change,
    a_driver,
    a_pipeline,
    header,
    keys_of,
    laws,
    problems_of,
    reasons_of,
    rows_of,
    send,
)
from . import outside
from .outside import PLACE, asked, failures


@pytest.fixture(autouse=True)
def _nothing_asked_yet() -> None:
    asked.clear()
    failures.clear()


def a_lookup(call: str = "rate", args: list[str] | None = None, **options: Any) -> Mapping[str, Any]:
    return {"call": f"{PLACE}:{call}", "args": args or ["code"], **options}


def orders(vat: Mapping[str, Any] | None = None, **parts: Any) -> Mapping[str, Any]:
    """Orders with the rate of their code in ``vat``."""
    return a_pipeline(**{"lookup": {"vat": vat or a_lookup()}, **parts})


def rates(driver: Driver) -> list[tuple[int, object]]:
    """(order, its rate) as published."""
    return [(row["id"], row["vat"]) for row in rows_of(driver.records(OUT)) if row is not None]


# -- what an event gets


def test_an_event_gets_the_answer_as_a_typed_column() -> None:
    driver = a_driver(orders(derive={"gross": "amount * (1 + vat)"}))

    send(driver, a_change(1, code="A-1", amount=100), a_change(2, code="B-2", amount=100))

    found = [(row["vat"], row["gross"]) for row in rows_of(driver.records(OUT)) if row is not None]
    assert found == [(Decimal("0.19"), 119), (Decimal("0.07"), 107)]
    assert driver.ledger() == {"processed": 2}


def test_one_question_is_asked_once_while_its_answer_holds() -> None:
    driver = a_driver(orders(a_lookup(cache={"keep": "10s", "keep_missing": "1s"}, missing="keep")))

    send(driver, *(a_change(id, code=code) for id, code in enumerate(["A-1", "C-3", "A-1", "C-3"])))
    assert asked == [("A-1",), ("C-3",)]

    driver.advance(ms=2_000)
    send(driver, a_change(5, code="A-1"), a_change(6, code="C-3"))
    assert asked[2:] == [("C-3",)]

    driver.advance(ms=10_000)
    send(driver, a_change(7, code="A-1"))
    assert asked[3:] == [("A-1",)]
    assert rates(driver)[-1] == (7, Decimal("0.19"))


def test_a_function_may_take_many_questions_at_once() -> None:
    driver = a_driver(orders(a_lookup("rates", batch=10, missing="keep")))

    send(driver, a_change(1, code="A-1"), a_change(2, code="C-3"))

    assert rates(driver) == [(1, Decimal("0.19")), (2, None)]


def test_a_look_up_may_ask_about_the_answer_of_another() -> None:
    lookups = {"vat": a_lookup(), "gross": a_lookup("taxed", ["amount", "vat"])}
    driver = a_driver(a_pipeline(lookup=lookups))

    send(driver, a_change(1, code="A-1", amount=100))

    (row,) = rows_of(driver.records(OUT))
    assert row is not None
    assert row["gross"] == 119
    assert asked == [("A-1",), (Decimal(100), Decimal("0.19"))]


def test_only_what_passes_the_cheap_steps_is_asked_about_and_masked() -> None:
    lookups = {"vat": a_lookup(missing="keep"), "box": a_lookup("text", ["email"])}
    rules = {"quality": {"rules": {"validity": {"amount": "range:0-1000"}}}}
    driver = a_driver(a_pipeline(filter="code <> 'no'", mask={"email": "partial"}, lookup=lookups, **rules))
    change = a_change(1, code="A-1", email="ann@example.test")

    send(driver, change, change, a_change(2, code="no"), a_change(3, code="D-4", amount=-1))

    assert asked == [("A-1",)]
    (row,) = rows_of(driver.records(OUT))
    assert row is not None
    assert "ann" not in row["box"]


def test_objects_have_exact_numbers_and_times_their_zone() -> None:
    driver = a_driver(a_pipeline(lookup={"who": a_lookup("profile", ["customer_id"]), "at_": a_lookup("moment")}))

    send(driver, a_change(1, code="A-1"), a_change(2, code="naive"))

    (row,) = rows_of(driver.records(OUT))
    assert row is not None
    assert row["who"] == {"customer": 7, "score": Decimal("0.5"), "tags": ["a"]}
    assert row["at_"] == "2026-01-02T03:04:05.000000Z"
    assert reasons_of(driver) == ["lookup_failed"]


# -- without an answer


@pytest.mark.parametrize(
    ("missing", "published", "ledger", "reasons"),
    [
        ("retry", [2], {"processed": 1, "dead": 1, "filtered": 1}, ["lookup_missing"]),
        ("drop", [2], {"processed": 1, "filtered": 2}, []),
        ("keep", [1, 2, 3], {"processed": 3}, []),
        (None, [1, 2, 3], {"processed": 3}, []),
    ],
)
def test_an_event_of_which_nothing_is_known(
    missing: str | None, published: list[int], ledger: dict[str, int], reasons: list[str]
) -> None:
    driver = a_driver(orders(a_lookup("profile_or_none", ["customer_id"], missing=missing)))

    send(driver, a_change(1, customer_id=8), a_change(2), a_change(3, omit=["customer_id"]))

    assert [key["id"] for key in keys_of(driver.records(OUT))] == published
    assert (driver.ledger(), reasons_of(driver)) == (ledger, reasons)
    assert asked == [(8,), (7,)]


@pytest.mark.parametrize(
    ("failure", "reason", "message"),
    [
        (ConnectionRefusedError("secret of the row"), "lookup_unavailable", "no answer: ConnectionRefusedError"),
        (TimeoutError(), "lookup_unavailable", "timed out after 1000 ms"),
        (ValueError("secret of the row"), "lookup_failed", "failed: ValueError"),
        (KeyError("secret of the row"), "lookup_failed", "failed: KeyError"),
    ],
)
def test_a_failure_makes_a_dead_letter_that_says_why_and_no_value(
    failure: Exception, reason: str, message: str
) -> None:
    driver = a_driver(orders())
    failures.extend([failure, failure])

    send(driver, a_change(1), a_change(2))

    (letter,) = driver.records(DEAD)
    assert (header(letter, "__contract.errors.code"), keys_of([letter])) == (reason, [{"id": 1}])
    assert message in (header(letter, "__contract.errors.message") or "")
    assert not any(b"secret" in (value or b"") for _, value in letter.headers)
    assert [row["id"] for row in rows_of(driver.records(OUT)) if row is not None] == [2]


def test_an_answer_of_another_type_than_was_promised_is_a_failure() -> None:
    driver = a_driver(orders(a_lookup("text")))

    send(driver, a_change(1, code="wrong"), a_change(2, code="RIGHT"))

    assert rates(driver) == [(2, "right")]
    assert reasons_of(driver) == ["lookup_failed"]


def test_a_function_that_loses_questions_is_a_failure() -> None:
    driver = a_driver(orders(a_lookup("too_few", batch=5)))

    send(driver, a_change(1))

    assert reasons_of(driver) == ["lookup_failed"]


def test_a_second_attempt_may_succeed() -> None:
    driver = a_driver(orders())
    failures.append(ConnectionResetError())

    send(driver, a_change(1, code="A-1"))

    assert rates(driver) == [(1, Decimal("0.19"))]
    assert asked == [("A-1",), ("A-1",)]


def test_a_row_that_went_goes_on_with_the_answer_or_without_and_a_truncate_asks_nothing() -> None:
    kept = {"table": {"name": "latest"}, "route": [{"to": OUT, "on_delete": "event"}]}
    driver = a_driver(orders(a_lookup(missing="retry"), **kept))

    send(driver, a_change(1, code="A-1"), a_change(1, op="d"), a_change(2, op="d"), a_change(3, code="B-2"))
    asked.clear()
    truncate = b'{"op": "t", "source": {"name": "shop", "lsn": 9999999999, "ts_ms": 9}}'
    driver.send("cdc.orders.v1", key=None, value=truncate)

    gone = [row for row in rows_of(driver.records(OUT)) if row is not None and row.get("op") == "DELETE"]
    assert [(row["id"], row["vat"]) for row in gone] == [(1, Decimal("0.19")), (2, None), (3, Decimal("0.07"))]
    assert asked == []
    assert driver.table("latest") == {}


# -- several pipelines, and a record that breaks a step


def test_two_pipelines_of_one_topic_both_get_theirs_and_process_once() -> None:
    counted = {"aggregate": [{"table": "n", "by": ["id"], "columns": {"n": "count(*)"}}], "route": None}
    other = a_pipeline("other", lookup={"vat": a_lookup("rates", batch=3)}, route=[{"to": "other.v1"}])
    driver = a_driver(a_pipeline("counted", **counted), orders(), other)

    send(driver, a_change(1, code="A-1"), a_change(2, code="B-2"))

    assert rates(driver) == [(1, Decimal("0.19")), (2, Decimal("0.07"))]
    assert [row["vat"] for row in rows_of(driver.records("other.v1")) if row] == [Decimal("0.19"), Decimal("0.07")]
    assert {key: row["n"] for key, row in driver.table("n").items()} == {1: 1, 2: 1}


def test_a_function_is_asked_by_a_driver_inside_a_running_loop() -> None:
    async def drive() -> list[tuple[int, object]]:
        return rates(send(a_driver(orders()), a_change(1, code="A-1")))

    assert asyncio.run(drive()) == [(1, Decimal("0.19"))]


# -- what is refused


@pytest.mark.parametrize(
    ("lookup", "problem"),
    [
        (a_lookup("nobody"), f"lookup.vat.call: {PLACE} has no nobody"),
        ({"call": "no.such:rate", "args": ["code"]}, "lookup.vat.call: no.such cannot be imported"),
        (a_lookup("blocking"), "is no async function; write: async def blocking(…)"),
        (a_lookup("rate", ["code", "id"]), "cannot be called with 2 arguments"),
        (a_lookup("untyped"), "untyped must say what it returns, such as -> Decimal | None"),
        (a_lookup("floating"), "floating must say what it returns, such as -> Decimal | None"),
        (a_lookup("rate", batch=5), "rate must say what it returns, such as -> list[Decimal | None]"),
        (a_lookup(args=["cod"]), "lookup.vat.args: no column 'cod'"),
        (a_lookup(timeout="21s"), "lookup.vat.timeout: at most 20s"),
        (a_lookup(breaker={"failures": 30}), "lookup.vat.breaker: failures: more than the calls"),
    ],
)
def test_a_look_up_that_cannot_run_is_refused(lookup: Mapping[str, Any], problem: str) -> None:
    assert [told for told in problems_of(orders(lookup)) if problem in told]


def test_a_column_of_the_row_is_not_asked_for() -> None:
    (problem,) = problems_of(a_pipeline(lookup={"code": a_lookup()}))

    assert "lookup.code: the row has a column code already; choose another name" in problem


# -- laws


@laws
@given(st.lists(st.sampled_from(["A-1", "B-2", "C-3", "fail"]), max_size=10), st.sets(st.integers(0, 9)))
def test_whatever_the_service_does_each_event_ends_once_and_rows_in_order(codes: list[str], cuts: set[int]) -> None:
    driver = a_driver(orders(a_lookup(missing="drop", retry={"attempts": 1}, breaker={"failures": 20})))
    for place, code in enumerate(codes):
        failures.extend([OSError()] if code == "fail" else [])
        send(driver, a_change(place, code=code))
        if place in cuts:
            driver.commit()

    wanted = [(place, outside.RATES[code]) for place, code in enumerate(codes) if code in outside.RATES]
    assert rates(driver) == wanted
    assert sum(driver.ledger().values()) == len(codes)
    assert len(driver.records(DEAD)) == codes.count("fail")
