"""Route: what is published of each event, under which key, and what of a row that went."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from .builders import (
    DEAD,
    OUT,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    header,
    keys_of,
    problems_of,
    reasons_of,
    rows_of,
    send,
)


def a_routed(**route: Any) -> Any:
    parts = {name: route.pop(name) for name in ("table", "derive", "mask", "source") if name in route}
    return a_driver(a_pipeline(route=[{"to": OUT, **route}], **parts))


def test_a_row_is_published_under_its_contracts_key_with_its_event_time() -> None:
    driver = send(a_routed(), a_change(1, time_ms=77, amount=Decimal("1.50")))

    (record,) = driver.records(OUT)
    assert (record.key, record.timestamp_ms, record.headers) == (b'{"id":1}', 77, ())
    assert record.value == b'{"id":1,"customer_id":7,"amount":1.50,"email":"ann@example.test","code":"A-1"}'


def test_times_before_the_epoch_are_published_at_the_epoch() -> None:
    driver = send(a_driver(a_plain_pipeline()), a_plain(1, at=-5))

    assert [record.timestamp_ms for record in driver.records(OUT)] == [0]


def test_keys_are_columns_in_the_order_of_the_route() -> None:
    driver = a_driver(a_plain_pipeline(route=[{"to": OUT, "key": ["code", "id"]}]))

    assert [record.key for record in send(driver, a_plain(1)).records(OUT)] == [b'{"code":"A-1","id":1}']


def test_without_a_key_there_is_none() -> None:
    driver = a_driver(a_pipeline(source={"contract": "iglu:com.acme/lines/jsonschema/1-*-*"}))

    assert keys_of(send(driver, a_change(1)).records(OUT)) == [None]


def test_every_route_has_every_event_in_order() -> None:
    driver = a_driver(a_pipeline(route=[{"to": OUT}, {"to": "more.v1"}]))

    send(driver, a_change(1), a_change(2))

    assert keys_of(driver.records(OUT)) == keys_of(driver.records("more.v1")) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("route", "published"),
    [
        ({}, None),
        ({"on_delete": "tombstone"}, None),
        ({"on_delete": "event"}, {"id": 1, "op": "DELETE"}),
    ],
)
def test_a_row_that_went_is_a_tombstone_or_an_event(route: dict[str, str], published: object) -> None:
    driver = send(a_routed(**route), a_change(1, op="d", time_ms=5))

    (record,) = driver.records(OUT)
    assert (record.key, record.timestamp_ms, rows_of([record])) == (b'{"id":1}', 5, [published])


def test_a_delete_event_has_the_whole_row_where_a_table_knows_it() -> None:
    driver = a_routed(on_delete="event", table={"name": "latest"}, derive={"twice": "amount * 2"})

    send(driver, a_change(1, amount=4), a_change(1, op="d"))

    row = rows_of(driver.records(OUT))[1]
    assert row is not None
    assert (row["op"], row["amount"], row["twice"]) == ("DELETE", 4, 8)


def test_a_truncate_publishes_nothing() -> None:
    driver = a_routed()

    driver.send(TOPIC, key=None, value=b'{"op":"t","source":{"lsn":1,"ts_ms":1}}', timestamp_ms=1)

    assert (driver.records(OUT), driver.ledger()) == ([], {"processed": 1})


def test_an_envelope_is_debeziums_with_the_final_row() -> None:
    driver = a_routed(value="envelope", derive={"twice": "amount * 2"}, mask={"email": "redact"})
    before = {"id": 1, "email": "old@example.test"}

    send(driver, a_change(1, op="u", lsn=3, time_ms=9, before=before, omit=["code"], amount=4))
    assert reasons_of(driver) == ["contract_violation"]
    send(driver, a_change(1, op="u", lsn=4, time_ms=9, before=before, amount=4))

    assert rows_of(driver.records(OUT)) == [
        {
            "before": {"id": 1, "email": None},
            "after": {"id": 1, "customer_id": 7, "amount": 4, "email": None, "code": "A-1", "twice": 8},
            "source": {"name": "shop", "lsn": 4, "ts_ms": 9},
            "transaction": None,
            "op": "u",
            "ts_ms": 9,
        }
    ]


def test_both_images_of_a_plain_row_are_written_as_the_contract_says() -> None:
    driver = a_driver(a_pipeline(route=[{"to": OUT, "value": "envelope"}]))

    send(driver, a_change(1, op="u", before={"id": 1, "price": {"scale": 2, "value": "fQ=="}}, price="1.50"))

    (record,) = driver.records(OUT)
    envelope = json.loads(record.value or b"")
    assert (envelope["before"]["price"], envelope["after"]["price"]) == ("1.25", "1.50")


@pytest.mark.parametrize(("identity", "told"), [(None, {"id": 1}), ("full", {"id": 1, "code": "old"})])
def test_an_envelope_of_a_delete_has_no_after_and_of_before_what_is_true(
    identity: str | None, told: dict[str, object]
) -> None:
    source = {} if identity is None else {"identity": identity}
    driver = send(a_routed(value="envelope", source=source), a_change(1, op="d", before={"id": 1, "code": "old"}))

    (row,) = rows_of(driver.records(OUT))
    assert row is not None
    assert (row["before"], row["after"], row["op"]) == (told, None, "d")


def test_what_would_be_too_large_to_publish_is_dead_and_alone() -> None:
    driver = a_routed(derive={"more": "note || note"})

    send(driver, a_change(1), a_change(2, note="x" * 600_000), a_change(3))

    assert (keys_of(driver.records(OUT)), keys_of(driver.records(DEAD))) == ([{"id": 1}, {"id": 3}], [{"id": 2}])
    assert reasons_of(driver) == ["too_large"]


def test_late_events_say_which_table_they_missed() -> None:
    window = {"tumbling": "1s"}
    aggregate = {"table": "w", "by": ["id"], "window": window, "columns": {"n": "count(*)"}, "late": "late.v1"}
    driver = a_driver(a_pipeline(aggregate=[aggregate], mask={"email": "redact"}))

    send(driver, a_change(1, time_ms=9_000), a_change(2, time_ms=5))

    (record,) = driver.records("late.v1")
    assert (header(record, "__contract.late.table"), record.key) == ("w", b'{"id":2}')
    assert [(row["id"], row["email"]) for row in rows_of([record]) if row] == [(2, None)]


def test_a_pipeline_that_publishes_nothing_is_refused() -> None:
    (problem,) = problems_of(a_pipeline(route=None))

    assert problem.endswith("it publishes nothing: add route, table or aggregate")
