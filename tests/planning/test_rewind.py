"""Rewind: what is set back, where everybody goes on, and what whoever confirms it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from streams.pipeline.topology import Topology
from streams.planning.changelog_keys import Held
from streams.planning.rewind import (
    Mode,
    Offsets,
    Rewind,
    begins_of,
    commits_of,
    needs_told,
    notes_of,
    obstacles,
    shares_of,
)
from streams.state.changelog import EMPTIED_KEY, MARKER_KEY, Marker, encode_marker
from tests.pipeline.builders import TOPIC, a_pipeline, a_topology

TOTALS = {"table": "totals", "by": ["id"], "columns": {"n": "count(*)"}, "to": "totals.v1"}
BY_CODE = {"table": "by_code", "by": ["code"], "columns": {"n": "count(*)"}, "to": "by_code.v1"}
OF_ROWS = {"table": "rows_by_code", "over": "rows", "by": ["code"], "columns": {"n": "count(*)"}}
ORDERS = a_pipeline(table={"name": "orders"})
COUNTED = a_pipeline("counted", route=None, aggregate=[TOTALS, BY_CODE])


def a_rewind(topology: Topology, *names: str, now: int, then: int, mode: Mode = Mode.RESET) -> Rewind:
    """All topics have one partition; ``then`` is where sources begin, 99 where all topics end."""
    shares = shares_of(topology, names)
    topics = {topic for share in shares for topic in share.sub.source_topics}
    committed: Offsets = {(topic, 0): now for topic in topics}
    since: Offsets = {(topic, 0): then for topic in topics}
    ends: Offsets = {(topic, 0): 99 for topic in topics}
    return Rewind(
        mode=mode,
        names=names,
        shares=shares,
        committed=committed,
        begins=begins_of(shares, topology, since, ends),
        partitions=dict.fromkeys(topics, 1),
    )


def test_all_stages_of_a_pipeline_are_set_back_and_their_changelogs_are_its_own() -> None:
    first, stage = shares_of(a_topology(ORDERS, COUNTED), ["counted"])

    assert [plan.name for share in (first, stage) for plan in share.plans] == ["counted", "counted-by-code"]
    assert [plan.name for plan in first.others] == ["orders"]
    assert set(first.changelogs) == {"totals", "counted-state"}
    assert set(stage.changelogs) == {"by_code", "counted-by-code-state"}


def test_what_waits_between_stages_is_left_behind() -> None:
    rewind = a_rewind(a_topology(ORDERS, COUNTED), "counted", now=50, then=0)

    assert rewind.begins == {(TOPIC, 0): 0, ("app-counted-by-code-repartition", 0): 99}


@pytest.mark.parametrize(
    ("then", "told", "wanted"),
    [
        (0, {}, 0),
        (80, {}, 50),
        (80, {"orders": 70}, 70),
        (80, {"orders": 90}, 80),
    ],
    ids=["back", "forward: others are where the task is", "others are ahead", "others are further"],
)
def test_a_task_goes_on_where_its_hindmost_pipeline_does(then: int, told: Mapping[str, int], wanted: int) -> None:
    rewind = a_rewind(a_topology(ORDERS, COUNTED), "counted", now=50, then=then)
    known = {name: {(TOPIC, 0): offset} for name, offset in told.items()}

    assert commits_of(rewind.shares[0], rewind, known) == {(TOPIC, 0): wanted}
    assert needs_told(rewind.shares[0], rewind) is (then > 50)


def test_alone_in_its_tasks_a_pipeline_goes_where_it_is_told() -> None:
    rewind = a_rewind(a_topology(COUNTED), "counted", now=50, then=80)

    assert commits_of(rewind.shares[0], rewind, {}) == {(TOPIC, 0): 80}


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"aggregate": [TOTALS]}, "orders: totals would count the same events twice"),
        ({"aggregate": [BY_CODE]}, "orders: by_code would count the same events twice"),
        ({"aggregate": [TOTALS, OF_ROWS]}, "orders: totals would count the same events twice"),
    ],
    ids=["group", "group behind an exchange", "beside one over rows"],
)
def test_a_backfill_is_refused_where_it_would_count_twice(parts: Mapping[str, Any], why: str) -> None:
    plans = a_topology(a_pipeline(**parts)).plans

    assert [text[: len(why)] for text in obstacles(plans, Mode.BACKFILL)] == [why]
    assert list(obstacles(plans, Mode.RESET)) == []


@pytest.mark.parametrize("parts", [{"aggregate": [OF_ROWS]}, {"quality": {"rules": {"uniqueness": ["code"]}}}])
def test_what_is_computed_of_rows_can_be_filled_again(parts: Mapping[str, Any]) -> None:
    assert list(obstacles(a_topology(a_pipeline(**parts)).plans, Mode.BACKFILL)) == []


def test_rows_and_routes_can_be_filled_again() -> None:
    assert list(obstacles(a_topology(ORDERS).plans, Mode.BACKFILL)) == []
    assert list(obstacles(a_topology(ORDERS, partitions=3).plans, Mode.BACKFILL)) == []


def test_whoever_confirms_is_told_what_is_sent_again_and_who_is_not_touched() -> None:
    topology = a_topology(ORDERS, COUNTED)

    notes = list(notes_of(shares_of(topology, ["counted"]), topology, Mode.RESET))

    assert notes == [
        "sent once more, what was sent stays: totals.v1, by_code.v1, cdc.orders.v1-counted-dlt",
        "not touched, although in the same tasks: orders",
    ]


def test_joins_are_told_as_what_they_are_seen_from_both_sides() -> None:
    users = a_pipeline("users", source={"topic": "cdc.users.v1"}, route=None, table={"name": "users"})
    join = [{"table": "users", "by": ["id"], "columns": {"note": "user_note"}, "missing": "keep"}]
    topology = a_topology(users, a_pipeline(join=join))

    def notes(*names: str) -> str:
        return "\n".join(notes_of(shares_of(topology, names), topology, Mode.RESET))

    assert "orders joins users as it is now, not as it was; name users, too, for that" in notes("orders")
    assert "orders: finds users empty until users has come back" in notes("users")
    assert "joins users" not in notes("users", "orders") and "finds" not in notes("users", "orders")


@pytest.mark.parametrize("kind", ["lookup", "table"])
def test_who_meets_a_table_in_a_stage_forgets_with_it_or_not_at_all(kind: str) -> None:
    users = a_pipeline("users", source={"topic": "cdc.users.v1"}, route=None, table={"name": "users"})
    columns = {"note": "user_note"}
    join = [{"type": kind, "table": "users", "by": ["customer_id"], "columns": columns, "missing": "keep"}]
    plans = {plan.name: plan for plan in a_topology(users, a_pipeline(source={"key": ["id"]}, join=join)).plans}

    assert list(obstacles([plans["orders"]], Mode.RESET)) == [
        "orders: its stage would know no row of users any more; name users, too"
    ]
    assert list(obstacles(plans.values(), Mode.RESET)) == []
    assert list(obstacles([plans["users"]], Mode.RESET)) == []


def test_streams_that_are_joined_meet_again_what_comes_again() -> None:
    users = a_pipeline("users", source={"topic": "cdc.users.v1"}, route=[{"to": "users.v1"}])
    join = [{"type": "interval", "with": "users", "by": ["id"], "within": "1m", "columns": {"note": "user_note"}}]
    topology = a_topology(users, a_pipeline(join=join))

    def notes(*names: str) -> str:
        return "\n".join(notes_of(shares_of(topology, names), topology, Mode.RESET))

    assert "orders meets the events of users that it finds, and not those before; name users, too" in notes("orders")
    assert "users meets the events of orders that it finds" in notes("users")
    assert "meets" not in notes("users", "orders")
    assert sorted(obstacles(topology.plans, Mode.BACKFILL)) == [
        "orders: its events would meet those of users twice",
        "users: its events would meet those of orders twice",
    ]


def test_what_a_changelog_holds_is_what_was_written_last_and_not_emptied() -> None:
    held = Held()

    for key, value in ((b"a", b"1"), (b"b", b"1"), (b"a", None), (MARKER_KEY, encode_marker(Marker(sources={"t": 3})))):
        held.take(key, value)
    assert (held.keys, held.marker) == ({b"b"}, Marker(sources={"t": 3}))
    held.take(EMPTIED_KEY, b"1")
    held.take(b"c", b"1")
    assert held.keys == {b"c"}
