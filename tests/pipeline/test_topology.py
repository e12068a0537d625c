"""Topology: what of a pipeline file decides whether stored state still belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from .builders import a_pipeline, a_topology

COLUMNS = {"n": "count(*)", "s": "sum(amount)"}
TOTALS = {"table": "totals", "by": ["id"], "window": {"tumbling": "1m"}, "columns": COLUMNS}
OTHER = {"table": "other", "by": ["id"], "columns": {"n": "count(*)"}}


def shapes(*aggregates: Mapping[str, object], **parts: Any) -> Mapping[str, str]:
    """Digests by table of a pipeline that keeps its rows in ``latest``."""
    pipeline = a_pipeline(**{"table": {"name": "latest"}, "aggregate": list(aggregates or (TOTALS,)), **parts})
    return a_topology(pipeline).subtopologies[0].shapes


@pytest.mark.parametrize(
    "change",
    [
        {"window": {"tumbling": "2m"}},
        {"window": {"hopping": {"size": "1m", "step": "10s"}}},
        {"window": {"sliding": "1m"}},
        {"window": {"session": "1m"}},
        {"by": ["id", "customer_id"]},
        {"columns": {"n": "count(*)"}},
        {"columns": {"n": "count(*)", "s": "sum(customer_id)"}},
        {"columns": {"s": "sum(amount)", "n": "count(*)"}},
    ],
    ids=["window", "hopping", "sliding", "session", "key", "a column less", "another sum", "order of columns"],
)
def test_a_table_that_keeps_something_else_has_another_shape(change: Mapping[str, object]) -> None:
    before, after = shapes(TOTALS), shapes({**TOTALS, **change})

    assert {short for short in before if before[short] != after[short]} == {"totals"}


def test_another_deduplication_is_another_shape_of_the_pipelines_state() -> None:
    before, after = shapes(), shapes(deduplicate={"by": ["id"], "keep": "24h"})

    assert {short for short in before if before[short] != after[short]} == {"orders-state"}


@pytest.mark.parametrize(
    "parts",
    [
        {"filter": "op = 'INSERT'"},
        {"derive": {"more": "amount + 1"}},
        {"route": [{"to": "elsewhere.v1"}]},
        {"aggregate": [{**TOTALS, "window": {"tumbling": "60s", "grace": "5s"}, "emit": "final", "to": "t.v1"}]},
        {"aggregate": [{**TOTALS, "columns": {"n": "COUNT( * )", "s": "Sum(amount)"}}]},
    ],
    ids=["filter", "derive", "route", "grace and emission", "spelling"],
)
def test_what_stored_entries_do_not_depend_on_may_change(parts: Mapping[str, Any]) -> None:
    assert shapes(**parts) == shapes()


def test_tables_that_are_added_change_nothing_of_the_others() -> None:
    before, after = shapes(TOTALS), shapes(TOTALS, OTHER)

    assert {short: after[short] for short in before} == before
    assert set(after) - set(before) == {"other"}
