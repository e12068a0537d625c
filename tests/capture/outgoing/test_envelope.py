"""Envelope: Debezium's fields, exactly."""

from __future__ import annotations

import json
from base64 import b64decode
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from streams.capture.log.pgoutput import Relation
from streams.capture.outgoing.envelope import (
    EnvelopeWriter,
    Image,
    Place,
    TableShape,
    TableTarget,
    encode_change,
    encode_json,
)
from streams.capture.outgoing.records import Outgoing
from streams.records import Delivery

from ..builders import COMMIT_US, NOW_US, ORDERS, a_relation, a_stream, a_transaction, fed, value_of
from ..log.test_changes import a_row, an_insert

CAPTURED = Path(__file__).parents[2] / "fixtures" / "debezium-json" / "shopjson.public.orders.jsonl"


def debezium(op: str) -> Any:
    """A real record of Debezium 3.7."""
    values = [json.loads(line)["value"] for line in CAPTURED.read_text("utf-8").splitlines()]
    events = [json.loads(b64decode(value)) for value in values if value is not None]
    return next(event for event in events if event["op"] == op)


def fields_of(value: Any) -> dict[str, set[str]]:
    parts = {"envelope": value, "source": value["source"], "transaction": value["transaction"] or {}}
    return {name: set(part) for name, part in parts.items()}


def test_a_change_has_the_fields_of_debezium_and_no_other() -> None:
    (record,) = fed(a_stream(), a_transaction(1, an_insert(7)))

    assert fields_of(value_of(record)) == fields_of(debezium("c"))


def test_a_row_of_the_snapshot_has_the_fields_of_debezium_and_no_other() -> None:
    value = value_of(told(ORDERS, a_relation(), a_row(7)))

    assert fields_of(value) == fields_of(debezium("r"))
    assert (value["transaction"], value["source"]["snapshot"], value["source"]["txId"]) == (None, "true", None)


def told(target: TableTarget, relation: Relation, row: Image) -> Delivery:
    """The record of a row of the snapshot."""
    outgoing = Outgoing(EnvelopeWriter("cdc", "shop"))
    (record,) = outgoing.records(target, TableShape(relation), ("r", None, row), READ, now_us=NOW_US)
    return record


READ = Place(
    xid=None, lsn=95, commit_us=COMMIT_US, last_end_lsn=None, total_order=None, table_order=None, snapshot="true"
)


def test_a_change_says_where_it_stands_in_the_log_and_when_it_was_made() -> None:
    stream = a_stream()
    fed(stream, a_transaction(1, an_insert(6)))

    (record,) = fed(stream, a_transaction(2, an_insert(7)))

    assert value_of(record) == {
        "before": None,
        "after": a_row(7),
        "source": {
            "version": "contract-streams-0.1", "connector": "postgresql", "name": "cdc",
            "ts_ms": COMMIT_US // 1_000, "snapshot": "false", "db": "shop", "sequence": '["195","200"]',
            "ts_us": COMMIT_US, "ts_ns": COMMIT_US * 1_000, "schema": "public", "table": "orders",
            "txId": 702, "lsn": 200, "xmin": None, "origin": None, "origin_lsn": None,
        },
        "transaction": {"id": "702:200", "total_order": 1, "data_collection_order": 1},
        "op": "c",
        "ts_ms": NOW_US // 1_000,
        "ts_us": NOW_US,
        "ts_ns": NOW_US * 1_000,
    }  # fmt: skip
    assert (record.topic, record.key, record.timestamp_ms) == ("cdc.orders.v1", b'{"id":7}', NOW_US // 1_000)


def test_a_key_of_several_columns_keeps_their_order_and_its_decimals_are_text() -> None:
    target = TableTarget(table="t", topic="cdc.t.v1", key=("line", "order"))

    record = told(target, a_relation("t"), {"order": 1, "line": Decimal("2.50"), "x": "y"})

    assert record.key == b'{"line":"2.50","order":1}'


@pytest.mark.parametrize("before", [None, {"id": 1, "50%": "a %d \"b\" ü"}])
@pytest.mark.parametrize("after", [None, {"id": 2, "price": Decimal("1.50")}])
@pytest.mark.parametrize("snapshot", ["false", "true", "last", "incremental"])
@pytest.mark.parametrize("xid", [None, 700])
@pytest.mark.parametrize("last_end_lsn", [None, 90])
def test_a_change_encoded_into_its_tables_frame_is_the_encoded_envelope(
    before: Image | None, after: Image | None, snapshot: str, xid: int | None, last_end_lsn: int | None
) -> None:
    writer = EnvelopeWriter('a%s"name', "sh%dop")
    place = Place(
        xid=xid,
        lsn=100,
        commit_us=1_780_000_000_054_321,
        last_end_lsn=last_end_lsn,
        total_order=None if xid is None else 7,
        table_order=None if xid is None else 3,
        snapshot=snapshot,
    )
    change = ("u", before, after)

    encoded = encode_change(writer.frame('t%b"able', "public"), change, place, now_us=1_790_000_000_000_001)

    envelope = writer.envelope('t%b"able', "public", change, place, now_us=1_790_000_000_000_001)
    assert encoded == encode_json(envelope)
