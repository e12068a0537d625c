"""Decode: which records hold an event, and what becomes of those that do not."""

from __future__ import annotations

import pytest

from streams.pipeline.plan import Limits
from streams.testing import Driver

from .builders import (
    DEAD,
    OUT,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_plain_pipeline,
    header,
    keys_of,
    reasons_of,
    rows_of,
    send,
)

HEARTBEAT = b'{"ts_ms":1}'
TRANSACTION = b'{"status":"BEGIN","id":"1:2","event_count":null,"ts_ms":1}'
MESSAGE = b'{"op":"m","ts_ms":1,"source":{"name":"shop"},"message":{"prefix":"a","content":"eA=="}}'
KEY = b'{"id":1}'
MIB = 1 << 20


def fed(value: bytes | None, *, key: bytes | None = KEY, driver: Driver | None = None) -> Driver:
    driver = driver or a_driver()
    driver.send(TOPIC, key=key, value=value, timestamp_ms=1_000)
    return driver


@pytest.mark.parametrize("value", [None, HEARTBEAT, TRANSACTION, MESSAGE])
@pytest.mark.parametrize("key", [KEY, None])
def test_what_is_no_change_of_a_row_is_filtered(value: bytes | None, key: bytes | None) -> None:
    driver = fed(value, key=key)

    assert (driver.ledger(), driver.records(OUT)) == ({"filtered": 1}, [])


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00\xff\xfe",
        b"null",
        b"[]",
        b"{",
        b"{}",
        b'{"op":"x","after":{"id":1},"ts_ms":1}',
        b'{"op":"c","after":null,"source":{},"ts_ms":1}',
        b'{"op":"u","before":{"id":1},"source":{}}',
        b'{"op":"c","after":{"id":1,"code":"\\ud800"},"source":{}}',
        b'{"op":"c","after":{"id":1e99999999999999999999},"source":{}}',
        b'{"op":' + b"[" * 100_000,
        b'{"schema":{},"payload":{"op":"c"}}',
    ],
)
def test_garbage_is_dead_with_its_bytes_untouched(value: bytes) -> None:
    driver = fed(value)

    (dead,) = driver.records(DEAD)
    assert (dead.key, dead.value, reasons_of(driver)) == (KEY, value, ["decode_failed"])
    assert driver.ledger() == {"dead": 1}


def test_a_key_that_cannot_be_read_kills_a_delete_that_needs_it() -> None:
    value = b'{"op":"d","before":null,"source":{"name":"shop","lsn":1,"ts_ms":1}}'

    assert reasons_of(fed(value, key=b"\xff")) == ["decode_failed"]


def test_garbage_stops_nobody_behind_it() -> None:
    driver = send(fed(b"\xff"), a_change(2))

    assert keys_of(driver.records(OUT)) == [{"id": 2}]


def test_a_record_larger_than_allowed_is_dead_unread() -> None:
    driver = fed(b'{"op":"c","after":{"id":1,"code":"' + b"x" * MIB + b'"}}')

    (dead,) = driver.records(DEAD)
    assert reasons_of(driver) == ["too_large"]
    size, limit = 34 + MIB + 3 + len(KEY), Limits().record_bytes
    assert header(dead, "__contract.errors.message") == f"{size} bytes, the limit is {limit}"


def test_plain_rows_are_inserts_and_numbers_stay_exact() -> None:
    driver = a_driver(a_plain_pipeline(filter="id = 1"))

    fed(b'{"id":1,"code":"a","at":5,"amount":0.10000000000000000000000001,"more":1e2}', driver=driver)

    (record,) = driver.records(OUT)
    assert record.value == b'{"id":1,"code":"a","at":5,"amount":0.10000000000000000000000001,"more":1E+2}'
    assert record.timestamp_ms == 5


@pytest.mark.parametrize("key", [b"opaque", b"{broken", b"\xff", b"{}"])
def test_the_key_of_a_plain_row_may_be_any_bytes(key: bytes) -> None:
    driver = fed(b'{"id":1,"code":"a","at":5}', key=key, driver=a_driver(a_plain_pipeline()))

    assert driver.ledger() == {"processed": 1}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"schema":"iglu:com.acme/orders/jsonschema/1-0-0","data":{"id":1,"code":"a","at":1}}', None),
        (b'{"schema":"iglu:com.acme/orders/jsonschema/1-0-1","data":{}}', "contract_unknown"),
        (b'{"schema":"iglu:com.acme/lines/jsonschema/1-0-0","data":{"id":1}}', "contract_unknown"),
        (b'{"schema":"nonsense","data":{}}', "contract_unknown"),
        (b'{"data":{"id":1}}', "decode_failed"),
        (b'{"schema":"iglu:com.acme/orders/jsonschema/1-0-0","data":[]}', "decode_failed"),
    ],
)
def test_a_self_describing_event_names_its_version(value: bytes, reason: str | None) -> None:
    driver = fed(value, driver=a_driver(a_plain_pipeline(source={"format": "iglu-json"})))

    assert reasons_of(driver) == ([reason] if reason else [])


def test_no_name_that_nobody_agreed_to_is_in_the_reason() -> None:
    value = b'{"schema":"iglu:com.acme/orders/jsonschema/1-0-0","data":{},"ann@s3cret.test":1}'

    (dead,) = fed(value, driver=a_driver(a_plain_pipeline(source={"format": "iglu-json"}))).records(DEAD)

    assert not [name for name, held in dead.headers if b"s3cret" in (held or b"")]


def test_a_delete_is_known_by_its_before_or_else_by_its_key() -> None:
    driver = a_driver(a_pipeline(route=[{"to": OUT, "on_delete": "event"}]))
    of_before = b'{"op":"d","before":{"id":1,"code":"made up"},"source":{"name":"shop","lsn":1,"ts_ms":1}}'
    of_key = b'{"op":"d","before":null,"source":{"name":"shop","lsn":2,"ts_ms":1}}'

    fed(of_before, driver=driver)
    fed(of_key, key=b'{"id":2}', driver=driver)

    assert rows_of(driver.records(OUT)) == [{"id": 1, "op": "DELETE"}, {"id": 2, "op": "DELETE"}]


@pytest.mark.parametrize("parts", [{}, {"filter": "key.id is not null"}])
def test_under_another_replica_identity_not_even_the_records_key_is_believed(parts: dict[str, str]) -> None:
    source = {"identity": ["code"], "key": ["code"]}
    driver = a_driver(a_pipeline(source=source, table={"name": "orders"}, **parts))
    made_up = b'{"op":"d","before":{"id":0,"code":"A-1"},"source":{"name":"shop","lsn":2,"ts_ms":1}}'

    send(driver, a_change(7))
    fed(made_up, key=b'{"id":0}', driver=driver)

    assert keys_of(driver.records(OUT)) == [{"id": 7}, {"id": 7}]
    assert driver.table("orders") == {}
