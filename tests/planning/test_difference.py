"""Difference: each change of the files against what runs is safe, or says what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from streams.pipeline.topology import TopicKind, Topology
from streams.planning.difference import Verdict, find_differences
from streams.planning.running import Running, TopicState
from streams.worker.starts import OffsetMetadata, Start
from tests.pipeline.builders import a_pipeline, a_topology

WINDOW = {"tumbling": "1m"}
HOPPING = {"hopping": {"size": "1m", "step": "10s"}}
TOTALS = {"table": "totals", "by": ["id"], "window": WINDOW, "columns": {"n": "count(*)"}}
OF_ROWS = {"table": "rows", "over": "rows", "by": ["id"], "columns": {"n": "count(*)"}}


def a_plan(**parts: Any) -> Topology:
    return a_topology(a_pipeline(**{"table": {"name": "latest"}, "aggregate": [TOTALS], **parts}))


def running(topology: Topology, *, without: str = "", **config: str) -> Running:
    """What a worker of ``topology`` leaves, as it is right after a checkpoint; ``config`` has _ for dots."""
    (sub,) = topology.subtopologies
    other = {name.replace("_", "."): value for name, value in config.items()}
    shapes = {short: f"{shape}01234567" for short, shape in sub.shapes.items()}
    metadata = OffsetMetadata(t="app-a", f=shapes, p=dict(sub.steps))
    ends = {0: (0, 9)}
    topics = {
        spec.name: TopicState(partitions=1, settings={**dict(spec.config), **other}, ends=ends)
        for spec in topology.topics
        if spec.name != without
    }
    start = Start(offset=9, is_first=False, metadata=metadata)
    return Running(topics=topics, commits={sub.source_topics[0]: {0: start}})


def verdicts(now: Topology, before: Topology | None = None) -> set[tuple[str, str]]:
    found = find_differences(now, running(before or a_plan()))
    return {(held.what, held.verdict.value) for held in found if "is to be made" not in held.change}


def test_what_runs_is_what_the_files_say() -> None:
    assert find_differences(a_plan(), running(a_plan())) == ()


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"errors": {"dead_letters": "orders.v1-other"}}, ("pipeline orders", "safe")),
        ({"route": [{"to": "elsewhere.v1"}]}, ("pipeline orders", "safe")),
        ({"aggregate": [{**TOTALS, "to": "totals.v1"}]}, ("pipeline orders", "safe")),
        ({"filter": "amount > 1"}, ("pipeline orders", "needs reset or backfill")),
        ({"derive": {"more": "amount + 1"}}, ("pipeline orders", "needs reset or backfill")),
        ({"where": "amount > 1"}, ("pipeline orders", "needs reset or backfill")),
        ({"aggregate": [TOTALS, OF_ROWS]}, ("pipeline orders", "needs reset or backfill")),
        ({"deduplicate": {"by": ["id"]}}, ("pipeline orders", "needs reset or backfill")),
        ({"aggregate": [{**TOTALS, "window": {"tumbling": "2m"}}]}, ("table totals", "needs a new table name")),
        ({"aggregate": [{**TOTALS, "window": HOPPING}]}, ("table totals", "needs a new table name")),
        ({"aggregate": [{**TOTALS, "window": {**WINDOW, "retain": "7d"}}]}, ("pipeline orders", "safe")),
        ({"aggregate": None}, ("table totals", "safe")),
    ],
    ids=[
        "dead letters", "route", "to", "filter", "derive", "where", "rows", "dedup", "window", "kind of window",
        "retain", "left out",
    ],
)
def test_a_change_of_the_file_is_safe_or_says_what_it_needs(
    parts: Mapping[str, object], expected: tuple[str, str]
) -> None:
    assert expected in verdicts(a_plan(**parts))


def test_a_filter_of_a_pipeline_that_keeps_nothing_may_change() -> None:
    before, after = a_topology(a_pipeline()), a_topology(a_pipeline(filter="amount > 1"))

    assert verdicts(after, before) == {("pipeline orders", "safe")}


def test_a_new_table_is_safe_and_one_that_comes_back_is_not() -> None:
    more = {"table": "more", "by": ["id"], "columns": {"n": "count(*)"}}
    now = a_plan(aggregate=[TOTALS, more])
    there = running(now)
    left = running(a_plan())

    is_new = find_differences(now, left)
    is_back = find_differences(now, replace(left, topics=there.topics))

    assert [held.verdict for held in is_new if held.what == "table more"] == [Verdict.SAFE]
    assert [held.verdict for held in is_back if held.what == "table more"] == [Verdict.NEW_NAME]


def test_rows_that_a_truncate_left_in_other_partitions_are_told_of() -> None:
    now = a_topology(a_pipeline(table={"name": "latest"}), partitions=3)
    topic = "app-orders-truncates-repartition"

    found = {held.what: held for held in find_differences(now, running(now, without=topic))}

    assert {what: held.verdict for what, held in found.items()} == {
        f"topic {topic}": Verdict.SAFE,
        "pipeline orders": Verdict.SAFE,
    }
    assert found["pipeline orders"].next == "nothing; to be rid of such rows: streams reset orders"


def test_how_a_file_is_written_does_not_count() -> None:
    before = a_plan(derive={"a": "amount + 1", "b": "amount + 2"})
    after = a_plan(derive={"b": "amount + 2", "a": "amount + 1"})

    assert verdicts(after, before) == set()


def test_topics_that_are_missing_are_made_except_sources() -> None:
    topology = a_plan()
    by_kind = {spec.kind: spec.name for spec in topology.topics}

    def found(kind: TopicKind) -> list[tuple[str, Verdict]]:
        name = by_kind[kind]
        return [(held.what, held.verdict) for held in find_differences(topology, running(topology, without=name))]

    assert found(TopicKind.OUTPUT) == [(f"topic {by_kind[TopicKind.OUTPUT]}", Verdict.SAFE)]
    assert found(TopicKind.SOURCE) == [(f"topic {by_kind[TopicKind.SOURCE]}", Verdict.TOPIC)]


def test_a_topic_that_forgets_sooner_or_has_other_partitions_must_be_mended() -> None:
    topology = a_plan()
    forgetful = find_differences(topology, running(topology, retention_ms="1000"))
    kept = running(topology)
    changelog = next(spec.name for spec in topology.topics if spec.kind is TopicKind.CHANGELOG)
    resized = replace(kept, topics={**kept.topics, changelog: replace(kept.topics[changelog], partitions=7)})

    assert {held.verdict for held in forgetful} == {Verdict.TOPIC}
    assert any("retention.ms is 1000" in held.change for held in forgetful)
    assert [(held.what, held.verdict) for held in find_differences(topology, resized)] == [
        (f"topic {changelog}", Verdict.TOPIC)
    ]


def test_a_pipeline_that_has_not_run_begins_and_one_that_is_gone_is_told() -> None:
    topology = a_plan()
    told = running(topology)
    fresh = find_differences(topology, replace(told, commits={}))
    gone = find_differences(topology, replace(told, commits={**told.commits, "old.v1": {}}))

    assert [held.what for held in fresh] == ["pipeline orders"]
    assert [(held.what, held.verdict) for held in gone] == [("topic old.v1", Verdict.SAFE)]
