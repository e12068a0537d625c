"""Sliding windows: facts are those of Kafka Streams' KStreamSlidingWindowAggregateTest and SlidingWindows."""

from __future__ import annotations

from itertools import permutations

import pytest

from streams.pipeline.task import Task
from streams.pipeline.windows.kinds import Sliding, Span
from streams.state.stores.memory import MemoryStore

from ..builders import a_batch, a_plain, a_plain_pipeline, a_topology
from .tables import Contents, a_windows, a_windows_driver, feed, kept, last_published, late, published


def ten(grace: int) -> dict[str, str]:
    return {"sliding": "10ms", "grace": f"{grace}ms"}


def of(group: str, contents: Contents) -> dict[int, set[int]]:
    """By start, what is in the windows of one group."""
    return {window[1]: set(held) for window, held in contents.items() if window[0] == group}


# -- boundaries


def test_both_ends_of_a_window_belong_to_it() -> None:
    driver = feed(a_windows_driver(ten(100)), ("k", 0, 100), ("k", 1, 110), ("k", 2, 121))

    assert kept(driver) == {
        ("k", 90, 100): {0},
        ("k", 100, 110): {0, 1},
        ("k", 101, 111): {1},
        ("k", 111, 121): {2},
    }


def test_an_event_brings_about_the_window_that_ends_with_it_and_the_one_behind() -> None:
    assert list(Sliding(size_ms=10).assign(100)) == [Span(90, 100), Span(101, 111)]


# -- KStreamSlidingWindowAggregateTest


def test_aggregates_of_a_small_input() -> None:
    """testAggregateSmallInput"""
    records = [(1, 10), (2, 10), (3, 14), (4, 15), (5, 20), (6, 22), (7, 30)]
    expected = {
        0: {1, 2}, 4: {1, 2, 3}, 5: {1, 2, 3, 4}, 10: {1, 2, 3, 4, 5}, 11: {3, 4, 5}, 12: {3, 4, 5, 6},
        15: {4, 5, 6}, 16: {5, 6}, 20: {5, 6, 7}, 21: {6, 7}, 23: {7},
    }  # fmt: skip
    current, final = (a_windows_driver(ten(5), emit=emit) for emit in ("current", "final"))

    for driver in (current, final):
        feed(driver, *[("A", number, at) for number, at in records])

    assert of("A", kept(current)) == of("A", last_published(current)) == expected
    assert of("A", last_published(final)) == {start: held for start, held in expected.items() if start < 15}


def test_of_another_small_input() -> None:
    """testReduceSmallInput"""
    records = [(1, 10), (2, 14), (3, 15), (4, 22), (5, 26), (6, 30)]

    driver = feed(a_windows_driver(ten(5)), *[("A", number, at) for number, at in records])

    assert of("A", kept(driver)) == {
        0: {1}, 4: {1, 2}, 5: {1, 2, 3}, 11: {2, 3}, 12: {2, 3, 4}, 15: {3, 4}, 16: {4, 5}, 20: {4, 5, 6},
        23: {5, 6}, 27: {6},
    }  # fmt: skip


LARGE = [
    *[("A", 1, 10), ("A", 2, 20), ("A", 3, 22), ("A", 4, 15)],
    *[("B", 1, 12), ("B", 2, 13), ("B", 3, 18), ("B", 4, 19), ("B", 5, 25), ("B", 6, 14)],
    *[("C", 1, 11), ("C", 2, 15), ("C", 3, 16), ("C", 4, 21), ("C", 5, 23)],
    *[("D", 4, 11), ("D", 2, 12), ("D", 3, 29), ("D", 5, 16)],
]


def test_of_a_large_input_with_disorder() -> None:
    """testAggregateLargeInput, current: nothing has closed."""
    driver = feed(a_windows_driver(ten(50)), *LARGE)

    assert of("A", kept(driver)) == {
        0: {1}, 5: {1, 4}, 10: {1, 2, 4}, 11: {2, 4}, 12: {2, 3, 4}, 16: {2, 3}, 21: {3},
    }  # fmt: skip
    b = of("B", kept(driver))
    assert [b[start] for start in (2, 3, 4, 8, 9, 13)] == [
        {1}, {1, 2}, {1, 2, 6}, {1, 2, 3, 6}, {1, 2, 3, 4, 6}, {2, 3, 4, 6},
    ]  # fmt: skip


def test_of_the_same_input_what_has_closed() -> None:
    """testAggregateLargeInput, final, grace 10: in the order of their starts, each once, without what came too late."""
    driver = feed(a_windows_driver(ten(10), emit="final"), *LARGE)

    assert sorted(published(driver)) == [
        (("A", 0, 10), {1}),
        (("A", 5, 15), {1, 4}),
        (("B", 2, 12), {1}),
        (("B", 3, 13), {1, 2}),
        (("B", 8, 18), {1, 2, 3, 6}),
        (("C", 5, 15), {1, 2}),
        (("C", 6, 16), {1, 2, 3}),
    ]


def test_windows_do_not_depend_on_the_order_of_events_while_none_has_closed() -> None:
    times = [3, 8, 8, 14, 19]
    found = []
    for order in permutations(range(len(times))):
        driver = feed(a_windows_driver(ten(1_000)), *[("k", number, times[number]) for number in order])
        found.append(kept(driver))

    assert all(held == found[0] for held in found)


# -- lateness


@pytest.mark.parametrize(("clock", "windows"), [(115, {95: {0}}), (116, {})])
def test_the_window_that_ends_with_an_event_closes_once_time_is_past_end_and_grace(
    clock: int, windows: dict[int, set[int]]
) -> None:
    driver = feed(a_windows_driver(ten(10)), ("other", 0, clock), ("k", 0, 105))

    assert of("k", kept(driver)) == windows


@pytest.mark.parametrize(("clock", "is_late"), [(125, False), (126, True)])
def test_an_event_is_late_when_no_window_that_it_could_be_in_is_open(clock: int, is_late: bool) -> None:
    """shouldLogAndMeterWhenSkippingExpiredWindow: the last is the one that begins with it."""
    driver = feed(a_windows_driver(ten(10)), ("other", 0, clock), ("k", 0, 105))

    assert (late(driver) == [105]) is is_late


def test_an_event_whose_own_window_has_closed_is_in_the_open_ones_that_reach_back_to_it() -> None:
    driver = feed(a_windows_driver(ten(0)), ("k", 0, 100), ("k", 1, 95))
    feed(driver, ("k", 2, 105))

    assert of("k", kept(driver)) == {90: {0, 1}, 95: {0, 1, 2}, 96: {0, 2}, 101: {2}}


def test_an_event_writes_no_more_than_its_moment_and_its_windows_however_many_the_group_has() -> None:
    window = a_windows({"sliding": "10ms", "grace": "1d"}, by=["customer_id"], columns={"n": "count(*)"})
    (sub,) = a_topology(
        a_plain_pipeline(source={"key": ["customer_id"]}, aggregate=[window], route=None)
    ).subtopologies
    task = Task(sub, 0, MemoryStore())
    task.process(a_batch(*[a_plain(1, at=at) for at in range(0, 20_000, 20)]), now_ms=20_000)
    task.prepare_checkpoint()
    task.commit({}, now_ms=0)

    task.process(a_batch(a_plain(1, at=30_000), offset=1_000), now_ms=30_000)

    runs = [run for run in task.prepare_checkpoint().changelog if run.topic.endswith("windows-changelog")]
    written = [value or b"" for run in runs for _, value in run.records]
    assert len(written) == 2  # the window that ends with it, and the moment
    assert sum(map(len, written)) < 100


def test_groups_that_meet_behind_a_repartition_topic_have_the_same_windows() -> None:
    direct, exchanged = a_windows_driver(ten(10)), a_windows_driver(ten(10), is_exchanged=True)

    for driver in (direct, exchanged):
        feed(driver, *LARGE, ("A", 9, 60), ("A", 10, 12))

    assert (kept(exchanged), late(exchanged)) == (kept(direct), late(direct))
    assert late(direct) == [12]


def test_a_size_of_nothing_is_a_window_for_each_moment() -> None:
    driver = feed(a_windows_driver({"sliding": "0ms", "grace": "9ms"}), ("k", 0, 5), ("k", 1, 6), ("k", 2, 5))

    assert kept(driver) == {("k", 5, 5): {0, 2}, ("k", 6, 6): {1}}
