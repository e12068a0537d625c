"""When windows speak. Facts are those of Beam's trigger and window tests that have an equivalent here.

Beam's default trigger is ``emit: final``, its allowed lateness the grace: what comes within it is waited for, so there
are no late panes. Repeated early firings that accumulate are ``emit: current``.
"""

from __future__ import annotations

from typing import Any

import pytest

from .tables import a_windows_driver, feed, kept, last_published, late, published

TEN = {"tumbling": "10ms"}


@pytest.mark.parametrize(
    ("window", "windows"),
    [
        # FixedWindowsTest.testSimpleFixedWindow
        ({"tumbling": "10ms"}, {0: {1, 2, 5, 9}, 10: {10, 11}, 100: {100}}),
        # SlidingWindowsTest.testSimple
        (
            {"hopping": {"size": "10ms", "step": "5ms"}},
            {-5: {1, 2}, 0: {1, 2, 5, 9}, 5: {5, 9, 10, 11}, 10: {10, 11}, 95: {100}, 100: {100}},
        ),
        # SlidingWindowsTest.testSlightlyOverlapping
        (
            {"hopping": {"size": "7ms", "step": "5ms"}},
            {-5: {1}, 0: {1, 2, 5}, 5: {5, 9, 10, 11}, 10: {10, 11}, 95: {100}, 100: {100}},
        ),
    ],
)
def test_which_events_are_in_which_windows(window: dict[str, Any], windows: dict[int, set[int]]) -> None:
    driver = feed(a_windows_driver(window), *[("k", at % 50, at) for at in (1, 2, 5, 9, 10, 11, 100)])

    found = {start: {number or 100 for number in held} for (_, start, _), held in kept(driver).items()}
    assert found == windows


def test_at_the_end_of_a_window_there_is_one_result_and_no_earlier() -> None:
    """AfterWatermarkStateMachineTest: not before the watermark is at the end, then once."""
    driver = feed(a_windows_driver(TEN, emit="final"), ("k", 0, 1), ("k", 1, 5))
    driver.commit()
    assert published(driver) == []

    feed(driver, ("other", 0, 9))
    assert published(driver) == []

    feed(driver, ("other", 1, 10))
    assert [held for held in published(driver) if held[0][0] == "k"] == [(("k", 0, 10), {0, 1})]

    feed(driver, ("other", 2, 50))
    assert len([held for held in published(driver) if held[0][0] == "k"]) == 1


def test_what_comes_within_the_allowed_lateness_is_in_the_one_result() -> None:
    """Beam would fire a late pane for it."""
    driver = feed(a_windows_driver({**TEN, "grace": "5ms"}, emit="final"), ("k", 0, 1), ("k", 1, 14), ("k", 2, 9))
    assert published(driver) == []

    feed(driver, ("k", 3, 15), ("k", 4, 9))

    assert (published(driver), late(driver)) == ([(("k", 0, 10), {0, 2})], [9])


def test_early_results_accumulate_and_each_takes_the_place_of_the_one_before() -> None:
    """TriggerStateMachine tests with accumulating panes."""
    driver = feed(a_windows_driver(TEN), ("k", 0, 1))
    driver.commit()
    feed(driver, ("k", 1, 2), ("k", 2, 3))
    driver.commit()
    feed(driver, ("k", 3, 4))

    assert published(driver) == [(("k", 0, 10), {0}), (("k", 0, 10), {0, 1, 2}), (("k", 0, 10), {0, 1, 2, 3})]


def test_a_window_without_events_says_nothing() -> None:
    """ReduceFnRunnerTest: no empty panes."""
    driver = feed(a_windows_driver(TEN, emit="final"), ("k", 0, 1), ("k", 1, 95))

    assert published(driver) == [(("k", 0, 10), {0})]


def test_merged_windows_speak_once_as_one() -> None:
    """testMergingWithCloseTrigger and its like: the merged window's own end counts, not those of its parts."""
    driver = feed(a_windows_driver({"session": "10ms"}, emit="final"), ("k", 0, 0), ("k", 1, 10))
    feed(driver, ("other", 0, 20))
    assert published(driver) == []

    feed(driver, ("other", 1, 21))

    assert published(driver) == [(("k", 0, 10), {0, 1})]


def test_what_merging_takes_back_stays_taken_back_after_a_crash() -> None:
    driver = feed(a_windows_driver({"session": "10ms", "grace": "1s"}), ("k", 0, 0), ("k", 1, 20))
    driver.commit()
    feed(driver, ("k", 2, 10))
    driver.restart(lose_uncommitted=True)

    assert last_published(driver) == kept(driver) == {("k", 0, 20): {0, 1, 2}}
    assert [window for window, held in published(driver) if held is None] == [("k", 0, 0), ("k", 20, 20)]


@pytest.mark.parametrize("window", [{"session": "10s"}, {"sliding": "10s"}, {"hopping": {"size": "10s", "step": "5s"}}])
@pytest.mark.parametrize("is_exchanged", [False, True])
def test_when_nothing_comes_any_more_the_wall_clock_closes_windows(window: dict[str, Any], is_exchanged: bool) -> None:
    driver = a_windows_driver({**window, "grace": "2s"}, emit="final", idle="5s", is_exchanged=is_exchanged)
    feed(driver, ("k", 0, 1_000))

    driver.advance(ms=16_999)
    before = published(driver)
    driver.advance(ms=5_002)

    assert (before, {window[0] for window, _ in published(driver)}) == ([], {"k"})
    assert len(published(driver)) == len(kept(driver))
