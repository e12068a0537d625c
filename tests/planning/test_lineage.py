"""Lineage: what a column is computed from, as its expressions say."""

from __future__ import annotations

from typing import Any

from streams.planning.lineage import Lineage, facets, lineage_of
from tests.pipeline.builders import a_pipeline, a_topology


def lineage(**parts: Any) -> tuple[Lineage, ...]:
    (plan,) = a_topology(a_pipeline(**parts)).plans
    return lineage_of(plan)


def inputs(found: tuple[Lineage, ...], output: str, column: str) -> list[tuple[str, str, str]]:
    """(column, subtype, through) of one output column."""
    (held,) = (one for one in found if (one.output, one.column) == (output, column))
    return [(origin.column, origin.subtype, origin.through) for origin in held.origins]


def test_a_column_that_is_carried_is_itself_and_one_that_is_derived_names_what_it_reads() -> None:
    found = lineage(derive={"twice": "amount * 2", "more": "twice + customer_id"})

    assert inputs(found, "orders.v1", "amount") == [("amount", "IDENTITY", "")]
    assert inputs(found, "orders.v1", "more") == [
        ("amount", "TRANSFORMATION", "derive: amount * 2 → derive: twice + customer_id"),
        ("customer_id", "TRANSFORMATION", "derive: twice + customer_id"),
    ]


def test_masks_are_told_and_dropped_columns_are_gone() -> None:
    found = lineage(mask={"code": "partial", "note": "drop"}, derive={"short": "left(code, 2)"})

    (short,) = (held for held in found if held.column == "short")
    assert [origin.is_masked for origin in short.origins] == [True]
    assert inputs(found, "orders.v1", "code") == [("code", "TRANSFORMATION", "mask: partial")]
    assert "note" not in {held.column for held in found}


def test_a_column_that_is_looked_up_comes_from_what_it_is_asked_about() -> None:
    place = "tests.pipeline.lookups.outside:rate"
    lookup = {"vat": {"call": place, "args": ["code"]}}
    found = lineage(mask={"code": "partial"}, lookup=lookup, derive={"more": "vat + 1"})

    step = f"mask: partial → lookup: {place}"
    assert inputs(found, "orders.v1", "vat") == [("code", "TRANSFORMATION", step)]
    assert inputs(found, "orders.v1", "more") == [("code", "TRANSFORMATION", f"{step} → derive: vat + 1")]


def test_a_column_of_another_stream_comes_from_its_pipeline() -> None:
    users = a_pipeline("users", source={"topic": "cdc.users.v1"}, route=[{"to": "users.v1"}])
    join = {"type": "interval", "with": "users", "by": ["id"], "within": "1m", "columns": {"note": "user_note"}}
    plan = next(held for held in a_topology(a_pipeline(join=[join]), users).plans if held.name == "orders")

    (held,) = (one for one in lineage_of(plan) if one.column == "user_note")
    assert [(origin.dataset, origin.column, origin.through) for origin in held.origins] == [
        ("pipeline users", "note", "join")
    ]


def test_what_a_filter_and_a_group_decide_is_indirect() -> None:
    totals = {"table": "totals", "by": ["id"], "columns": {"n": "count(*)", "s": "sum(amount)"}, "to": "totals.v1"}
    found = lineage(filter="before.amount is null", aggregate=[totals])
    decided = ("amount", "FILTER", "filter: before.amount is null")

    assert inputs(found, "totals.v1", "n") == [("id", "GROUP_BY", "by: id"), decided]
    assert inputs(found, "table totals", "s") == [
        ("amount", "AGGREGATION", "sum(amount)"), ("id", "GROUP_BY", "by: id"), decided
    ]  # fmt: skip


def test_as_openlineage_writes_it() -> None:
    (first, *_) = facets(lineage(derive={"twice": "amount * 2"}), namespace="kafka://k:9092")

    assert first["name"] == "orders.v1"
    assert first["facets"]["columnLineage"]["fields"]["twice"] == {  # type: ignore[index]
        "inputFields": [
            {
                "namespace": "kafka://k:9092",
                "name": "cdc.orders.v1",
                "field": "amount",
                "transformations": [
                    {
                        "type": "DIRECT",
                        "subtype": "TRANSFORMATION",
                        "description": "derive: amount * 2",
                        "masking": False,
                    }
                ],
            }
        ]
    }
