"""Restarts: what a stage has heard of time outlives its task, and so does what an upstream has said of itself."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from ..builders import a_plain, laws, rows_of, send
from .test_exchange import HOUR_MS, minutes_driver, results_of


def windows_of(driver: Driver) -> list[tuple[int, int]]:
    """(start, count) of what was published."""
    return [(row["window_start"], row["n"]) for row in results_of(driver)]


def restart(driver: Driver) -> None:
    """All tasks come back from what is committed, and nothing more is told of what they had heard."""
    driver.commit()
    driver.restart(lose_uncommitted=True)


def test_watermarks_of_three_upstreams_are_still_known_when_the_fourth_speaks_after_a_restart() -> None:
    driver = minutes_driver(4)
    for partition in range(3):
        send(driver, a_plain(partition, at=1_000), a_plain(10 + partition, at=200_000), partition=partition)

    restart(driver)
    before = windows_of(driver)
    send(driver, a_plain(20, at=2_000), a_plain(21, at=200_000), partition=3)

    assert before == []
    assert windows_of(driver) == [(0, 4)]


def test_an_upstream_that_was_idle_before_a_restart_is_not_waited_for_after_it() -> None:
    driver = minutes_driver(2)
    send(driver, a_plain(1, at=0), partition=0)
    send(driver, a_plain(2, at=0), partition=1)
    driver.advance(ms=30_000)  # both say that they are idle

    restart(driver)
    send(driver, a_plain(3, at=200_000), partition=0)

    assert windows_of(driver) == [(0, 2)]


def test_an_upstream_that_came_back_before_a_restart_is_waited_for_after_it() -> None:
    driver = minutes_driver(2)
    send(driver, a_plain(1, at=0), partition=0)
    send(driver, a_plain(2, at=0), partition=1)
    driver.advance(ms=30_000)
    send(driver, a_plain(4, at=1_000), partition=1)

    restart(driver)
    send(driver, a_plain(3, at=200_000), partition=0)
    before = windows_of(driver)
    send(driver, a_plain(5, at=3_000), a_plain(6, at=200_000), partition=1)

    assert (before, windows_of(driver)) == ([], [(0, 4)])
    assert rows_of(driver.records("late.v1")) == []


def test_silence_before_a_restart_is_not_counted_on() -> None:
    driver = minutes_driver(2)
    send(driver, a_plain(1, at=0), partition=0)
    send(driver, a_plain(2, at=0), partition=1)
    driver.advance(ms=29_000)

    restart(driver)
    send(driver, a_plain(3, at=200_000), partition=0)
    driver.advance(ms=1_500)  # 30.5 s after its last record, but who knows what waited while nobody read
    before = windows_of(driver)
    driver.advance(ms=30_000)

    assert (before, windows_of(driver)) == ([], [(0, 2)])


def test_a_window_that_was_published_before_a_restart_is_not_published_again() -> None:
    driver = minutes_driver(2)
    for partition in range(2):
        send(driver, a_plain(partition, at=0), a_plain(10 + partition, at=200_000), partition=partition)
    driver.commit()

    for _ in range(3):
        restart(driver)
    driver.advance(ms=HOUR_MS)

    assert windows_of(driver) == [(0, 2), (180_000, 2)]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.integers(0, 3), st.integers(0, 400_000)),
        st.tuples(st.just("pass"), st.sampled_from([1_000, 29_000, 31_000, 200_000])),
        st.tuples(st.sampled_from(["commit", "crash", "restart"])),
    ),
    max_size=40,
)


@laws
@given(STEPS)
def test_whoever_was_idle_or_away_each_event_is_in_one_window_or_late_and_each_window_is_published_once(
    steps: list[tuple[object, ...]],
) -> None:
    driver, sent = minutes_driver(4), 0
    for step in steps:
        match step:
            case "event", int(partition), int(at):
                sent += 1
                send(driver, a_plain(sent, at=at, customer_id=sent % 3, timestamp_ms=500_000), partition=partition)
            case "pass", int(ms):
                driver.advance(ms=ms)
            case ("commit",):
                driver.commit()
            case ("crash",):
                driver.restart(lose_uncommitted=True)
            case _:
                restart(driver)
    driver.advance(ms=HOUR_MS)

    late = [row["id"] for row in rows_of(driver.records("late.v1")) if row is not None]
    published = Counter((row["customer_id"], row["window_start"]) for row in results_of(driver))
    assert sum(row["n"] for row in results_of(driver)) + len(late) == sent
    assert len(late) == len(set(late))
    assert set(published.values()) <= {1}
    assert sum(driver.ledger().values()) == sent
