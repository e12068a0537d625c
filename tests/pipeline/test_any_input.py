"""No input stops a worker: whatever bytes come, each record ends somewhere and every checkpoint can be written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.records import Headers
from streams.testing import Driver

from .builders import COLUMNS, TOPIC, Pipeline, a_driver, a_pipeline, a_plain_pipeline

WINDOW = {
    "table": "windows",
    "by": ["id"],
    "window": {"tumbling": "1m", "grace": "1s"},
    "columns": {"n": "count(*)", "sum": "sum(amount)", "avg": "avg(price)", "min": "min(code)", "max": "max(at)"},
    "late": "late.v1",
    "to": "windows.v1",
}
TOTALS = {"table": "totals", "by": ["id", "amount", "price"], "columns": {"n": "count(email)"}, "to": "totals.v1"}
PARTS: dict[str, Any] = {
    "filter": "amount is null or amount <> 3 or note like 'a%'",
    "mask": {"email": "hash", "code": "partial"},
    "derive": {"twice": "amount * 2", "ratio": "amount / at", "text": "code || '-' || amount", "day": "note::date"},
    "table": {"name": "latest"},
    "aggregate": [WINDOW, TOTALS],
    "route": [{"to": "out.v1", "attach": {"n": "windows.n"}}, {"to": "more.v1", "on_delete": "event"}],
}
PIPELINES: dict[str, Pipeline] = {
    "debezium": a_pipeline(**PARTS),
    "debezium by columns": a_pipeline(source={"event_time": "at"}, **{**PARTS, "deduplicate": {"by": ["id", "note"]}}),
    "plain": a_plain_pipeline(**PARTS, deduplicate={"by": ["id", "at"], "keep": "1h"}),
    "described": a_plain_pipeline(source={"format": "iglu-json"}, **PARTS),
    "wal2json": a_pipeline(source={"format": "wal2json-v2"}, **PARTS),
    "cloud events": a_pipeline(source={"format": "cloudevents", "event_time": "at"}, **PARTS),
}

NUMBERS = st.sampled_from(["0", "1", "-1", "1.0", "1e3", "0.1", "1e400", "-1e999999999", "1e-999999999", "9" * 400])
TIMES = ["1705314600000", "-62135596800001", "9223372036854775807", "-9223372036854775809", "1" + "0" * 30]
HUGE = st.sampled_from(TIMES)
SPOKEN = ['""', '"a"', '"NaN"', '"1e999999999"', '"2026-01-01T00:00:00Z"', '"\\u0000"', '"é"', '"1.50"']
TEXTS = st.sampled_from(SPOKEN)
NESTED = ["null", "true", "{}", "[]", "[null]", '{"a":{"b":[1]}}']
OTHERS = st.sampled_from([*NESTED, '"\\ud800"', '"__debezium_unavailable_value"'])
VALUES = NUMBERS | HUGE | TEXTS | OTHERS
"""JSON as text, so that numbers can be what Python's own writer would not write."""


def an_object(fields: dict[str, st.SearchStrategy[str]], *, sometimes: bool = True) -> st.SearchStrategy[str]:
    """JSON objects with all of ``fields``, or with some of them."""
    chosen = st.fixed_dictionaries({}, optional=fields) if sometimes else st.fixed_dictionaries(fields)
    return chosen.map(lambda held: "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in held.items()) + "}")


WRONG_ROW = an_object(dict.fromkeys(COLUMNS, VALUES))
RIGHT_ROW = an_object(
    {
        "id": st.sampled_from(["1", "2", "1.0", "1e2"]),
        "code": st.sampled_from(['"a"', '"longer"', '"__debezium_unavailable_value"']),
        "amount": NUMBERS | st.just("null"),
        "price": TEXTS | st.just("null"),
        "at": HUGE | st.just("null"),
        "note": TEXTS | st.just('"__debezium_unavailable_value"'),
        "more": VALUES,
    },
    sometimes=False,
)
"""Honours the contract where its numbers do."""
ROW = RIGHT_ROW | RIGHT_ROW | WRONG_ROW


def mostly(right: st.SearchStrategy[str], wrong: st.SearchStrategy[str] = VALUES) -> st.SearchStrategy[str]:
    return st.integers(0, 9).flatmap(lambda number: wrong if number == 9 else right)


POSITIONS = st.integers(1, 9).map(str)
SOURCE = an_object(
    {
        "name": mostly(st.just('"shop"')),
        "lsn": mostly(POSITIONS),
        "ts_ms": mostly(HUGE | st.just("1705314600000")),
        "txId": mostly(POSITIONS),
        "sequence": mostly(st.sampled_from(["null", '"[\\"3\\",\\"4\\"]"', '"[null,5]"', '"[]"', '"{}"', '"[{}]"'])),
    },
    sometimes=False,
)
OPERATIONS = ['"c"', '"u"', '"d"'] * 3 + ['"r"', '"t"', '"m"', '"x"', "1", "null"]
ENVELOPE = an_object(
    {
        "op": st.sampled_from(OPERATIONS),
        "before": mostly(st.just("null") | ROW),
        "after": ROW,
        "source": mostly(SOURCE),
        "transaction": mostly(st.just("null") | an_object({"id": POSITIONS, "total_order": mostly(POSITIONS)})),
    },
    sometimes=False,
)
URI = st.sampled_from(['"iglu:com.acme/orders/jsonschema/1-0-0"'] * 3 + ['"x"', "1"])
DESCRIBED = an_object({"schema": URI, "data": mostly(ROW)}, sometimes=False)
TYPES = {"id": "bigint", "amount": "numeric", "price": "numeric(12,4)", "at": "bigint", "more": "timestamptz[]"}


def told_by_column(row: str) -> str:
    """The JSON object ``row`` as wal2json's columns."""
    held = json.loads(row, parse_float=str, parse_int=str) if row.startswith("{") else {}
    return json.dumps([{"name": name, "type": TYPES.get(name, "text"), "value": value} for name, value in held.items()])


COLUMN_LIST = ROW.map(told_by_column)
ACTION = an_object(
    {
        "action": st.sampled_from(['"I"', '"U"', '"U"', '"D"', '"T"', '"B"', '"M"', '"x"']),
        "lsn": mostly(st.sampled_from(['"0/1"', '"1/FF"', "null", '"x"'])),
        "xid": mostly(POSITIONS),
        "timestamp": mostly(st.sampled_from(['"2024-01-15 10:30:00+00"', "null", '"soon"'])),
        "columns": mostly(COLUMN_LIST),
        "identity": mostly(COLUMN_LIST | st.just("null")),
    },
    sometimes=False,
)
CLOUD = an_object(
    {
        "specversion": mostly(st.just('"1.0"')),
        "type": mostly(st.sampled_from(['"t"', '"io.debezium.x"'])),
        "id": mostly(POSITIONS),
        "iodebeziumop": st.sampled_from(OPERATIONS),
        "iodebeziumlsn": mostly(POSITIONS),
        "data": mostly(ROW | ENVELOPE),
    },
    sometimes=False,
)
KEYS = st.sampled_from([b'{"id":1}', b'{"id":2}', None, b"", b"{", b"\xff", b'{"id":null}', b"[1]"])
NAMES = st.sampled_from(
    ["__debezium.newkey", "__debezium.oldkey", "__contract.errors.attempt", "__contract.errors.first_failed_at", "x"]
)
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=3) | ROW.map(str.encode)), max_size=2).map(tuple)
SHAPES = {"debezium": ENVELOPE, "debezium by columns": ENVELOPE, "plain": ROW, "described": DESCRIBED}
SHAPES |= {"wal2json": ACTION, "cloud events": CLOUD}


def records_of(name: str) -> st.SearchStrategy[list[tuple[bytes | None, bytes | None, Headers]]]:
    """Keys, values and headers: most of the form that the pipeline reads, some of none."""
    shaped = SHAPES[name].map(str.encode)
    value = shaped | shaped | shaped | st.none() | st.binary(max_size=8) | VALUES.map(str.encode)
    return st.lists(st.tuples(KEYS, value, HEADERS), max_size=8)


def fed(driver: Driver, records: list[tuple[bytes | None, bytes | None, Headers]]) -> None:
    for key, value, headers in records:
        driver.send(TOPIC, key=key, value=value, headers=headers, timestamp_ms=1_705_314_600_000)


@pytest.mark.parametrize("name", PIPELINES)
def test_any_bytes_end_somewhere_and_every_checkpoint_can_be_written(name: str) -> None:
    @settings(max_examples=40, deadline=None)
    @given(records_of(name))
    def holds(records: list[tuple[bytes | None, bytes | None, Headers]]) -> None:
        driver = a_driver(PIPELINES[name])
        fed(driver, records)
        driver.advance(ms=600_000)
        driver.restart(lose_uncommitted=True)

        # A wal2json record may hold two events.
        events = sum(driver.ledger().values())
        assert len(records) <= events <= (2 if name == "wal2json" else 1) * len(records)
        for table in ("latest", "windows", "totals"):
            assert driver.table(table) is not None

    holds()
