"""wal2json's format 2 beyond its captures: options that change its lines, keys that change, lines that are none."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from streams.records import SourceRecord
from streams.testing import Driver

from ..contracts.builders import a_contract
from .builders import OUT, TOPIC, a_driver, a_pipeline, a_topology, keys_of, problems_of, reasons_of, rows_of

TYPES = {"id": "bigint", "code": "text", "amount": "numeric(10,2)", "price": "numeric", "note": "text", "at": "bigint"}
LATER_MS = 1_767_300_000_000


def columns(**values: object) -> list[dict[str, object]]:
    return [{"name": name, "type": TYPES.get(name, "text"), "value": held} for name, held in values.items()]


def action(letter: str, *, lsn: str | None = "0/10", key: int | None = 1, **more: Any) -> SourceRecord:
    told = {"action": letter, "xid": 3, "timestamp": "2026-01-01 00:00:01.5+00", "lsn": lsn, "schema": "public"}
    value = json.dumps({**told, "table": "orders", **more}).encode()
    return SourceRecord(TOPIC, 0, 0, LATER_MS, None if key is None else json.dumps({"id": key}).encode(), value)


def fed(driver: Driver, *records: SourceRecord) -> Driver:
    for record in records:
        driver.send(TOPIC, key=record.key, value=record.value, timestamp_ms=record.timestamp_ms)
    return driver


def a_reader(*, format: str = "wal2json-v2", **parts: Any) -> Driver:
    return a_driver(a_pipeline(source={"format": format, **parts.pop("source", {})}, **parts))


def test_a_change_was_committed_when_its_transaction_was() -> None:
    (published,) = fed(a_reader(), action("I", columns=columns(id=1, code="a"))).records(OUT)

    assert published.timestamp_ms == 1_767_225_601_500


def test_numbers_are_exact_also_where_they_come_as_text() -> None:
    driver = a_reader()

    fed(driver, action("I", columns=columns(id=1, code="a", amount=1.5, price="12345678901234567890.10")))
    fed(driver, action("I", lsn="0/11", columns=columns(id="2", code="a", amount="0.10", price="NaN")))

    assert rows_of(driver.records(OUT)) == [
        {"id": 1, "amount": Decimal("1.5"), "price": "12345678901234567890.10", "code": "a"},
        {"id": 2, "amount": Decimal("0.10"), "price": "NaN", "code": "a"},
    ]


def test_the_same_change_again_is_a_duplicate_and_another_one_is_not() -> None:
    driver, insert = a_reader(), action("I", columns=columns(id=1, code="a"))

    fed(driver, insert, insert, action("U", columns=columns(id=1, code="a")))
    fed(driver, action("I", lsn="0/11", columns=columns(id=1, code="a")))

    assert driver.ledger() == {"processed": 3, "duplicate": 1}


def test_without_log_positions_nothing_is_a_duplicate() -> None:
    insert = action("I", lsn=None, columns=columns(id=1, code="a"))

    assert fed(a_reader(), insert, insert).ledger() == {"processed": 2}


def test_a_changed_key_is_two_events_and_keeps_what_was_not_sent() -> None:
    driver = a_reader(table={"name": "orders"})
    old = [{"name": "id", "type": "bigint", "value": 1}]

    fed(
        driver,
        action("I", columns=columns(id=1, code="a", note="long")),
        action("U", lsn="0/11", key=2, columns=columns(id=2, code="a"), identity=old),
    )

    published = driver.records(OUT)
    assert keys_of(published) == [{"id": 1}, {"id": 1}, {"id": 2}]
    assert rows_of(published)[1:] == [None, {"note": "long", "id": 2, "code": "a"}]
    assert driver.table("orders") == {2: {"id": 2, "code": "a", "note": "long"}}
    assert driver.ledger() == {"processed": 3}


def test_both_halves_of_a_changed_key_are_late_or_none_is() -> None:
    aggregate = {"table": "n", "by": ["id"], "window": {"tumbling": "1m"}, "columns": {"n": "count(*)"}}
    driver = a_reader(route=None, aggregate=[aggregate])
    old = [{"name": "id", "type": "bigint", "value": 1}]
    late = {"timestamp": "2026-01-01 00:00:00+00"}

    fed(driver, action("I", key=9, columns=columns(id=9, code="a"), timestamp="2026-01-01 01:00:00+00"))
    fed(driver, action("U", lsn="0/11", key=2, columns=columns(id=2, code="a"), identity=old, **late))

    assert driver.ledger() == {"processed": 1, "late": 2}


def test_what_replica_identity_full_tells_is_known() -> None:
    driver = a_reader()

    fed(driver, action("U", columns=columns(id=1, code="b"), identity=columns(id=1, code="a", note="long")))

    assert rows_of(driver.records(OUT)) == [{"id": 1, "code": "b", "note": "long"}]


@pytest.mark.parametrize("letter", ["B", "C", "M"])
def test_what_is_no_change_of_a_row_is_filtered(letter: str) -> None:
    assert fed(a_reader(), action(letter, key=None)).ledger() == {"filtered": 1}


@pytest.mark.parametrize(
    "more",
    [
        {"columns": "none"},
        {},
        {"columns": [{"type": "text", "value": 1}]},
        {"columns": [], "lsn": "10"},
        {"columns": [], "lsn": "0/x"},
        {"columns": [], "timestamp": "soon"},
        {"action": "X"},
        {"action": None},
    ],
)
def test_a_line_that_is_none_is_dead(more: dict[str, Any]) -> None:
    record = action("U")
    value = json.dumps({**json.loads(record.value or b""), **more}).encode()

    driver = a_reader()
    driver.send(TOPIC, key=record.key, value=value, timestamp_ms=1)

    assert reasons_of(driver) == ["decode_failed"]


def test_a_value_that_is_not_of_its_type_is_told_by_the_contract() -> None:
    driver = fed(a_reader(), action("I", columns=[{"name": "id", "type": "bytea", "value": "zz"}, *columns(code="a")]))

    assert reasons_of(driver) == ["contract_violation"]


# -- source.identity


def test_a_delete_by_an_index_hits_the_row_that_it_means() -> None:
    driver = a_reader(source={"identity": ["code"], "key": ["code"]}, table={"name": "orders"})

    fed(
        driver,
        action("I", columns=columns(id=1, code="a")),
        action("I", lsn="0/11", columns=columns(id=2, code="b")),
        action("D", lsn="0/12", key=0, identity=columns(code="a")),
    )

    assert driver.table("orders") == {"b": {"id": 2, "code": "b"}}
    assert keys_of(driver.records(OUT))[2] == {"id": 1}


def test_a_delete_of_a_row_nobody_knows_has_no_key_to_publish() -> None:
    driver = a_reader(source={"identity": ["code"], "key": ["code"]}, table={"name": "orders"})

    fed(driver, action("D", key=0, identity=columns(code="a")))

    assert reasons_of(driver) == ["key_missing"]


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        ({"identity": ["code"]}, "source.identity: a DELETE tells only code, so it meets its row only where the topic"),
        ({"identity": ["code"], "key": ["id"]}, "source.identity: a DELETE tells only code"),
        ({"identity": ["cod"], "key": ["cod"]}, "source.identity: no column 'cod'"),
        ({"identity": ["code"], "key": ["code"], "format": "json"}, "source.identity: json has no DELETEs; leave"),
        ({"identity": "full", "format": "json"}, "source.identity: json has no DELETEs; leave"),
        ({"identity": ["code"], "key": ["code"]}, "id: not known on DELETE; keep a table, or key by code"),
    ],
)
def test_an_identity_that_cannot_work_is_refused(pipeline: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in problems_of(a_pipeline(source=pipeline)))


def test_a_table_without_a_key_has_no_identity_to_deduplicate_by() -> None:
    keyless = {"com.acme/orders/contract.yaml": a_contract("{name: id, logicalType: integer}", name="orders")}

    (problem,) = problems_of(
        a_pipeline(source={"format": "wal2json-v2"}, deduplicate={"by": "identity"}), more=keyless
    )

    assert problem.endswith("without a key nothing tells wal2json's equal rows apart; name columns, or none")
    (plan,) = a_topology(a_pipeline(source={"format": "wal2json-v2"}), more=keyless).plans
    assert plan.deduplicate is None
