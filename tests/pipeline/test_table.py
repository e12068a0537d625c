"""Table: the latest row by key, whatever way it came and however often."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import SourceRecord
from streams.testing import Driver

from .builders import TOPIC, a_change, a_driver, a_pipeline, a_plain, a_plain_pipeline, laws, problems_of, send

PIPELINE = a_pipeline(table={"name": "latest"})


def amounts(driver: Driver) -> dict[object, object]:
    return {key: row["amount"] for key, row in driver.table("latest").items()}


def truncated(driver: Driver, *, lsn: int) -> Driver:
    value = json.dumps({"op": "t", "source": {"name": "shop", "lsn": lsn, "ts_ms": 1}}).encode()
    driver.send(TOPIC, key=None, value=value, timestamp_ms=1_000)
    return driver


def test_the_latest_row_stays_and_a_deleted_one_goes() -> None:
    driver = a_driver(PIPELINE)

    send(driver, a_change(1, amount=1), a_change(2, amount=2), a_change(1, op="u", amount=3), a_change(2, op="d"))

    assert amounts(driver) == {1: 3}


def test_a_snapshot_is_an_upsert() -> None:
    driver = send(a_driver(PIPELINE), a_change(1, op="r", amount=1), a_change(1, op="r", amount=2))

    assert amounts(driver) == {1: 2}


def test_a_row_has_what_was_derived_and_nothing_that_was_masked() -> None:
    pipeline = a_pipeline(table={"name": "latest"}, mask={"email": "redact"}, derive={"twice": "amount * 2"})

    row = send(a_driver(pipeline), a_change(1)).table("latest")[1]

    assert (row["twice"], row["email"]) == (10, None)


@pytest.mark.parametrize(("key", "expected"), [(["code"], "A-1"), (["customer_id", "id"], (7, 1))])
def test_a_table_of_plain_rows_may_have_any_key(key: list[str], expected: object) -> None:
    driver = a_driver(a_plain_pipeline(table={"name": "latest", "key": key}))

    assert set(send(driver, a_plain(1)).table("latest")) == {expected}


@pytest.mark.parametrize(
    ("table", "source", "says"),
    [
        ({"name": "latest", "key": ["code"]}, {}, "table.key: code: on DELETE only the contract's key is known"),
        ({"name": "latest", "key": ["cod"]}, {"format": "json"}, "table.key: no column 'cod'"),
        (
            {"name": "latest"},
            {"format": "json", "contract": "iglu:com.acme/lines/jsonschema/1-*-*"},
            "table: the contract has no key; name one",
        ),
    ],
)
def test_a_table_whose_key_nobody_knows_is_refused(table: object, source: dict[str, str], says: str) -> None:
    (problem,) = problems_of(a_pipeline(source=source, table=table))

    assert says in problem


# -- order


def test_a_truncate_takes_what_is_older_and_leaves_what_is_newer() -> None:
    driver = send(a_driver(PIPELINE), a_change(1, lsn=5), a_change(2, lsn=9))

    assert amounts(truncated(driver, lsn=7)) == {2: 5}


def test_a_row_of_an_incremental_snapshot_undoes_nothing_newer() -> None:
    """Its order is that of the stream when it was read: without a position it is older than any change."""
    driver = send(a_driver(PIPELINE), a_change(1, lsn=5, amount=2), a_change(1, op="r", lsn=None, amount=1))

    assert amounts(driver) == {1: 2}


def test_a_row_of_an_incremental_snapshot_comes_back_behind_a_delete() -> None:
    driver = send(a_driver(PIPELINE), a_change(1), a_change(1, op="d"), a_change(1, op="r", lsn=None, amount=3))

    assert amounts(driver) == {1: 3}


@pytest.mark.parametrize("sequence", ['["5","9"]', "[null,9]", '["5",null]', None])
def test_forms_of_positions(sequence: str | None) -> None:
    source = {} if sequence is None else {"sequence": sequence}

    driver = send(a_driver(PIPELINE), a_change(1, lsn=9, source=source), a_change(2, lsn=99, source=source))

    assert driver.ledger() == {"processed": 2}


ROWS = st.lists(
    st.builds(a_change, st.integers(1, 3), op=st.sampled_from("crud"), amount=st.integers(0, 9)), max_size=15
)


@laws
@given(ROWS, st.sets(st.integers(0, 14)))
def test_a_table_is_the_last_word_on_each_row(changes: list[SourceRecord], crashes: set[int]) -> None:
    driver, model = a_driver(PIPELINE), dict[object, object]()
    for place, change in enumerate(changes):
        send(driver, change)
        envelope = json.loads(change.value or b"")
        if envelope["op"] == "d":
            model.pop(envelope["before"]["id"], None)
        else:
            model[envelope["after"]["id"]] = envelope["after"]["amount"]
        if place in crashes:
            driver.restart(lose_uncommitted=place % 2 == 0)

    assert amounts(driver) == model


@pytest.mark.parametrize("sequence", ["", "[", "{}", "[]", '["1"]', "[[[", '[{},"x"]', '["²","³"]', "null"])
def test_a_sequence_that_is_none_stops_nobody(sequence: str) -> None:
    driver = a_driver(a_pipeline(table={"name": "latest"}))

    send(driver, a_change(1, source={"sequence": sequence}))

    assert (driver.ledger(), list(driver.table("latest"))) == ({"processed": 1}, [1])
