"""Agree: what a route cannot publish is dead before it has touched a table."""

from __future__ import annotations

from typing import Any

import pytest

from ..contracts.builders import a_schema
from .builders import (
    DEAD,
    OUT,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    header,
    keys_of,
    problems_of,
    reasons_of,
    send,
)

CONTRACT = "iglu:com.acme/out/jsonschema/1-*-*"
SCHEMA = {
    "com.acme/out/jsonschema/1-0-0": a_schema(
        "out",
        properties={"id": {"type": "integer"}, "twice": {"type": "number", "maximum": 10}, "n": {"type": "integer"}},
        required=("twice",),
    )
}
UNSENT = "__debezium_unavailable_value"
COUNT = {"table": "counts", "by": ["id"], "columns": {"n": "count(*)"}}


def an_agreed(**parts: Any) -> dict[str, object]:
    route = [{"to": OUT, "contract": CONTRACT, **parts.pop("route", {})}, {"to": "free.v1"}]
    return dict(a_pipeline(derive={"twice": "amount * 2"}, route=route, **parts))


def test_a_row_that_breaks_a_routes_contract_goes_to_no_route_and_no_table() -> None:
    driver = a_driver(an_agreed(table={"name": "latest"}, aggregate=[COUNT]), more=SCHEMA)

    send(driver, a_change(1, amount=5), a_change(2, amount=6), a_change(3, amount=None))

    assert keys_of(driver.records(OUT)) == keys_of(driver.records("free.v1")) == [{"id": 1}]
    assert (set(driver.table("latest")), set(driver.table("counts"))) == ({1}, {1})
    assert reasons_of(driver) == ["contract_violation", "contract_violation"]
    assert {header(dead, "__contract.errors.uri") for dead in driver.records(DEAD)} == {
        "iglu:com.acme/out/jsonschema/1-0-0"
    }


def test_a_column_that_was_not_sent_excuses_no_other() -> None:
    driver = a_driver(an_agreed(), more=SCHEMA)

    send(driver, a_change(1, op="u", note=UNSENT, amount=5), a_change(2, op="u", note=UNSENT, amount=6))

    assert (keys_of(driver.records(OUT)), reasons_of(driver)) == ([{"id": 1}], ["contract_violation"])


def test_a_delete_has_no_row_to_agree_on() -> None:
    driver = send(a_driver(an_agreed(), more=SCHEMA), a_change(1, op="d"))

    assert (keys_of(driver.records(OUT)), driver.ledger()) == ([{"id": 1}], {"processed": 1})


def test_an_attached_result_is_not_asked_for_before_it_is_there() -> None:
    driver = a_driver(an_agreed(aggregate=[COUNT], route={"attach": {"n": "counts.n"}}), more=SCHEMA)

    assert send(driver, a_change(1)).ledger() == {"processed": 1}


def test_a_row_without_a_routes_key_is_dead() -> None:
    driver = a_driver(a_plain_pipeline(route=[{"to": OUT, "key": ["customer_id"]}]))
    row = a_plain(1)
    driver.send(row.topic, key=row.key, value=b'{"id":1,"code":"a","at":1}', timestamp_ms=1)

    assert reasons_of(driver) == ["key_missing"]


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ({"key": ["nothing"]}, "route[0].key: no column 'nothing'"),
        ({"key": ["code"]}, "route[0].key: code: not known on DELETE; keep a table, or key by id"),
        ({"contract": "iglu:com.acme/nothing/jsonschema/1-*-*"}, "route[0].contract: no contract iglu:com.acme/noth"),
        ({"contract": CONTRACT, "value": "envelope"}, "route[0].contract: a contract is of rows"),
        ({"attach": {"n": "nothing.n"}}, "route[0].attach.n: no aggregate table 'nothing' in this pipeline"),
        ({"attach": {"n": "counts.m"}}, "route[0].attach.n: table counts has no column 'm'; there are: n"),
    ],
)
def test_a_route_that_cannot_work_is_refused(route: dict[str, object], says: str) -> None:
    (problem,) = problems_of(a_pipeline(aggregate=[COUNT], route=[{"to": OUT, **route}]), more=SCHEMA)

    assert says in problem
