"""Aggregates over rows: what each change takes from a group and gives to another; distinct values; one group of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from streams.testing import Driver

from ..builders import (
    TOPIC,
    a_change,
    a_driver,
    a_move,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    a_topology,
    keys_of,
    problems_of,
    rows_of,
    send,
)

BY_CUSTOMER: Mapping[str, Any] = {
    "table": "by_customer",
    "over": "rows",
    "by": ["customer_id"],
    "columns": {"n": "count(*)", "total": "sum(amount)", "most": "max(amount)"},
    "to": "by_customer.v1",
}


def a_group(customer_id: int, n: int, total: object, most: object) -> dict[str, object]:
    return {"customer_id": customer_id, "n": n, "total": total, "most": most}


def rows_driver(partitions: int = 4, **more: Any) -> Driver:
    described = a_pipeline(aggregate=[{**BY_CUSTOMER, **more}], route=None)
    return a_driver(described, partitions={TOPIC: partitions})


def test_an_update_takes_what_the_row_was_out_of_its_group() -> None:
    driver = rows_driver()
    send(driver, a_change(1, customer_id=7, amount=5), a_change(2, customer_id=7, amount=3))

    send(driver, a_change(1, op="u", customer_id=8, amount=4))

    assert driver.table("by_customer") == {7: a_group(7, 1, 3, 3), 8: a_group(8, 1, 4, 4)}


def test_what_a_row_was_is_what_the_pipeline_knows_and_not_what_before_says() -> None:
    driver = rows_driver()
    send(driver, a_change(1, customer_id=7, amount=5))

    before = {"id": 1, "customer_id": 9, "amount": 1_000, "code": "made up"}
    send(driver, a_change(1, op="u", customer_id=7, amount=6, before=before))

    assert driver.table("by_customer") == {7: a_group(7, 1, 6, 6)}


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_row_whose_key_changes_is_counted_once(partitions: int) -> None:
    driver = rows_driver(partitions)
    send(driver, a_change(1, customer_id=7, amount=5), a_change(3, customer_id=7, amount=2))
    driver.commit()

    send(driver, *a_move(1, 2, customer_id=7, amount=5))
    assert driver.table("by_customer") == {7: a_group(7, 2, 7, 5)}

    send(driver, *a_move(2, 4, customer_id=8, amount=1))
    assert driver.table("by_customer") == {7: a_group(7, 1, 2, 2), 8: a_group(8, 1, 1, 1)}


def test_a_column_that_was_not_sent_is_what_it_was() -> None:
    driver = rows_driver()
    send(driver, a_change(1, customer_id=7, amount=5))

    send(driver, a_change(1, op="u", customer_id=8, amount="__debezium_unavailable_value"))

    assert driver.table("by_customer") == {8: a_group(8, 1, 5, 5)}


def test_a_group_whose_last_row_goes_is_gone_and_its_topic_says_so() -> None:
    driver = rows_driver()
    send(driver, a_change(1, customer_id=7, amount=5))
    driver.commit()

    send(driver, a_change(1, op="d", time_ms=2_000))

    assert driver.table("by_customer") == {}
    published = driver.records("by_customer.v1")
    assert keys_of(published) == [{"customer_id": 7}] * 2
    assert rows_of(published) == [a_group(7, 1, 5, 5), None]
    assert [record.timestamp_ms for record in published] == [1_000, 2_000]


def test_a_group_that_comes_back_begins_with_nothing() -> None:
    driver = rows_driver()
    send(driver, a_change(1, customer_id=7, amount=5), a_change(1, op="d"), a_change(2, customer_id=7, amount=None))

    assert driver.table("by_customer") == {7: a_group(7, 1, None, None)}


def test_a_snapshot_that_is_sent_again_changes_nothing() -> None:
    driver = rows_driver()
    send(driver, a_change(1, customer_id=7, amount=5), a_change(1, op="u", customer_id=7, amount=6))

    send(driver, a_change(1, op="r", lsn=None, customer_id=7, amount=5), a_change(1, op="r", customer_id=7, amount=6))

    assert driver.table("by_customer") == {7: a_group(7, 1, 6, 6)}


def test_one_group_of_all_rows_is_still_there_when_they_are_gone() -> None:
    driver = rows_driver(by=[])
    send(driver, *(a_change(id, amount=id) for id in range(20)))
    assert driver.table("by_customer") == {(): {"n": 20, "total": 190, "most": 19}}

    send(driver, *(a_change(id, op="d") for id in range(20)))

    assert driver.table("by_customer") == {(): {"n": 0, "total": None, "most": None}}
    assert rows_of(driver.records("by_customer.v1"))[-1] == {"n": 0, "total": None, "most": None}


def test_rows_that_are_too_many_for_one_record_travel_in_several() -> None:
    columns = {"all": "list(note, 1000)", "n": "count(*)"}
    driver = a_driver(a_pipeline(aggregate=[{**BY_CUSTOMER, "columns": columns}], route=None))
    send(driver, *(a_change(id, note=f"{id:04}" + "x" * 9_000) for id in range(150)))
    driver.commit()
    driver.restart()

    send(driver, a_change(0, op="t", customer_id=None))

    assert driver.table("by_customer") == {}


# -- distinct values of changes, and one group of all of them


def test_distinct_values_of_changes_are_counted_exactly_in_windows_too() -> None:
    windows = {
        "table": "minutes",
        "by": ["customer_id"],
        "window": {"tumbling": "1m"},
        "columns": {"codes": "count(distinct code)", "known": "count(distinct note)"},
        "emit": "final",
        "to": "minutes.v1",
    }
    driver = a_driver(a_plain_pipeline(aggregate=[windows], route=None), partitions={TOPIC: 3})

    for id in range(60):
        send(driver, a_plain(id, at=id * 2_000, code=f"C{id % 7}", timestamp_ms=id * 2_000), partition=id % 3)
        driver.commit()
    for partition in range(3):
        send(driver, a_plain(99, at=180_000, timestamp_ms=180_000), partition=partition)

    published = rows_of(driver.records("minutes.v1"))
    assert [(row["window_start"], row["codes"], row["known"]) for row in published if row] == [
        (0, 7, 0),
        (60_000, 7, 0),
    ]


def test_the_values_of_a_window_go_when_the_window_does() -> None:
    windows = {
        "table": "minutes",
        "by": ["id"],
        "window": {"tumbling": "1m"},
        "columns": {"codes": "count(distinct code)"},
    }
    driver = a_driver(a_plain_pipeline(aggregate=[windows], route=None))
    send(driver, a_plain(1, at=0, code="A"))
    (kept,) = driver.records("driver-minutes-values-changelog")

    send(driver, a_plain(1, at=3 * 86_400_000, timestamp_ms=3 * 86_400_000))

    removed = [record.key for record in driver.records("driver-minutes-values-changelog") if record.value is None]
    assert removed == [kept.key]


def test_one_group_of_all_events_gets_one_record_of_each_batch() -> None:
    totals = {
        "table": "totals",
        "by": [],
        "window": {"tumbling": "1m", "grace": "10s"},
        "columns": {
            "n": "count(*)",
            "mean": "avg(amount)",
            "codes": "count(distinct code)",
            "newest": "last(amount)",
            "half": "approx_quantile(amount, 0.5)",
            "about": "approx_count_distinct(code)",
        },
        "emit": "final",
        "to": "totals.v1",
    }
    driver = a_driver(a_plain_pipeline(aggregate=[totals], route=None), partitions={TOPIC: 4})
    driver.restart()

    for id in range(90):
        record = a_plain(id, at=id * 1_000, amount=id, code=f"C{id % 5}", timestamp_ms=id * 1_000)
        send(driver, record, partition=id % 4)
    driver.advance(ms=3_600_000)
    driver.advance(ms=3_600_000)

    published = [row for row in rows_of(driver.records("totals.v1")) if row is not None]
    first, second = sorted(published, key=lambda row: row["window_start"])
    assert first == {
        "window_start": 0, "window_end": 60_000, "n": 60, "mean": first["mean"], "codes": 5, "newest": 59,
        "half": first["half"], "about": 5,
    }  # fmt: skip
    assert str(first["mean"]) == "29.5"
    assert (second["n"], second["newest"]) == (30, 89)


def test_several_groupings_of_one_source_have_a_topic_each() -> None:
    tables = {"whole": [], "by_code": ["code"], "both": ["code", "customer_id"]}
    described = [{**BY_CUSTOMER, "table": table, "by": by, "to": f"{table}.v1"} for table, by in tables.items()]

    topology = a_topology(a_pipeline(aggregate=described, route=None))

    assert [spec.name for spec in topology.topics if spec.kind.value == "repartition"] == [
        "app-orders-by-all-repartition",
        "app-orders-by-code-repartition",
        "app-orders-by-code-customer_id-repartition",
    ]


# -- refusals


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"window": {"tumbling": "1m"}}, "aggregate[0].window: over: rows is of the rows that are there now, in no wi"),
        ({"idle": "1s"}, "aggregate[0].idle: over: rows waits for no time"),
        ({"late": "late.v1"}, "aggregate[0].late: over: rows takes every change, however late"),
        ({"emit": "final"}, "aggregate[0].emit: without a window nothing is ever final"),
        ({"columns": {"x": "first(code)"}}, "over: rows cannot; rows come in no order: write arg_min(x, y)"),
        ({"columns": {"x": "last(code)"}}, "over: rows cannot; rows come in no order: write arg_max(x, y)"),
        ({"columns": {"x": "approx_count_distinct(code)"}}, "write count(distinct x), which is exact"),
        ({"columns": {"x": "count(*) filter (where op = 'INSERT')"}}, "are of a change; a row has its columns alone"),
        ({"columns": {"x": "sum(before.amount)"}}, "are of a change; a row has its columns alone"),
    ],
)
def test_what_means_nothing_of_rows_is_refused(parts: dict[str, object], says: str) -> None:
    (problem,) = problems_of(a_pipeline(aggregate=[{**BY_CUSTOMER, **parts}]))

    assert says in problem


def test_rows_without_a_key_are_refused() -> None:
    source = {"contract": "iglu:com.acme/lines/jsonschema/1-*-*"}

    (problem,) = problems_of(a_pipeline(source=source, deduplicate={"by": "none"}, aggregate=[BY_CUSTOMER]))

    assert "aggregate[0].over: the contract has no key, so that no row is known again" in problem


def test_a_masked_key_is_refused() -> None:
    (problem,) = problems_of(a_pipeline(mask={"id": "redact"}, aggregate=[BY_CUSTOMER]))[:1]

    assert "mask.id" in problem


@pytest.mark.parametrize(
    ("aggregate", "says"),
    [
        ({"over": "rows", "columns": {"n": "count(*)"}}, "here.n counts rows; attach takes what grows event by event"),
        ({"columns": {"n": "count(distinct code)"}}, "here.n counts distinct values; attach takes what grows"),
    ],
)
def test_what_is_known_only_at_the_end_of_a_batch_is_not_attached(aggregate: dict[str, object], says: str) -> None:
    held = {"table": "here", "by": ["id"], **aggregate}

    (problem,) = problems_of(a_pipeline(aggregate=[held], route=[{"to": "o.v1", "attach": {"n": "here.n"}}]))

    assert says in problem
