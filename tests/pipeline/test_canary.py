"""Canary: a candidate of the contract is tried on real events, and nothing else is different."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streams.contracts import Contract
from streams.ledger import Ledger
from streams.pipeline.canary.judge import judge_canary
from streams.pipeline.canary.plan import Candidate
from streams.pipeline.process import process_batch
from streams.pipeline.tables import open_tables
from streams.records import ChangeEvent, SourceRecord
from streams.state.stores.memory import MemoryStore
from streams.testing import Driver

from ..contracts.builders import a_schema
from .builders import (
    COLUMNS,
    DEAD,
    OUT,
    a_batch,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    a_topology,
    an_event,
    problems_of,
    send,
)

SHORT = {**COLUMNS, "code": {"type": "string", "maxLength": 3}}
TAGS = {**COLUMNS, "tags": {"type": "array", "items": {"type": "integer"}}}
TABLES = {
    "table": {"name": "orders"},
    "aggregate": [{"table": "totals", "by": ["customer_id"], "columns": {"n": "count(*)", "sum": "sum(amount)"}}],
}


def versions(**columns: dict[str, object]) -> dict[str, str]:
    """Further versions of com.acme/orders, written ``v1_1_0``."""
    return {
        f"com.acme/orders/jsonschema/{name[1:].replace('_', '-')}": a_schema(
            "orders", name[1:].replace("_", "-"), properties=held, required=("id", "code")
        )
        for name, held in columns.items()
    }


NARROW = versions(v1_1_0=SHORT)


def a_stream() -> list[SourceRecord]:
    return [
        a_change(1, code="A-1"),
        a_change(2, code="A-23"),
        a_change(1, op="u", code="A-456"),
        a_change(3, code=7),
        a_change(2, op="d"),
        a_change(4, op="r", code="A"),
        SourceRecord(topic="cdc.orders.v1", partition=0, offset=0, timestamp_ms=0, key=b"{}", value=b"{"),
    ]


def outcome(driver: Driver) -> dict[str, Any]:
    """Everything that a driver's pipelines have done."""
    return {
        **{topic: driver.records(topic) for topic in driver.topics},
        "table": driver.table("orders"),
        "totals": driver.table("totals"),
        "ledger": driver.ledger(),
    }


def test_it_counts_what_the_candidate_would_refuse_of_what_is_taken_today() -> None:
    driver = send(a_driver(a_pipeline(canary="1-1-0"), more=NARROW), *a_stream())

    assert driver.canaries() == {"orders": (4, 2)}


def test_results_are_those_without_it() -> None:
    records = a_stream()
    with_it = send(a_driver(a_pipeline(canary="1-1-0", **TABLES), more=NARROW), *records)
    without = send(a_driver(a_pipeline(**TABLES)), *records)

    assert outcome(with_it) == outcome(without)
    assert without.canaries() == {}


def test_a_version_that_is_tried_is_not_in_force_though_the_criterion_admits_it() -> None:
    (tried,) = a_topology(a_pipeline(canary="1-1-0"), more=NARROW).plans
    (taken,) = a_topology(a_pipeline(), more=NARROW).plans

    assert [contract.version for contract in tried.contract.versions] == ["1-0-0"]
    assert [contract.version for contract in taken.contract.versions] == ["1-0-0", "1-1-0"]
    assert len(send(a_driver(a_pipeline(), more=NARROW), *a_stream()).records(DEAD)) == 4


def test_a_candidate_of_another_model_may_be_tried() -> None:
    driver = a_driver(a_pipeline(canary="2-0-0"), more=versions(v2_0_0={**COLUMNS, "code": {"type": "integer"}}))

    assert send(driver, a_change(1)).canaries() == {"orders": (1, 1)}


def test_rows_are_read_as_they_would_be_under_the_candidate() -> None:
    number = versions(v2_0_0={**COLUMNS, "price": {"type": ["number", "null"]}})
    records = [a_change(1, price="12.5000"), a_change(2, price=None)]

    driver = send(a_driver(a_pipeline(canary="2-0-0"), more=number), *records)

    assert driver.canaries() == {"orders": (2, 0)}
    assert b'"price":"12.5000"' in (driver.records(OUT)[0].value or b"")


def test_what_is_lost_with_a_crash_is_not_counted_and_what_is_read_again_is_counted_once() -> None:
    driver = send(a_driver(a_pipeline(canary="1-1-0"), more=NARROW), a_change(1, code="long"))
    driver.restart(lose_uncommitted=True)

    assert driver.canaries() == {"orders": (1, 1)}


def test_an_event_that_is_tried_again_is_asked_about_once() -> None:
    users = a_pipeline("users", source={"topic": "users.v1"}, table={"name": "users"}, route=None)
    join = {"table": "users", "by": ["id"], "columns": {"note": "more"}, "missing": "retry"}
    orders = a_pipeline(canary="1-1-0", join=[join], errors={"retry": {"join_missing": ["1s", "1s"]}})
    driver = send(a_driver(users, orders, more=NARROW), a_change(1, code="long"))

    driver.advance(ms=10_000)

    assert (driver.ledger()["dead"], driver.canaries()) == (1, {"orders": (1, 1)})


def test_causes_are_codes_and_paths_without_values_and_without_places_in_lists() -> None:
    (plan,) = a_topology(a_plain_pipeline(canary="1-1-0"), more=versions(v1_1_0=TAGS)).plans
    batch = a_batch(a_plain(1, tags=[1, "secret", "more"]), a_plain(2, tags="secret"))

    ledger = process_batch(batch, plan, open_tables(plan, MemoryStore()), now_ms=10_000).ledger

    assert ledger.shadow is not None
    assert dict(ledger.shadow.causes) == {("type", "tags[]"): 1, ("type", "tags"): 1}


def test_a_candidate_that_cannot_be_asked_harms_nobody() -> None:
    def broken(event: ChangeEvent) -> ChangeEvent:
        raise ZeroDivisionError(event.row["code"])

    candidate = Candidate(contract=_contract(), read=broken)
    ledger = Ledger(1)
    judge_canary([an_event({"id": 1, "code": "secret"})], candidate, ledger)

    assert ledger.shadow is not None
    assert dict(ledger.shadow.causes) == {("internal_error", "ZeroDivisionError"): 1}
    assert ledger.counts == {}


def test_without_a_canary_nothing_is_looked_at() -> None:
    def untouchable() -> Iterator[ChangeEvent]:
        raise AssertionError("looked at")
        yield

    ledger = Ledger(0)
    judge_canary(untouchable(), None, ledger)

    assert ledger.shadow is None


def test_outcomes_of_a_batch_add_up_beside_it() -> None:
    (plan,) = a_topology(a_plain_pipeline(canary="1-1-0"), more=NARROW).plans
    records = [a_plain(place, code="A" * place) for place in range(1, 6)]
    ledger = process_batch(a_batch(*records), plan, open_tables(plan, MemoryStore()), now_ms=10_000).ledger

    assert ledger.is_balanced()
    assert ledger.shadow is not None
    assert (ledger.shadow.judged, ledger.shadow.rejected) == (5, 2)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"canary": "9-0-0"}, "canary: no contract iglu:com.acme/orders/jsonschema/9-0-0"),
        ({"canary": "1-0-0"}, "canary: 1-0-0 is all that iglu:com.acme/orders/jsonschema/1-*-* admits"),
        ({"canary": "next"}, "canary: must match"),
    ],
)
def test_what_cannot_be_tried_is_refused_by_name(parts: dict[str, object], expected: str) -> None:
    (problem,) = problems_of(a_pipeline(**parts))

    assert expected in problem


def _contract() -> Contract:
    (plan,) = a_topology(a_pipeline()).plans
    return plan.contract.newest
