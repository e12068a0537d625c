"""Schema changes: what became of columns, and the version that a contract should get for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.capture.log.pgoutput import ColumnShape, Relation
from streams.capture.schemas.changes import column_changes, contract_gaps, proposed_version
from streams.capture.schemas.watch import SchemaWatch
from streams.contracts import Contract, Contracts, load_contracts

INT4, INT8, TEXT, NUMERIC, BOOL = 23, 20, 25, 1700, 16
NAMES = {INT4: "integer", INT8: "bigint", TEXT: "text", NUMERIC: "numeric", BOOL: "boolean"}
CLOSED = {"additionalProperties": False}


def a_column(name: str, oid: int = TEXT, typmod: int | None = -1) -> ColumnShape:
    return ColumnShape(name=name, type_oid=oid, is_key=name == "id", typmod=typmod)


ORDERS = a_column("id", INT8), a_column("status"), a_column("amount", NUMERIC, 786_438), a_column("note")


def a_relation(*columns: ColumnShape) -> Relation:
    return Relation(oid=1, schema="public", table="orders", identity="d", columns=columns)


def contracts(folder: Path, version: str = "1-0-0", **more: Any) -> Contracts:
    """``orders`` with all columns of ``ORDERS``; ``note`` is optional."""
    place = folder / "com.acme" / "orders" / "jsonschema"
    place.mkdir(parents=True)
    properties = {"id": {"type": "integer"}, "status": {"type": "string"}, "amount": {"type": "string"},
                  "note": {"type": ["string", "null"]}}  # fmt: skip
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "self": {"vendor": "com.acme", "name": "orders", "format": "jsonschema", "version": version},
        "type": "object", "properties": properties, "required": ["id", "status", "amount"], **more,
    }  # fmt: skip
    (place / version).write_text(json.dumps(schema))
    return load_contracts(folder)


def a_contract(folder: Path, version: str = "1-0-0", **more: Any) -> Contract:
    (family,) = contracts(folder, version, **more).families.values()
    return family.newest


# -- what has changed


def changes(*after: ColumnShape) -> list[tuple[str, str]]:
    return [(change.kind.value, change.name) for change in column_changes(ORDERS, after)]


def test_nothing_has_changed_in_a_table_that_is_as_it_was() -> None:
    assert changes(*ORDERS) == []


def test_columns_that_come_go_and_change_are_told() -> None:
    identity, status, amount, _ = ORDERS
    text_amount = a_column("amount", TEXT)

    assert changes(*ORDERS, a_column("phone")) == [("added", "phone")]
    assert changes(identity, amount, *ORDERS[3:]) == [("dropped", "status")]
    assert changes(identity, status, text_amount, *ORDERS[3:]) == [("retyped", "amount")]
    assert changes(identity, status, a_column("amount", NUMERIC, 917_512), *ORDERS[3:]) == [("retyped", "amount")]


def test_a_new_name_between_the_same_neighbours_is_the_old_column() -> None:
    identity, _, *rest = ORDERS

    assert changes(identity, a_column("state"), *rest) == [("renamed", "state")]
    assert changes(identity, a_column("state", INT4), *rest) == [("added", "state"), ("dropped", "status")]


def test_the_fixtures_rename_beside_a_drop_is_seen_as_both() -> None:
    before = [a_column(name) for name in ("id", "email", "ssn", "credit_card", "created_at", "name", "phone")]
    after = [a_column(name) for name in ("id", "email", "credit_card", "created_at", "full_name", "phone")]

    told = [(change.kind.value, change.name) for change in column_changes(before, after)]
    assert told == [("renamed", "full_name"), ("dropped", "ssn")]


names = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@given(names, names)
def test_every_name_that_came_or_went_is_in_exactly_one_change(one: list[str], other: list[str]) -> None:
    found = column_changes([a_column(name) for name in one], [a_column(name) for name in other])

    gone = [change.before.name for change in found if change.before is not None]
    come = [change.after.name for change in found if change.after is not None]
    assert sorted(gone) == sorted(set(one) - set(other))
    assert sorted(come) == sorted(set(other) - set(one))


# -- what it asks of the contract


@pytest.mark.parametrize(
    ("after", "more", "proposed"),
    [
        ((*ORDERS, a_column("phone")), {}, "1-1-0"),
        ((*ORDERS, a_column("phone")), CLOSED, "1-0-1"),
        (ORDERS[:3], {}, "1-1-0"),
        ((ORDERS[0], *ORDERS[2:]), {}, "2-0-0"),
        ((ORDERS[0], a_column("state"), *ORDERS[2:]), {}, "2-0-0"),
        ((*ORDERS[:2], a_column("amount", NUMERIC, 917_512), ORDERS[3]), {}, "1-1-0"),
        ((a_column("id", INT4), *ORDERS[1:]), {}, "1-1-0"),
        ((a_column("id", TEXT), *ORDERS[1:]), {}, "2-0-0"),
        ((*ORDERS[:3], a_column("note", BOOL), a_column("phone")), {}, "2-0-0"),
        (ORDERS, {}, None),
    ],
    ids=["added", "added to a closed one", "optional dropped", "required dropped", "required renamed", "wider",
         "narrower", "of another kind", "the largest counts", "nothing"],
)  # fmt: skip
def test_the_version_that_a_change_proposes(
    tmp_path: Path, after: tuple[ColumnShape, ...], more: dict[str, Any], proposed: str | None
) -> None:
    assert proposed_version(column_changes(ORDERS, after), a_contract(tmp_path, **more)) == proposed


def test_a_proposal_follows_the_newest_version(tmp_path: Path) -> None:
    added = column_changes(ORDERS, (*ORDERS, a_column("phone")))

    assert proposed_version(added, a_contract(tmp_path, "2-3-1")) == "2-4-0"


def test_columns_that_the_contract_never_named_ask_for_nothing_when_they_change_or_go(tmp_path: Path) -> None:
    contract = a_contract(tmp_path)
    unknown = a_column("cache", INT4)

    for after in (ORDERS, (*ORDERS, a_column("cache", TEXT))):
        assert proposed_version(column_changes((*ORDERS, unknown), after), contract) is None


def test_a_table_beside_its_contract_shows_what_either_lacks(tmp_path: Path) -> None:
    relation = a_relation(ORDERS[0], *ORDERS[2:], a_column("phone"))

    gaps = contract_gaps(relation, a_contract(tmp_path))

    assert [(change.kind.value, change.name) for change in gaps] == [("added", "phone"), ("dropped", "status")]


# -- while a capture runs


def a_watch(known: Contracts | None = None, now: Relation | None = None) -> SchemaWatch:
    return SchemaWatch(known, lambda column: NAMES.get(column.type_oid, "?"), lambda table: now)


def test_a_change_is_told_with_the_contract_and_the_version_that_it_proposes(tmp_path: Path) -> None:
    wider = a_relation(*ORDERS, a_column("phone"))
    watch = a_watch(contracts(tmp_path), now=wider)
    assert watch.start(a_relation(*ORDERS)) is None

    assert watch.see(a_relation(*ORDERS)) is None
    report = watch.see(wider)

    assert report is not None
    assert report.text == (
        "orders: column added: phone text; proposes 1-1-0 (iglu:com.acme/orders/jsonschema/1-0-0)"
    )
    assert watch.see(wider) is None, "once"


def test_a_change_before_the_first_row_is_told_too() -> None:
    wider = a_relation(*ORDERS, a_column("phone"))
    watch = a_watch(now=wider)
    watch.start(a_relation(*ORDERS))

    report = watch.see(wider)

    assert report is not None
    assert report.text == "orders: column added: phone text"


def test_a_log_from_before_the_start_is_not_told_as_a_change_back() -> None:
    wider = a_relation(*ORDERS, a_column("phone"))
    watch = a_watch(now=wider)
    watch.start(wider)

    assert watch.see(a_relation(*ORDERS)) is None
    report = watch.see(wider)
    assert report is not None
    assert report.text == "orders: column added: phone text"


def test_at_the_start_a_table_is_told_beside_its_contract(tmp_path: Path) -> None:
    report = a_watch(contracts(tmp_path)).start(a_relation(*ORDERS[1:], a_column("phone")))

    assert report is not None
    assert report.words == ("column added: phone text", "column dropped: id")
    assert report.proposals == (("iglu:com.acme/orders/jsonschema/1-0-0", "2-0-0"),)


def test_the_record_of_a_change_names_columns_and_versions_by_table(tmp_path: Path) -> None:
    wider = a_relation(*ORDERS, a_column("phone"))
    watch = a_watch(contracts(tmp_path), now=wider)
    watch.start(a_relation(*ORDERS))
    report = watch.see(wider)
    assert report is not None

    record = watch.delivery(report, "cdc.schema-changes", 7, now_us=5_000)

    added = {"change": "added", "column": "phone", "was": None, "type": "text", "type_before": None}
    assert (record.topic, record.key) == ("cdc.schema-changes", b'{"table":"orders"}')
    assert json.loads(record.value or b"") == {
        "table": "orders",
        "lsn": 7,
        "ts_ms": 5,
        "changes": [added],
        "columns": {"id": "bigint", "status": "text", "amount": "numeric", "note": "text", "phone": "text"},
        "proposals": [{"contract": "iglu:com.acme/orders/jsonschema/1-0-0", "proposes": "1-1-0"}],
    }
