"""Meaning: what the files say of tables, keys and tasks, also behind a repartition topic and of joined topics."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from streams.planning.meaning import meaning_of
from tests.pipeline.builders import a_pipeline, a_topology

WINDOWED = {"table": "by_code", "by": ["code"], "columns": {"n": "count(*)"}, "window": {"tumbling": "1m"}}


def test_a_group_that_meets_in_a_stage_is_told_with_its_window_its_key_and_its_task() -> None:
    meaning = meaning_of(a_topology(a_pipeline(aggregate=[WINDOWED])))

    (table,) = (table for table in meaning.tables if table.name == "by_code")
    (key,) = (key for key in meaning.keys if key.what == "group by_code")
    assert (table.kind, table.key, table.window) == ("windows", ("code",), "tumbling 1m")
    assert (key.columns, key.place) == (("code",), "stage keyed by code (repartition topic)")
    assert [task.sources for task in meaning.tasks if "by_code" in task.stores] == [meaning.repartitions]


@pytest.mark.parametrize(
    ("window", "text"),
    [
        ({"hopping": {"size": "1m", "step": "10s"}, "grace": "5s"}, "hopping size 1m, step 10s, grace 5s"),
        ({"tumbling": "1m", "retain": "7d"}, "tumbling 1m, retain 7d"),
    ],
)
def test_windows_are_told_as_the_file_says(window: Mapping[str, object], text: str) -> None:
    tables = meaning_of(a_topology(a_pipeline(aggregate=[{**WINDOWED, "window": window}]))).tables

    assert [table.window for table in tables if table.name == "by_code"] == [text]


def test_a_join_makes_one_task_of_both_topics() -> None:
    users = a_pipeline("users", source={"topic": "cdc.users.v1"}, table={"name": "users"}, route=None)
    join = {"table": "users", "by": ["id"], "columns": {"code": "user_code"}}
    meaning = meaning_of(a_topology(a_pipeline(join=[join]), users))

    assert [sorted(task.pipelines) for task in meaning.tasks] == [["orders", "users"]]
    assert [len(task.sources) for task in meaning.tasks] == [2]


@pytest.mark.parametrize(
    ("key", "place"), [("id", "task of the source"), ("code", "stage keyed by id (repartition topic)")]
)
def test_where_two_streams_are_joined_and_what_is_kept_for_that(key: str, place: str) -> None:
    users = a_pipeline("users", source={"topic": "cdc.users.v1"}, route=[{"to": "users.v1"}])
    join = {"type": "interval", "with": "users", "by": ["id"], "before": "5s", "after": "1m", "columns": {"code": "x"}}
    meaning = meaning_of(a_topology(a_pipeline(source={"key": [key]}, join=[join]), users))

    (kept,) = [table for table in meaning.tables if table.name == "orders-join"]
    assert (kept.pipeline, kept.kind, kept.key) == ("orders", "events of two streams", ("id",))
    assert kept.window == "5000 ms before to 60000 ms after, grace 0 ms"
    assert kept.entry_bytes is not None
    assert [held.place for held in meaning.keys if held.what == "join users"] == [place]


def test_values_that_an_aggregate_must_know_are_a_store_of_their_own() -> None:
    held = {"table": "by_code", "over": "rows", "by": ["code"], "columns": {"most": "max(amount)", "n": "count(*)"}}
    meaning = meaning_of(a_topology(a_pipeline(aggregate=[held])))

    kinds = {table.name: (table.kind, table.key) for table in meaning.tables if table.name.startswith("by_code")}
    assert kinds == {"by_code": ("groups", ("code",)), "by_code-values": ("values", ("code",))}
