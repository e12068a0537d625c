"""Validate: what honours its contract goes on, the rest is dead with everything that is wrong with it."""

from __future__ import annotations

import pytest

from streams.records import SourceRecord

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
    reasons_of,
    rows_of,
    send,
)

HOUR_MS = 3_600_000
UNSENT = "__debezium_unavailable_value"
WINDOW = {"table": "per_minute", "by": ["id"], "window": {"tumbling": "1m"}, "columns": {"n": "count(*)"}}
KEYLESS = "iglu:com.acme/lines/jsonschema/1-*-*"


def test_every_violation_is_in_one_dead_letter_and_no_value_is() -> None:
    driver = send(a_driver(), a_change(1, code="s3cret" * 20, amount="s3cret", email=5))

    (dead,) = driver.records(DEAD)
    assert header(dead, "__contract.errors.path") == "amount,email,code"
    assert header(dead, "__contract.errors.rule") == "maxLength,type"
    assert header(dead, "__contract.errors.uri") == "iglu:com.acme/orders/jsonschema/1-0-0"
    assert not [name for name, held in dead.headers if b"s3cret" in (held or b"")]


def test_unknown_fields_are_carried() -> None:
    driver = send(a_driver(), a_change(1, more={"than": "agreed"}))

    assert [row and row["more"] for row in rows_of(driver.records(OUT))] == [{"than": "agreed"}]


@pytest.mark.parametrize("omit", [["code"], ["id"]])
def test_a_missing_column_is_named(omit: list[str]) -> None:
    (dead,) = send(a_driver(), a_change(1, omit=omit)).records(DEAD)

    assert header(dead, "__contract.errors.path") == omit[0]
    assert header(dead, "__contract.errors.rule") == "required"


def test_what_was_not_sent_is_neither_required_nor_checked() -> None:
    driver = send(a_driver(), a_change(1, op="u", code=UNSENT), a_change(1, op="u", code=UNSENT, amount="x"))

    assert [row and row.get("code", "not sent") for row in rows_of(driver.records(OUT))] == ["not sent"]
    assert [header(dead, "__contract.errors.path") for dead in driver.records(DEAD)] == ["amount"]


@pytest.mark.parametrize(("criterion", "reasons"), [(None, ["key_missing"]), (KEYLESS, [])])
def test_a_null_key_is_dead_where_the_contract_has_one(criterion: str | None, reasons: list[str]) -> None:
    driver = a_driver(a_pipeline(source={"contract": criterion} if criterion else None))

    driver.send(TOPIC, key=None, value=a_change(1).value, timestamp_ms=1_000)

    assert reasons_of(driver) == reasons


@pytest.mark.parametrize("key", [b"{}", b'{"id":null}', b'{"other":1}'])
def test_a_delete_that_does_not_tell_its_key_is_dead(key: bytes) -> None:
    driver = a_driver()

    value = b'{"op":"d","before":null,"source":{"name":"shop","lsn":1,"ts_ms":1}}'
    driver.send(TOPIC, key=key, value=value, timestamp_ms=1_000)

    (dead,) = driver.records(DEAD)
    assert reasons_of(driver) == ["key_missing"]
    assert header(dead, "__contract.errors.message") == "no value for the key: id"


def test_a_truncate_has_no_key_and_needs_none() -> None:
    driver = a_driver(a_pipeline(table={"name": "latest"}))
    send(driver, a_change(1, lsn=5))

    driver.send(TOPIC, key=None, value=a_truncate(time_ms=2_000), timestamp_ms=2_000)

    assert (driver.ledger(), driver.table("latest")) == ({"processed": 2}, {})


def a_truncate(*, time_ms: int) -> bytes:
    return b'{"op":"t","source":{"name":"shop","lsn":9999999,"ts_ms":%d},"ts_ms":1}' % time_ms


# -- time


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (None, "event_time_missing"),
        (HOUR_MS + 1_000, None),
        (HOUR_MS + 1_001, "event_time_in_future"),
        (10**30, "event_time_in_future"),
        (0, None),
        (-1, None),
        (-(10**30), "event_time_missing"),
    ],
)
def test_an_event_time_must_be_one_and_not_far_ahead_of_the_clock(at: int | None, reason: str | None) -> None:
    driver = a_driver(a_plain_pipeline(deduplicate={"by": ["id"]}, aggregate=[WINDOW]))

    send(driver, a_plain(1, at=at, timestamp_ms=1_000))

    assert reasons_of(driver) == ([reason] if reason else [])
    assert driver.ledger() == ({"dead": 1} if reason else {"processed": 1})


def test_a_time_column_that_is_not_there_is_named() -> None:
    (dead,) = send(a_driver(a_plain_pipeline()), a_plain(1, at=None)).records(DEAD)

    assert header(dead, "__contract.errors.message") == "no event time in: at"


def test_how_far_ahead_is_a_setting_of_the_pipeline() -> None:
    driver = a_driver(a_plain_pipeline(source={"max_future": "5s"}))

    send(driver, a_plain(1, at=6_000, timestamp_ms=1_000), a_plain(1, at=6_001, timestamp_ms=1_000))

    (dead,) = driver.records(DEAD)
    message = "event time is 5001 ms ahead of the clock, 5000 ms are allowed"
    assert header(dead, "__contract.errors.message") == message


def far_ahead() -> list[SourceRecord]:
    key = b'{"id":3}'
    truncate = a_truncate(time_ms=90_000_000_000)
    return [
        a_change(3, time_ms=90_000_000_000),
        a_change(3, op="d", time_ms=90_000_000_000),
        SourceRecord(topic=TOPIC, partition=0, offset=0, timestamp_ms=0, key=key, value=truncate),
    ]


@pytest.mark.parametrize("ahead", far_ahead(), ids=["insert", "delete", "truncate"])
def test_an_event_of_the_future_is_dead_and_moves_no_clock(ahead: SourceRecord) -> None:
    driver = a_driver(a_pipeline(aggregate=[WINDOW]))

    for record in (a_change(1, time_ms=1_000), ahead, a_change(2, time_ms=2_000)):
        driver.send(TOPIC, key=record.key, value=record.value, timestamp_ms=2_000)

    assert reasons_of(driver) == ["event_time_in_future"]
    assert set(driver.table("per_minute")) == {(1, 0, 60_000), (2, 0, 60_000)}
    assert driver.ledger() == {"processed": 2, "dead": 1}


def test_an_invalid_duplicate_is_dead_each_time() -> None:
    wrong = a_change(1, omit=["code"])

    driver = send(a_driver(), wrong, wrong, wrong)

    assert (driver.ledger(), reasons_of(driver)) == ({"dead": 3}, ["contract_violation"] * 3)
