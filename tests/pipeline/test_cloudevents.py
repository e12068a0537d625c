"""CloudEvents over Kafka, in both modes, with rows and with Debezium's changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.records import Headers
from streams.testing import Driver

from .builders import OUT, TOPIC, a_driver, a_pipeline, keys_of, reasons_of, rows_of

ROW = {"id": 1, "code": "A", "amount": 5}
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "7",
    "source": "/shop",
    "type": "com.acme.ordered",
    "time": "2026-01-01T00:00:01Z",
}
DEBEZIUM = {
    "type": "io.debezium.connector.postgresql.DataChangeEvent",
    "iodebeziumop": "u",
    "iodebeziumname": "shop",
    "iodebeziumtsms": "1767225600000",
    "iodebeziumlsn": "9",
    "iodebeziumtxid": "3",
    "iodebeziumtable": "orders",
}


def a_reader(**parts: Any) -> Driver:
    return a_driver(a_pipeline(source={"format": "cloudevents"}, **parts))


def binary(**attributes: object) -> Headers:
    told = {**ATTRIBUTES, **attributes}
    return tuple((f"ce_{name}", str(held).encode()) for name, held in told.items() if held is not None)


def structured(data: object, **attributes: object) -> bytes:
    return json.dumps({**ATTRIBUTES, **attributes, "data": data}).encode()


def fed(driver: Driver, value: bytes | None, headers: Headers = ()) -> Driver:
    driver.send(TOPIC, key=b'{"id":1}', value=value, timestamp_ms=1_767_225_700_000, headers=headers)
    return driver


@pytest.mark.parametrize(
    ("value", "headers"),
    [(json.dumps(ROW).encode(), binary()), (structured(ROW), (("content-type", b"application/cloudevents+json"),))],
)
def test_the_data_is_the_row_and_the_time_the_events(value: bytes, headers: Headers) -> None:
    (published,) = fed(a_reader(), value, headers).records(OUT)

    assert (json.loads(published.value or b""), published.timestamp_ms) == (ROW, 1_767_225_601_000)


def test_source_and_id_say_which_event_it_is() -> None:
    driver, value = a_reader(), json.dumps(ROW).encode()

    for headers in (binary(), binary(), binary(id="8"), binary(source="/other")):
        fed(driver, value, headers)
    fed(driver, structured(ROW))

    assert driver.ledger() == {"processed": 3, "duplicate": 2}


@pytest.mark.parametrize("is_structured", [True, False])
@pytest.mark.parametrize("has_schema", [True, False])
def test_debeziums_attributes_say_what_was_done(is_structured: bool, has_schema: bool) -> None:
    data: dict[str, object] = {"before": None, "after": ROW}
    if has_schema:
        data = {"schema": {"type": "struct", "fields": []}, "payload": data}
    driver = a_reader(route=[{"to": OUT, "value": "envelope"}])

    if is_structured:
        fed(driver, structured(data, **DEBEZIUM))
    else:
        fed(driver, json.dumps(data).encode(), binary(**DEBEZIUM))

    (envelope,) = rows_of(driver.records(OUT))
    assert envelope is not None
    assert (envelope["op"], envelope["after"], envelope["source"]["lsn"]) == ("u", ROW, 9)
    assert envelope["ts_ms"] == 1_767_225_600_000


def test_a_delete_of_debeziums_is_a_tombstone() -> None:
    data = json.dumps({"before": {"id": 1, "code": "made up"}, "after": None}).encode()

    published = fed(a_reader(), data, binary(**{**DEBEZIUM, "iodebeziumop": "d"})).records(OUT)

    assert (keys_of(published), rows_of(published)) == ([{"id": 1}], [None])


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"{}", ()),
        (json.dumps(ROW).encode(), binary(specversion="0.3")),
        (json.dumps(ROW).encode(), binary(type=None)),
        (json.dumps(ROW).encode(), binary(time="yesterday")),
        (json.dumps(ROW).encode(), (("ce_specversion", b"1.0"), ("ce_type", b"\xff"))),
        (json.dumps({**ATTRIBUTES, "data_base64": "AA=="}).encode(), ()),
        (b"[1]", binary()),
    ],
)
def test_what_is_no_cloud_event_of_a_row_is_dead(value: bytes, headers: Headers) -> None:
    assert reasons_of(fed(a_reader(), value, headers)) == ["decode_failed"]


def test_an_event_without_data_is_filtered() -> None:
    assert fed(a_reader(), json.dumps(ATTRIBUTES).encode()).ledger() == {"filtered": 1}
