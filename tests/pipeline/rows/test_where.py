"""Membership: a row that stops matching leaves table, keyed route and row aggregates, and enters when it matches."""

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
    keys_of,
    laws,
    problems_of,
    rows_of,
    send,
)
from .model import COLUMNS, grouped
from .test_laws import STEPS, send_step

WHERE = "amount > 2"
COUNTED = {"table": "by_customer", "over": "rows", "by": ["customer_id"], "columns": {"n": "count(*)"}}
TOTAL = {"table": "total", "over": "rows", "by": [], "columns": {"total": "sum(amount)"}}


def members_driver(partitions: int = 1, **parts: Any) -> Driver:
    described = {"where": WHERE, "table": {"name": "members"}, "aggregate": [COUNTED, TOTAL], **parts}
    return a_driver(a_pipeline(**described), partitions={TOPIC: partitions})


def published(driver: Driver) -> list[tuple[int, int | None]]:
    """(id, amount or ``None`` for a tombstone) of the keyed route."""
    records = driver.records(OUT)
    amounts = [None if row is None else row["amount"] for row in rows_of(records)]
    return [(key["id"], amount) for key, amount in zip(keys_of(records), amounts, strict=True)]


def state_of(driver: Driver) -> tuple[list[object], int, object]:
    """Ids in the table, rows that are counted, their sum."""
    counted = sum(int(str(row["n"])) for row in driver.table("by_customer").values())
    return list(driver.table("members")), counted, driver.table("total").get((), {}).get("total")


def test_a_row_that_stops_matching_leaves_everything_and_enters_again() -> None:
    driver = members_driver()

    send(driver, a_change(1, amount=5), a_change(2, amount=1))
    assert state_of(driver) == ([1], 1, 5)

    send(driver, a_change(1, op="u", amount=2))
    assert state_of(driver) == ([], 0, None)

    send(driver, a_change(1, op="u", amount=3), a_change(2, op="u", amount=4))
    assert state_of(driver) == ([1, 2], 2, 7)

    assert published(driver) == [(1, 5), (1, None), (1, 3), (2, 4)]
    assert driver.ledger() == {"processed": 4, "filtered": 1}


def test_a_delete_of_a_member_is_told_and_one_of_a_row_outside_is_not() -> None:
    driver = members_driver()

    send(driver, a_change(1, amount=5), a_change(2, amount=1), a_change(1, op="d"), a_change(2, op="d"))

    assert published(driver) == [(1, 5), (1, None)]
    assert state_of(driver) == ([], 0, None)
    assert driver.ledger() == {"processed": 2, "filtered": 2}


def test_a_changed_key_takes_the_row_along_whether_it_is_a_member_or_not() -> None:
    driver = members_driver()
    send(driver, a_change(1, amount=5), a_change(2, amount=1))

    send(driver, a_change(1, op="d"), a_change(11, amount=5), a_change(2, op="d"), a_change(12, amount=1))
    assert state_of(driver) == ([11], 1, 5)

    send(driver, a_change(11, op="d"), a_change(1, amount=0))
    assert state_of(driver) == ([], 0, None)
    assert published(driver) == [(1, 5), (1, None), (11, 5), (11, None)]


def test_a_truncate_takes_all_members_away_and_the_route_says_so() -> None:
    driver = members_driver()
    send(driver, a_change(1, amount=5), a_change(2, amount=1), a_change(3, amount=7))

    send(driver, a_change(0, op="t", customer_id=None))
    assert state_of(driver) == ([], 0, None)
    assert published(driver)[2:] == [(1, None), (3, None)]

    send(driver, a_change(2, op="u", amount=8))
    assert state_of(driver) == ([2], 1, 8)


def test_a_row_outside_is_whole_when_it_enters() -> None:
    driver = members_driver(mask={"email": "hash"}, aggregate=None)
    send(driver, a_change(1, amount=1, note="a long one", email="ann@example.test"))
    driver.commit()
    driver.restart()
    unsent = dict.fromkeys(("note", "email"), "__debezium_unavailable_value")

    send(driver, a_change(1, op="u", amount=6, **unsent))

    (row,) = driver.table("members").values()
    assert (row["amount"], row["note"]) == (6, "a long one")
    assert row["email"] not in (None, "ann@example.test", "__debezium_unavailable_value")
    kept = b"".join(record.value or b"" for record in driver.records("driver-orders-state-changelog"))
    assert b"ann@example.test" not in kept


def test_a_row_outside_that_moves_takes_its_long_values_along() -> None:
    driver = members_driver(aggregate=None)
    old, new = ("__debezium.oldkey", b'{"id":1}'), ("__debezium.newkey", b'{"id":9}')
    send(driver, a_change(1, amount=1, note="a long one"))
    driver.commit()

    send(driver, a_change(1, op="d", headers=(new,)))
    driver.commit()
    send(driver, a_change(9, amount=6, note="__debezium_unavailable_value", headers=(old,)))

    assert driver.table("members")[9]["note"] == "a long one"


def test_a_row_of_an_old_snapshot_changes_no_membership() -> None:
    driver = members_driver()
    send(driver, a_change(1, amount=5), a_change(2, amount=1))

    send(driver, a_change(1, op="r", lsn=None, amount=1), a_change(2, op="r", lsn=None, amount=5))

    assert state_of(driver) == ([1], 1, 5)
    assert published(driver) == [(1, 5)]


def test_an_event_that_breaks_a_rule_lets_nobody_in_or_out() -> None:
    driver = members_driver(quality={"rules": {"validity": {"code": "enum:A-1"}}})
    send(driver, a_change(1, amount=5), a_change(2, amount=5, code="bad"), a_change(2, op="u", amount=1))

    assert state_of(driver) == ([1], 1, 5)
    send(driver, a_change(1, op="u", amount=9, code="bad"), a_change(1, op="u", amount=1, code="bad"))

    assert state_of(driver) == ([], 0, None)
    assert published(driver) == [(1, 5), (1, None)]


def test_changes_are_those_of_the_rows_that_match() -> None:
    changes = {"table": "changes", "by": ["id"], "columns": {"n": "count(*)", "last": "last(op)"}}
    driver = members_driver(aggregate=[changes])

    send(driver, a_change(1, amount=5), a_change(1, op="u", amount=2), a_change(1, op="u", amount=1))

    assert driver.table("changes") == {1: {"id": 1, "n": 2, "last": "DELETE"}}


def test_without_a_table_of_its_own_the_pipeline_knows_its_members_all_the_same() -> None:
    driver = members_driver(table=None, aggregate=None, route=[{"to": OUT, "on_delete": "event"}])

    send(driver, a_change(1, amount=5, code="A"))
    driver.restart(lose_uncommitted=False)
    send(driver, a_change(1, op="u", amount=2, code="B"), a_change(1, op="u", amount=1))

    first, second = rows_of(driver.records(OUT))
    assert first is not None and second is not None
    assert (second["op"], second["amount"], second["code"]) == ("DELETE", 5, "A")


@laws
@given(STEPS)
def test_what_follows_is_of_the_members_alone(steps: list[tuple[Any, ...]]) -> None:
    tables = {"here": ["id"], "by_code": ["code"]}
    described = [{"table": table, "over": "rows", "by": by, "columns": COLUMNS} for table, by in tables.items()]
    driver = members_driver(aggregate=described, where="amount > 1 or note = 'x'")
    rows: dict[int, dict[str, Any]] = {}

    for step in steps:
        send_step(driver, step, rows)

    members = {
        id: row for id, row in rows.items() if (row["amount"] is not None and row["amount"] > 1) or row["note"] == "x"
    }
    assert set(driver.table("members")) == set(members)
    live: dict[int, object] = {}
    for key, row in zip(keys_of(driver.records(OUT)), rows_of(driver.records(OUT)), strict=True):
        live[key["id"]] = row
    assert {id for id, row in live.items() if row is not None} == set(members)
    for table, by in tables.items():
        assert driver.table(table) == grouped([{"id": id, **row} for id, row in members.items()], tuple(by))


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"where": "op = 'INSERT'"}, "where: op, before, after, source and key are of a change; a row has its columns"),
        ({"where": "amonut > 1"}, "where: no column 'amonut'; did you mean amount?"),
        ({"where": "email = 'x'", "mask": {"email": "hash"}}, "where: email: masked, and not always sent"),
        (
            {"where": "amount > 1", "source": {"contract": "iglu:com.acme/lines/jsonschema/1-*-*"},
             "deduplicate": {"by": "none"}},
            "where: the contract has no key, so that no row is known again",
        ),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_decide_membership_is_refused(parts: dict[str, Any], says: str) -> None:
    (problem,) = problems_of(a_pipeline(**parts))

    assert says in problem
