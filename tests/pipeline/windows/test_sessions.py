"""Sessions: events no further apart than the gap. Facts are those of Kafka Streams' session tests and of Beam's."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from streams.pipeline.query import find_row
from streams.pipeline.task import Task
from streams.pipeline.windows.kinds import Session, Span
from streams.state.stores.memory import MemoryStore

from ..builders import a_batch, a_plain, a_plain_pipeline, a_topology, problems_of, send
from .tables import a_windows, a_windows_driver, feed, kept, last_published, late, published

GAP = 300_000
FIVE_MINUTES = {"session": "5m", "grace": "1d"}


def gap_of(milliseconds: int, grace: int = 0) -> dict[str, str]:
    return {"session": f"{milliseconds}ms", "grace": f"{grace}ms"}


# -- KStreamSessionWindowAggregateProcessorTest


def test_a_single_session_when_within_the_gap() -> None:
    driver = feed(a_windows_driver(FIVE_MINUTES), ("john", 0, 0), ("john", 1, 500))

    assert kept(driver) == {("john", 0, 500): {0, 1}}


def test_an_event_between_two_sessions_merges_them() -> None:
    driver = feed(a_windows_driver(FIVE_MINUTES), ("mel", 0, 0), ("mel", 1, GAP + 1))
    assert set(kept(driver)) == {("mel", 0, 0), ("mel", GAP + 1, GAP + 1)}

    feed(driver, ("mel", 2, GAP // 2))

    assert kept(driver) == {("mel", 0, GAP + 1): {0, 1, 2}}


def test_a_session_of_one_moment_grows_by_events_of_that_moment() -> None:
    driver = feed(a_windows_driver(FIVE_MINUTES), ("mel", 0, 0), ("mel", 1, 0))

    assert kept(driver) == {("mel", 0, 0): {0, 1}}


def test_events_further_apart_than_the_gap_are_sessions_of_their_own() -> None:
    second, third = GAP + 1, 2 * (GAP + 1)
    records = [(0, 0), (1, second), (2, second), (3, third), (4, third), (5, third)]

    driver = feed(a_windows_driver(FIVE_MINUTES), *[("mel", number, at) for number, at in records])

    assert kept(driver) == {
        ("mel", 0, 0): {0},
        ("mel", second, second): {1, 2},
        ("mel", third, third): {3, 4, 5},
    }


def test_several_groups_have_sessions_of_their_own() -> None:
    """shouldHandleMultipleSessionsAndMerging"""
    driver = feed(a_windows_driver(FIVE_MINUTES), *[(group, 0, 0) for group in "abcd"], ("d", 1, GAP // 2))
    feed(driver, ("a", 1, GAP + 1), ("b", 1, GAP + 1), ("a", 2, GAP + 1 + GAP // 2), ("c", 2, GAP + 1 + GAP // 2))

    assert kept(driver) == {
        ("a", 0, 0): {0},
        ("b", 0, 0): {0},
        ("c", 0, 0): {0},
        ("d", 0, GAP // 2): {0, 1},
        ("b", GAP + 1, GAP + 1): {1},
        ("a", GAP + 1, GAP + 1 + GAP // 2): {1, 2},
        ("c", GAP + 1 + GAP // 2, GAP + 1 + GAP // 2): {2},
    }


def test_a_session_that_was_published_and_has_grown_is_taken_back() -> None:
    """shouldImmediatelyForwardRemovedSessionsWhenMerging"""
    driver = feed(a_windows_driver(FIVE_MINUTES), ("a", 0, 0))
    driver.commit()
    feed(driver, ("a", 1, 5))

    assert published(driver) == [(("a", 0, 0), {0}), (("a", 0, 0), None), (("a", 0, 5), {0, 1})]


def test_a_session_that_nobody_has_seen_leaves_no_trace() -> None:
    driver = feed(a_windows_driver(FIVE_MINUTES), ("a", 0, 0), ("a", 1, 5), ("a", 2, 9))

    assert published(driver) == [(("a", 0, 9), {0, 1, 2})]


def test_final_results_are_never_taken_back() -> None:
    driver = feed(a_windows_driver(gap_of(10), emit="final"), ("a", 0, 0))
    driver.commit()
    feed(driver, ("a", 1, 10), ("a", 2, 21))

    assert published(driver) == [(("a", 0, 10), {0, 1})]


@pytest.mark.parametrize(("clock", "is_late"), [(10, False), (11, True)])
def test_a_session_takes_events_until_end_plus_gap(clock: int, is_late: bool) -> None:
    """shouldLogAndMeterWhenSkippingLateRecordWithZeroGrace: both ends inclusive."""
    driver = feed(a_windows_driver(gap_of(10)), ("dummy", 0, clock), ("late", 0, 0))

    assert (late(driver) == [0], ("late", 0, 0) not in kept(driver)) == (is_late, is_late)


@pytest.mark.parametrize(("clock", "is_late"), [(11, False), (12, True)])
def test_grace_comes_behind_end_and_gap(clock: int, is_late: bool) -> None:
    """shouldLogAndMeterWhenSkippingLateRecordWithNonzeroGrace"""
    driver = feed(a_windows_driver(gap_of(10, grace=1)), ("dummy", 0, clock), ("late", 0, 0))

    assert (late(driver) == [0]) is is_late


def test_an_event_too_old_for_a_session_of_its_own_is_in_time_for_one_that_is_open() -> None:
    """The end of the merged session decides, as in Kafka Streams."""
    driver = feed(a_windows_driver(gap_of(10)), ("a", 0, 20), ("dummy", 0, 30), ("a", 1, 15), ("b", 0, 15))

    assert kept(driver) == {("a", 15, 20): {0, 1}, ("dummy", 30, 30): {0}}
    assert late(driver) == [15]


def test_what_has_closed_is_not_opened_again_by_an_event_within_the_gap() -> None:
    """Kafka Streams would merge what it had called final, and say it twice."""
    driver = feed(a_windows_driver(gap_of(10), emit="final"), ("a", 0, 0), ("dummy", 0, 11), ("a", 1, 5))
    feed(driver, ("dummy", 1, 100))

    assert [held for held in published(driver) if held[0][0] == "a"] == [(("a", 0, 0), {0}), (("a", 5, 5), {1})]


# -- SessionWindowTest: what overlaps


@pytest.mark.parametrize(("at", "is_met"), [(39, False), (40, True), (50, True), (70, True), (80, True), (81, False)])
def test_the_gap_is_inclusive_on_both_sides(at: int, is_met: bool) -> None:
    assert Session(gap_ms=10).touches(Span(50, 70), at) is is_met


def test_the_session_of_several_reaches_from_the_first_start_to_the_last_end() -> None:
    assert Session(gap_ms=10).merge([Span(5, 9), Span(0, 4), Span(7, 7)]) == Span(0, 9)


# -- Beam's SessionsTest; a gap of 10 there is one of 9 here: Beam's window ends where the next may begin


@pytest.mark.parametrize(
    ("times", "sessions"),
    [
        ([0, 10, 101], [(0, 0), (10, 10), (101, 101)]),  # testSimple
        ([1, 2, 5, 9, 100, 101], [(1, 9), (100, 101)]),  # testConsecutive
        ([1, 15, 30, 100, 101, 95, 22, 10], [(1, 30), (95, 101)]),  # testMerging
    ],
)
def test_sessions_do_not_depend_on_the_order_of_events(times: list[int], sessions: list[tuple[int, int]]) -> None:
    for order in list(permutations(times))[:: 1 if len(times) < 6 else 2_003]:
        records = [("k", number, at) for number, at in enumerate(order)]
        driver = feed(a_windows_driver(gap_of(9, grace=1_000)), *records)

        assert sorted(kept(driver)) == [("k", *session) for session in sessions]


# -- what sessions share with other windows


def test_groups_that_meet_behind_a_repartition_topic_have_the_same_sessions() -> None:
    records = [("a", 0, 20), ("dummy", 0, 30), ("a", 1, 15), ("b", 0, 15), ("a", 2, 28), ("dummy", 1, 70)]
    direct, exchanged = a_windows_driver(gap_of(10)), a_windows_driver(gap_of(10), is_exchanged=True)

    for driver in (direct, exchanged):
        feed(driver, *records)

    assert (kept(exchanged), late(exchanged)) == (kept(direct), late(direct))
    assert last_published(exchanged) == last_published(direct)


@pytest.mark.parametrize("columns", [{"n": "count(*)", "which": "sum(amount)", "last": "last(amount)"}])
def test_other_aggregates_merge_with_their_sessions(columns: dict[str, str]) -> None:
    more = {"mean": "avg(amount)", "least": "min(amount)", "all": "list(amount, 9)", "top": "arg_max(code, amount)"}
    driver = a_windows_driver(gap_of(10, grace=100), columns={**columns, **more})
    feed(driver, ("k", 3, 0), ("k", 1, 20), ("k", 2, 10))

    (row,) = driver.table("windows").values()
    assert (row["n"], row["which"], row["last"], row["least"], row["all"], row["top"]) == (3, 14, 2, 2, [8, 2, 4], "k")


def test_one_group_of_everything_has_sessions_over_all_partitions() -> None:
    driver = a_windows_driver(gap_of(10, grace=100), is_exchanged=True, partitions=3, by=[], late=None)
    for number, at in enumerate((0, 20, 10, 50)):
        send(driver, a_plain(1, at=at, amount=1 << number, timestamp_ms=0), partition=number % 3)

    assert {row["window_start"]: row["n"] for row in driver.table("windows").values()} == {0: 3, 50: 1}


def test_estimates_merge_with_their_sessions_whether_read_from_the_store_or_not() -> None:
    columns = {"values": "approx_count_distinct(amount)", "median": "approx_quantile(amount, 0.5)"}
    driver = a_windows_driver(gap_of(10, grace=100), columns=columns)
    feed(driver, ("k", 3, 0), ("k", 1, 20))
    driver.restart(lose_uncommitted=False)
    feed(driver, ("k", 2, 10), ("k", 3, 12))

    (row,) = driver.table("windows").values()
    assert (row["values"], row["window_start"], row["window_end"]) == (3, 0, 20)


def test_an_idle_input_closes_its_sessions() -> None:
    driver = feed(a_windows_driver({"session": "10s", "grace": "2s"}, emit="final", idle="5s"), ("a", 0, 1_000))

    driver.advance(ms=17_000)
    assert published(driver) == []
    driver.advance(ms=1)
    assert published(driver) == [(("a", 1_000, 1_000), {0})]


def test_a_session_is_found_by_its_start_and_its_end() -> None:
    aggregate = a_windows(gap_of(10), by=["customer_id"])
    (sub,) = a_topology(
        a_plain_pipeline(source={"key": ["customer_id"]}, aggregate=[aggregate], route=None)
    ).subtopologies
    task = Task(sub, 0, MemoryStore())
    task.process(a_batch(a_plain(1, at=5), a_plain(2, at=9)), now_ms=10)
    task.prepare_checkpoint()
    task.commit({}, now_ms=0)

    row = find_row(task.store, sub.plans[0], "windows", [7], window=(5, 9))

    assert row is not None and (row.window, row.row["n"]) == ((5, 9), 2)
    assert find_row(task.store, sub.plans[0], "windows", [7], window=(5, 8)) is None


@pytest.mark.parametrize("kind", ["session", "sliding"])
def test_groups_that_stay_away_leave_nothing_behind_but_their_retained_windows(kind: str) -> None:
    driver = a_windows_driver({kind: "10ms", "retain": "100ms"})
    feed(driver, *[(f"group {number}", 0, 0) for number in range(30)])
    for at in range(100, 400, 20):
        feed(driver, ("k", 0, at))
        driver.commit()

    (task,) = driver._tasks.values()
    keys = [key for key, _ in task.store.scan(b"windows\0", b"windows\1")]
    assert [key for key in keys if b"group" in key] == []


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"window": {"session": "0s"}}, "aggregate[0].window.session: a window is longer than nothing"),
        (
            {"window": {"session": "1s"}, "columns": {"d": "count(distinct amount)"}},
            "columns.d: count(distinct amount): session windows cannot; write approx_count_distinct(x)",
        ),
    ],
)
def test_sessions_that_cannot_be_are_refused(parts: dict[str, Any], says: str) -> None:
    (problem,) = problems_of(a_plain_pipeline(source={"key": ["code"]}, aggregate=[{**a_windows({}), **parts}]))

    assert says in problem
