"""Hopping windows: every window that holds an event counts it. Facts are those of Kafka Streams' TimeWindows."""

from __future__ import annotations

from typing import Any

import pytest

from streams.pipeline.windows.kinds import Hopping, Span

from ..builders import OUT, a_plain_pipeline, problems_of
from .tables import a_windows, a_windows_driver, feed, kept, last_published, late, published

TEN_BY_FIVE = {"hopping": {"size": "10ms", "step": "5ms"}, "grace": "1d"}


# -- TimeWindowsTest: which windows an event is in


@pytest.mark.parametrize(
    ("size_ms", "step_ms", "at", "windows"),
    [
        (12, 5, 21, [(10, 22), (15, 27), (20, 32)]),  # shouldComputeWindowsForHoppingWindows
        (6, 5, 7, [(5, 11)]),  # shouldComputeWindowsForBarelyOverlappingHoppingWindows
        (12, 12, 21, [(12, 24)]),  # shouldComputeWindowsForTumblingWindows
        (10, 5, 10, [(5, 15), (10, 20)]),  # the end is not in the window
        (10, 5, -1, [(-10, 0), (-5, 5)]),  # nothing is special about the epoch
        (10, 5, 0, [(-5, 5), (0, 10)]),  # Kafka Streams knows no window before the epoch
    ],
)
def test_an_event_is_in_every_window_that_holds_its_time(
    size_ms: int, step_ms: int, at: int, windows: list[tuple[int, int]]
) -> None:
    assert list(Hopping(size_ms=size_ms, step_ms=step_ms).assign(at)) == [Span(*window) for window in windows]


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ({"hopping": {"size": "10ms", "step": "0ms"}}, "step: a window begins later than the one before"),
        ({"hopping": {"size": "10ms", "step": "11ms"}}, "step: events between two windows would be in none"),
        ({"hopping": {"size": "0ms", "step": "0ms"}}, "size: a window is longer than nothing"),
        ({"hopping": {"size": "1d", "step": "1s"}}, "step: an event would be in 86,400 windows; 1,000 at most"),
        ({"hopping": {"size": "1m"}}, "hopping"),
        ({"hopping": {"size": "1m", "step": "1s"}, "tumbling": "1m"}, "window: is it tumbling or hopping? Name one"),
    ],
)
def test_windows_that_cannot_be_are_refused(window: dict[str, Any], says: str) -> None:
    (problem,) = problems_of(a_plain_pipeline(source={"key": ["code"]}, aggregate=[a_windows(window)]))

    assert says in problem


def test_attach_of_hopping_windows_is_refused_by_name() -> None:
    route = [{"to": OUT, "attach": {"n": "windows.n"}}]
    aggregate = [a_windows(TEN_BY_FIVE)]

    (problem,) = problems_of(a_plain_pipeline(source={"key": ["code"]}, aggregate=aggregate, route=route))

    assert "windows has hopping windows; attach takes tumbling ones" in problem


# -- KStreamWindowAggregateTest


def test_aggregates_of_hopping_windows_with_disorder_are_those_of_kafka_streams() -> None:
    """testAggBasic: four groups, then three records of B that come late and within the grace."""
    driver = a_windows_driver(TEN_BY_FIVE)
    feed(driver, ("A", 0, 100), ("B", 0, 101), ("C", 0, 102), ("D", 0, 103), ("A", 1, 104))
    feed(driver, ("A", 2, 105), ("B", 1, 106), ("D", 1, 107), ("B", 2, 108), ("C", 1, 109))
    feed(driver, ("A", 3, 110), ("B", 3, 111), ("D", 2, 112), ("B", 4, 113), ("C", 2, 114))
    feed(driver, ("B", 5, 103), ("B", 6, 102), ("B", 7, 109))

    expected = {
        ("A", 95, 105): {0, 1},
        ("A", 100, 110): {0, 1, 2},
        ("A", 105, 115): {2, 3},
        ("A", 110, 120): {3},
        ("B", 95, 105): {0, 5, 6},
        ("B", 100, 110): {0, 1, 2, 5, 6, 7},
        ("B", 105, 115): {1, 2, 3, 4, 7},
        ("B", 110, 120): {3, 4},
        ("C", 95, 105): {0},
        ("C", 100, 110): {0, 1},
        ("C", 105, 115): {1, 2},
        ("C", 110, 120): {2},
        ("D", 95, 105): {0},
        ("D", 100, 110): {0, 1},
        ("D", 105, 115): {1, 2},
        ("D", 110, 120): {2},
    }
    assert kept(driver) == last_published(driver) == expected


def test_a_window_that_has_closed_takes_nothing_and_the_others_of_the_same_event_do() -> None:
    """shouldLogAndMeterWhenSkippingExpiredWindow: [start, end) is over once stream time reaches end + grace."""
    driver = a_windows_driver({"hopping": {"size": "10ms", "step": "5ms"}, "grace": "90ms"})
    feed(driver, ("other", 0, 100))  # closes [0, 10); [5, 15) is open up to 105
    feed(driver, *[("k", number, number) for number in range(8)])

    assert {key: held for key, held in kept(driver).items() if key[0] == "k"} == {("k", 5, 15): {5, 6, 7}}
    assert late(driver) == [0, 1, 2, 3, 4]


def test_final_results_come_once_each_window_in_the_order_of_their_starts() -> None:
    driver = a_windows_driver({"hopping": {"size": "10ms", "step": "5ms"}, "grace": "2ms"}, emit="final")

    feed(driver, ("B", 0, 9), ("A", 0, 12), ("A", 1, 16))
    assert published(driver) == [(("B", 0, 10), {0})]
    driver.restart()
    feed(driver, ("A", 2, 30))

    assert published(driver)[1:] == [
        (("A", 5, 15), {0}),
        (("B", 5, 15), {0}),
        (("A", 10, 20), {0, 1}),
        (("A", 15, 25), {1}),
    ]


def test_groups_that_meet_behind_a_repartition_topic_have_the_same_windows() -> None:
    window = {"hopping": {"size": "10ms", "step": "5ms"}, "grace": "90ms"}
    records = [("other", 0, 100), *[("k", number, number) for number in range(8)], ("k", 8, 101)]
    direct, exchanged = a_windows_driver(window), a_windows_driver(window, is_exchanged=True)

    for driver in (direct, exchanged):
        feed(driver, *records)

    assert (kept(exchanged), late(exchanged)) == (kept(direct), late(direct))


# -- retention


@pytest.mark.parametrize(("at", "is_kept"), [(1_009, True), (1_010, False)])
def test_a_closed_window_is_kept_as_long_as_the_file_says(at: int, is_kept: bool) -> None:
    driver = a_windows_driver({"tumbling": "10ms", "retain": "1s"})

    feed(driver, ("A", 0, 0), ("B", 0, at))

    assert (("A", 0, 10) in kept(driver)) is is_kept


def test_windows_that_are_not_retained_are_published_before_they_go() -> None:
    driver = a_windows_driver({"tumbling": "10ms", "retain": "0s"}, emit="final")

    feed(driver, ("A", 0, 0), ("A", 1, 500))

    assert (published(driver), kept(driver)) == ([(("A", 0, 10), {0})], {("A", 500, 510): {1}})


def test_one_group_of_everything_has_the_same_windows_though_its_partials_travel() -> None:
    window = {"hopping": {"size": "10ms", "step": "5ms"}, "grace": "5ms"}
    driver = a_windows_driver(window, is_exchanged=True, by=[], late=None, columns={"n": "count(*)"})
    feed(driver, ("A", 0, 7), ("B", 1, 12), ("C", 2, 14), ("D", 3, 20), ("E", 4, 11), ("F", 5, 9))

    assert {window[1:]: row["n"] for window, row in driver.table("windows").items() if isinstance(window, tuple)} == {
        (0, 10): 1,
        (5, 15): 3,
        (10, 20): 3,
        (15, 25): 1,
        (20, 30): 1,
    }
    assert driver.ledger() == {"processed": 5, "late": 1}
