"""Joins between tables: rows that follow their partners, whichever side changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from streams.pipeline.joining import feed, index
from streams.pipeline.tables import StoredRow, open_tables
from streams.records import SourceRecord
from streams.state.overlay import store_key
from streams.state.stores.memory import MemoryStore
from streams.testing import Driver

from ..builders import (
    DEAD,
    OUT,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_topology,
    header,
    keys_of,
    problems_of,
    reasons_of,
    rows_of,
    send,
)

PRODUCTS = "cdc.products.v1"
JOIN = {"type": "table", "table": "products", "by": ["customer_id"], "columns": {"code": "product"}, "same_keys": True}


def products(**parts: Any) -> Mapping[str, Any]:
    known = {"source": {"topic": PRODUCTS}, "table": {"name": "products"}, "route": None}
    return a_pipeline("products", **{**known, **parts})


def orders(missing: str | None = None, join: Mapping[str, object] | None = None, **parts: Any) -> Mapping[str, Any]:
    """Orders that follow their products; a product is named by ``customer_id``."""
    source = {"key": ["customer_id"], **parts.pop("source", {})}
    table = parts.pop("table", {"name": "latest"})
    return a_pipeline(source=source, join=[{**JOIN, "missing": missing, **(join or {})}], table=table, **parts)


def a_product(id: int, code: str = "X", **more: Any) -> SourceRecord:
    return replace(a_change(id, code=code, **more), topic=PRODUCTS)


def told(driver: Driver) -> list[tuple[int, object]]:
    """(order, its product's code) as published, ``gone`` for a tombstone."""
    records = driver.records(OUT)
    rows = zip(keys_of(records), rows_of(records), strict=True)
    return [(key["id"], "gone" if row is None else row["product"]) for key, row in rows]


def latest(driver: Driver) -> dict[object, object]:
    return {key: row["product"] for key, row in driver.table("latest").items()}


# -- either side changes


def test_a_change_of_a_partner_is_published_for_every_row_that_names_it() -> None:
    driver = a_driver(orders(), products())

    send(driver, a_product(7, "old"), a_change(1), a_change(2), a_change(3, customer_id=8))
    driver.commit()
    send(driver, a_product(7, "new", op="u"))

    assert told(driver) == [(1, "old"), (2, "old"), (3, None), (1, "new"), (2, "new")]
    assert latest(driver) == {1: "new", 2: "new", 3: None}
    assert driver.ledger() == {"processed": 5}


def test_a_partner_that_comes_later_is_joined_then() -> None:
    driver = a_driver(orders(), products())

    send(driver, a_change(1))
    driver.commit()
    send(driver, a_product(7, "x"))

    assert told(driver) == [(1, None), (1, "x")]


def test_of_several_changes_between_two_checkpoints_rows_see_the_last() -> None:
    driver = a_driver(orders(), products())

    send(driver, a_product(7, "a"), a_change(1))
    driver.commit()
    send(driver, a_product(7, "b", op="u"), a_product(7, "c", op="u"))

    assert told(driver) == [(1, "a"), (1, "c")]


def test_a_row_that_names_another_partner_follows_that_one() -> None:
    driver = a_driver(orders(), products())

    send(driver, a_product(7, "seven"), a_product(8, "eight"), a_change(1), a_change(1, op="u", customer_id=8))
    driver.commit()
    send(driver, a_product(7, "SEVEN", op="u"), a_product(8, "EIGHT", op="u"))

    assert told(driver) == [(1, "seven"), (1, "eight"), (1, "EIGHT")]


def test_a_left_join_keeps_a_row_whose_partner_went() -> None:
    driver = a_driver(orders(), products())

    send(driver, a_product(7, "x"), a_change(1))
    driver.commit()
    send(driver, a_product(7, op="d"))

    assert told(driver) == [(1, "x"), (1, None)]


def test_an_inner_join_takes_a_row_in_and_out_with_its_partner() -> None:
    driver = a_driver(orders("drop"), products())

    send(driver, a_change(1), a_change(2, customer_id=8))
    driver.commit()
    for change in (a_product(7, "x"), a_product(7, op="d"), a_product(7, "y")):
        send(driver, change)
        driver.commit()
    send(driver, a_change(1, op="u", customer_id=9))

    assert told(driver) == [(1, "x"), (1, "gone"), (1, "y"), (1, "gone")]
    assert latest(driver) == {}


def test_a_row_that_was_never_in_the_result_leaves_it_without_a_word() -> None:
    driver = a_driver(orders("drop"), products())

    send(driver, a_change(1), a_change(1, op="u", code="z"), a_change(1, op="d"), a_change(2, op="d"))

    assert told(driver) == []
    assert driver.ledger() == {"filtered": 4}


def test_a_deleted_row_follows_nobody() -> None:
    driver = a_driver(orders(route=[{"to": OUT, "on_delete": "event"}]), products())

    send(driver, a_product(7, "x"), a_change(1), a_change(1, op="d"))
    driver.commit()
    send(driver, a_product(7, "y", op="u"))

    assert told(driver) == [(1, "x"), (1, "x")]


def test_a_null_names_no_partner() -> None:
    driver = a_driver(orders(), products())

    send(driver, a_change(1, omit=["customer_id"]), a_product(7, "x"))

    assert told(driver) == [(1, None)]


def test_a_truncated_table_leaves_its_rows_without_partners_and_truncated_rows_follow_nobody() -> None:
    driver = a_driver(orders(), products())

    send(driver, a_product(7, "x"), a_change(1), replace(a_change(0, op="t"), topic=PRODUCTS))
    assert told(driver) == [(1, "x"), (1, None)]
    send(driver, a_change(0, op="t"), a_product(7, "y"))

    assert told(driver) == [(1, "x"), (1, None), (1, "gone")]


def test_a_column_that_was_not_sent_is_what_the_row_had() -> None:
    driver = a_driver(orders(table=None, route=[{"to": OUT, "key": ["id"]}]), products())

    send(driver, a_product(7, "x"), a_change(1, note="long"))
    send(driver, a_change(1, op="u", note="__debezium_unavailable_value"))

    assert [row and row["note"] for row in rows_of(driver.records(OUT))] == ["long", "long"]


# -- several partners


def test_rows_follow_rows_that_follow_others() -> None:
    makers = a_pipeline("makers", source={"topic": "cdc.makers.v1"}, table={"name": "makers"}, route=None)
    made = {"type": "table", "table": "makers", "by": ["id"], "columns": {"code": "made_by"}}
    driver = a_driver(orders(join={"columns": {"made_by": "product"}}), products(join=[made]), makers)

    send(driver, a_change(1), a_product(7), replace(a_change(7, code="ann"), topic="cdc.makers.v1"))
    driver.commit()
    send(driver, replace(a_change(7, op="u", code="bob"), topic="cdc.makers.v1"))

    assert told(driver)[-1] == (1, "bob")
    assert latest(driver) == {1: "bob"}


# -- through an exchange


def test_rows_and_partners_of_different_tasks_meet_in_a_stage() -> None:
    topology = a_topology(orders(source={"key": ["id"]}, join={"same_keys": False}), products())

    sources = [sub.source_topics for sub in topology.subtopologies]
    names = [f"app-orders-join0-products-{part}-repartition" for part in ("names", "rows", "answers")]
    assert sources == [(TOPIC, names[2]), (PRODUCTS,), (names[0], names[1])]
    assert {spec.source for spec in topology.topics if spec.name in names} == {TOPIC}


def test_a_partner_is_named_by_a_column_of_another_partner() -> None:
    makers = a_pipeline("makers", source={"topic": "cdc.makers.v1"}, table={"name": "makers"}, route=None)
    first = {**JOIN, "columns": {"code": "code_of_product", "customer_id": "maker"}}
    second = {"type": "table", "table": "makers", "by": ["maker"], "columns": {"code": "product"}}
    rows = a_pipeline(source={"key": ["id"]}, join=[first, second], table={"name": "latest"})
    driver = a_driver(rows, products(), makers, partitions={TOPIC: 2, PRODUCTS: 3})
    made = [replace(a_change(id, code=code), topic="cdc.makers.v1") for id, code in ((3, "ann"), (4, "bob"))]

    send(driver, a_change(1), a_product(7, customer_id=3), *made)
    assert latest(driver) == {1: "ann"}
    send(driver, a_product(7, op="u", customer_id=4))
    assert latest(driver) == {1: "bob"}
    send(driver, replace(a_change(4, op="d"), topic="cdc.makers.v1"))

    assert latest(driver) == {1: None}


def test_what_an_answer_decides_is_published_once_it_is_there() -> None:
    driver = a_driver(orders("drop", source={"key": ["id"]}), products())

    send(driver, a_product(7, "x"), a_change(1), a_change(2, customer_id=8))
    assert told(driver) == [(1, "x")]
    send(driver, a_change(1, op="u", customer_id=8))

    assert told(driver) == [(1, "x"), (1, "gone")]
    assert driver.ledger() == {"processed": 4}


def test_a_stage_is_told_of_rows_that_were_there_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "ROWS_A_CHECKPOINT", 2)
    topology = a_topology(orders(source={"key": ["id"]}), products())
    plan = next(plan for plan in topology.plans if plan.name == "products")
    store = MemoryStore()
    rows = [StoredRow(schema_version="1-0-0", order=(0, 0, id), row={"code": str(id)}) for id in range(5)]
    store.write((store_key("products", b"[%d]" % id), msgspec.json.encode(row)) for id, row in enumerate(rows))
    tables = open_tables(plan, store)

    told = []
    while tables.is_unfinished:
        told.append([delivery.key for delivery in feed.feed_stages(plan, tables)])
        for table in tables.all:
            table.keep_batch()

    assert told == [[b"[0]", b"[1]"], [b"[2]", b"[3]"], [b"[4]"]]


# -- so many at a time


def test_a_partner_of_many_rows_is_worked_off_over_several_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "ROWS_A_CHECKPOINT", 3)
    driver = a_driver(orders(), products())
    send(driver, *[a_change(id) for id in range(1, 11)])
    driver.commit()

    send(driver, a_product(7, "x"))
    driver._checkpoint()

    assert len(driver._committed[OUT, 0]) == 13
    assert sorted(told(driver)[10:]) == [(id, "x") for id in range(1, 11)]
    driver.restart()
    assert latest(driver) == dict.fromkeys(range(1, 11), "x")


def test_a_partner_that_changes_again_half_way_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "ROWS_A_CHECKPOINT", 3)
    driver = a_driver(orders(), products())
    send(driver, *[a_change(id) for id in range(1, 11)])
    driver.commit()

    send(driver, a_product(7, "x"))
    driver._checkpoint()
    send(driver, a_product(7, "y", op="u"))

    assert latest(driver) == dict.fromkeys(range(1, 11), "y")


# -- what cannot go out


def a_strict_driver() -> Driver:
    """What is published has products of three letters at most."""
    schema = {
        "com.acme/joined/jsonschema/1-0-0": (
            '{"self": {"vendor": "com.acme", "name": "joined", "format": "jsonschema", "version": "1-0-0"},'
            ' "type": "object", "properties": {"product": {"type": ["string", "null"], "maxLength": 3}}}'
        )
    }
    route = [{"to": OUT, "contract": "iglu:com.acme/joined/jsonschema/1-*-*"}]
    return a_driver(orders(route=route), products(), more=schema)


def test_dead_letters_of_rows_that_follow_are_counted_apart_from_events() -> None:
    driver = a_strict_driver()
    send(driver, a_product(7, "abc"), a_change(1), a_change(2)).commit()
    send(driver, a_product(7, "too long", op="u"))
    tasks = {id(task): task for task in driver._tasks.values()}.values()

    ledgers = [task.prepare_checkpoint().ledgers for task in tasks]

    assert [dict(ledger.dead_results) for held in ledgers for ledger in held.values()] == [{"contract_violation": 2}]
    assert all(ledger.size == 0 and ledger.is_balanced() for held in ledgers for ledger in held.values())


def test_a_row_that_its_partner_makes_unfit_is_dead_and_the_last_fit_one_stays() -> None:
    driver = a_strict_driver()

    send(driver, a_product(7, "abc"), a_change(1))
    driver.commit()
    send(driver, a_product(7, "too long", op="u"))

    assert told(driver) == [(1, "abc")]
    assert reasons_of(driver) == ["contract_violation"]
    (letter,) = driver.records(DEAD)
    assert (letter.key, letter.value) == (b"[1]", None)
    assert "too long" not in str(header(letter, "__contract.errors.message"))
    assert driver.ledger() == {"processed": 3}


# -- groups of rows that follow


def test_groups_of_rows_follow_partners_too() -> None:
    counts = {"table": "by_product", "over": "rows", "by": ["product"], "columns": {"orders": "count(*)"}}
    driver = a_driver(orders(aggregate=[counts]), products())

    send(driver, a_product(7, "a"), a_product(8, "b"), a_change(1), a_change(2), a_change(3, customer_id=8))
    assert driver.table("by_product") == {"a": {"product": "a", "orders": 2}, "b": {"product": "b", "orders": 1}}
    send(driver, a_product(7, "b", op="u"))

    assert driver.table("by_product") == {"b": {"product": "b", "orders": 3}}


# -- what is refused


@pytest.mark.parametrize(
    ("pipeline", "problem"),
    [
        (orders("retry"), "join[0].missing: retry: a row of a table needs no second try"),
        (orders(route=[{"to": OUT, "value": "envelope"}]), "route[0].value: envelope: a row that follows"),
        (orders(route=[{"to": OUT, "key": ["product"]}]), "route[0].key: product: a change of the partner would move"),
        (
            orders(aggregate=[{"table": "n", "by": ["customer_id"], "columns": {"n": "count(*)"}}]),
            "aggregate[0].over: a change of a partner is none of the row",
        ),
        (
            a_pipeline(source={"key": ["customer_id"]}, join=[JOIN, {**JOIN, "type": "lookup", "columns": {}}]),
            "join: joins of type table follow their rows and others do not: not both",
        ),
    ],
)
def test_what_rows_that_follow_cannot_be_is_refused(pipeline: Mapping[str, Any], problem: str) -> None:
    assert [found for found in problems_of(pipeline, products()) if problem in found]


def test_both_pipelines_are_one_task() -> None:
    (sub,) = a_topology(orders(), products()).subtopologies

    assert [plan.name for plan in sub.following] == ["orders"]
    assert "orders-join" in dict(sub.changelogs)
