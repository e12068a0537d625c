"""Aggregate and close: windows of event time, each result as often as it was promised."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.testing import Driver

from .builders import (
    OUT,
    TOPIC,
    a_change,
    a_driver,
    a_pipeline,
    a_plain,
    a_plain_pipeline,
    keys_of,
    laws,
    problems_of,
    rows_of,
    send,
)

DAY_MS = 86_400_000
MINUTE_MS = 60_000


def a_window(**parts: Any) -> dict[str, Any]:
    """Counts and sums by customer, a minute long, open for ten seconds more."""
    described = {
        "table": "windows",
        "by": ["customer_id"],
        "window": {"tumbling": "1m", "grace": "10s"},
        "columns": {"n": "count(*)", "sum": "sum(amount)"},
        "to": "windows.v1",
        "late": "late.v1",
        **parts,
    }
    return {name: part for name, part in described.items() if part is not None}


def a_counting_driver(**parts: Any) -> Driver:
    more = parts.pop("pipeline", {})
    source = {"key": ["customer_id"], "max_future": "3650d"}
    return a_driver(a_plain_pipeline(source=source, aggregate=[a_window(**parts)], **more))


def results(driver: Driver) -> list[tuple[int, int, int]]:
    """(customer, window's start, count) of what was published."""
    return [(row["customer_id"], row["window_start"], row["n"]) for row in rows_of(driver.records("windows.v1")) if row]


# -- which window, and what counts


@pytest.mark.parametrize(
    ("at", "start"), [(0, 0), (59_999, 0), (60_000, 60_000), (-1, -60_000), (-60_000, -60_000), (-60_001, -120_000)]
)
def test_windows_are_half_open_and_begin_at_the_epoch(at: int, start: int) -> None:
    driver = send(a_counting_driver(), a_plain(1, at=at))

    assert set(driver.table("windows")) == {(7, start, start + MINUTE_MS)}


def test_a_result_names_its_group_and_its_window_and_has_the_newest_time() -> None:
    driver = send(a_counting_driver(), a_plain(1, at=9), a_plain(2, at=5))

    (record,) = driver.records("windows.v1")
    assert record.key == b'{"customer_id":7,"window_start":0,"window_end":60000}'
    assert record.value == b'{"customer_id":7,"window_start":0,"window_end":60000,"n":2,"sum":10}'
    assert record.timestamp_ms == 9


def test_inserts_updates_and_deletes_count_once_each_and_a_snapshot_not_at_all() -> None:
    counts = {"table": "counts", "by": ["id"], "columns": {"n": "count(*)"}}
    driver = a_driver(a_pipeline(aggregate=[counts]))

    send(driver, a_change(1, op="r"), a_change(1), a_change(1, op="u"), a_change(1, op="d"), a_change(2, op="r"))

    assert {key: row["n"] for key, row in driver.table("counts").items()} == {1: 3}


def test_without_a_window_nothing_is_ever_late() -> None:
    driver = send(a_counting_driver(window=None), a_plain(1, at=DAY_MS), a_plain(2, at=0))

    assert driver.table("windows") == {7: {"customer_id": 7, "n": 2, "sum": 10}}
    assert driver.records("late.v1") == []


# -- lateness


def test_a_late_event_is_published_as_such_and_changes_no_window() -> None:
    driver = send(a_counting_driver(), a_plain(1, at=70_000), a_plain(2, at=59_999))

    (late,) = driver.records("late.v1")
    assert (late.key, late.headers) == (b'{"customer_id":7}', (("__contract.late.table", b"windows"),))
    assert late.timestamp_ms == 59_999
    assert set(driver.table("windows")) == {(7, MINUTE_MS, 2 * MINUTE_MS)}


def test_an_event_may_be_late_for_one_table_and_not_for_another() -> None:
    patient = a_window(table="patient", window={"tumbling": "1m", "grace": "1h"}, late=None, to=None)
    driver = a_driver(a_plain_pipeline(source={"key": ["customer_id"]}, aggregate=[a_window(), patient], route=None))

    send(driver, a_plain(1, at=70_000), a_plain(2, at=0))

    assert (len(driver.table("windows")), len(driver.table("patient"))) == (1, 2)
    assert driver.ledger() == {"processed": 2}


# -- emission


def test_current_publishes_the_last_value_at_each_checkpoint() -> None:
    driver = send(a_counting_driver(), a_plain(1, at=0), a_plain(2, at=1))
    first = results(driver)
    send(driver, a_plain(3, at=2))

    assert (first, results(driver)) == ([(7, 0, 2)], [(7, 0, 2), (7, 0, 3)])
    driver.commit()
    assert len(results(driver)) == 2


def test_final_publishes_once_when_the_window_closes() -> None:
    driver = send(a_counting_driver(emit="final"), a_plain(1, at=0), a_plain(2, at=69_999))
    assert results(driver) == []

    send(driver, a_plain(3, at=70_000))
    assert results(driver) == [(7, 0, 1)]

    driver.restart()
    send(driver, a_plain(4, at=0), a_plain(5, at=500_000))
    assert results(driver) == [(7, 0, 1), (7, MINUTE_MS, 2)]


def test_final_closes_all_windows_that_time_jumps_over_oldest_first() -> None:
    driver = a_counting_driver(emit="final")

    send(driver, a_plain(1, at=129_999), a_plain(2, at=125_000, customer_id=3), a_plain(3, at=100_000))
    send(driver, a_plain(4, at=DAY_MS))

    assert results(driver) == [(7, MINUTE_MS, 1), (3, 2 * MINUTE_MS, 1), (7, 2 * MINUTE_MS, 1)]


# -- idle


def test_an_idle_input_closes_its_windows_after_size_grace_and_idle() -> None:
    driver = send(a_counting_driver(emit="final", idle="5s"), a_plain(1, at=1_000))

    driver.advance(ms=74_999)
    assert results(driver) == []
    driver.advance(ms=1)
    assert results(driver) == [(7, 0, 1)]
    driver.advance(ms=DAY_MS)
    assert results(driver) == [(7, 0, 1)]


def test_what_comes_behind_an_idle_close_is_late_for_it_and_timely_for_the_next() -> None:
    driver = send(a_counting_driver(emit="final", idle="5s"), a_plain(1, at=1_000))
    driver.advance(ms=75_000)

    send(driver, a_plain(2, at=2_000), a_plain(3, at=MINUTE_MS), a_plain(4, at=200_000))

    assert results(driver) == [(7, 0, 1), (7, MINUTE_MS, 1)]
    assert len(driver.records("late.v1")) == 1


def test_an_input_that_has_shown_nothing_has_nothing_to_close() -> None:
    driver = a_counting_driver(emit="final")

    driver.advance(ms=DAY_MS)

    assert results(driver) == []


def test_a_crash_begins_the_silence_anew_and_loses_no_window() -> None:
    driver = send(a_counting_driver(emit="final", idle="5s"), a_plain(1, at=1_000))
    driver.advance(ms=70_000)
    driver.restart()

    driver.advance(ms=1)
    driver.advance(ms=74_998)
    assert results(driver) == []
    driver.advance(ms=1)
    assert results(driver) == [(7, 0, 1)]


# -- retention


def test_a_closed_window_can_be_asked_for_a_day_and_is_gone_then() -> None:
    driver = send(a_counting_driver(), a_plain(1, at=0))
    send(driver, a_plain(2, at=DAY_MS + 69_999, customer_id=1))
    assert (7, 0, MINUTE_MS) in driver.table("windows")

    send(driver, a_plain(3, at=DAY_MS + 130_000, customer_id=1))
    assert (7, 0, MINUTE_MS) not in driver.table("windows")
    driver.restart()
    assert (7, 0, MINUTE_MS) not in driver.table("windows")


# -- attached results


def test_a_route_shows_the_window_that_an_event_fell_into_as_it_then_stood() -> None:
    route = [{"to": OUT, "attach": {"running": "windows.n", "so_far": "windows.sum"}}]
    driver = a_counting_driver(pipeline={"route": route})

    send(driver, a_plain(1, at=1, amount=3), a_plain(2, at=2, amount=4), a_plain(3, at=70_000), a_plain(4, at=3))

    published = [(row["running"], row["so_far"]) for row in rows_of(driver.records(OUT)) if row]
    assert published == [(1, 3), (2, 7), (1, 5), (None, None)]


# -- refusals


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"by": ["customer_id", "emial"]}, "aggregate[0].by: no column 'emial'"),
        ({"columns": {"customer_id": "count(*)"}}, "columns.customer_id: a result has this column already"),
        ({"columns": {"window_end": "count(*)"}}, "columns.window_end: a result has this column already"),
        ({"window": {"grace": "1s"}}, "aggregate[0].window: name its length, such as tumbling: 1m"),
        ({"window": {"tumbling": "0s"}}, "aggregate[0].window.tumbling: a window is longer than nothing"),
        ({"window": {"tumbling": "9999999999d"}}, "aggregate[0].window.tumbling: must match"),
        ({"window": None, "emit": "final"}, "aggregate[0].emit: without a window nothing is ever final"),
    ],
)
def test_an_aggregate_that_cannot_work_is_refused(parts: dict[str, object], says: str) -> None:
    (problem,) = problems_of(a_plain_pipeline(source={"key": ["customer_id"]}, aggregate=[a_window(**parts)]))

    assert says in problem


# -- the law: a naive model


@dataclass(frozen=True, kw_only=True)
class Fed:
    """What a model says of events fed one by one: sums, results of closed windows, late ones."""

    open_or_kept: dict[tuple[int, int], tuple[int, int]]
    finals: Counter[tuple[int, int, int, int]]
    late: list[int]


def modelled(events: list[tuple[int, int, int]], size_ms: int, grace_ms: int) -> Fed:
    """Of (time, customer, amount), in their order."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    late, watermark = [], -(10**15)
    for place, (time_ms, customer, amount) in enumerate(events):
        watermark = max(watermark, time_ms)
        start = time_ms // size_ms * size_ms
        if start + size_ms + grace_ms <= watermark:
            late.append(place)
        else:
            groups[customer, start].append(amount)
    sums = {key: (len(amounts), sum(amounts)) for key, amounts in groups.items()}
    closed = {key: held for key, held in sums.items() if key[1] + size_ms + grace_ms <= watermark}
    finals = Counter((customer, start, n, total) for (customer, start), (n, total) in closed.items())
    return Fed(open_or_kept=sums, finals=finals, late=late)


EVENTS = st.lists(st.tuples(st.integers(-30, 120), st.integers(1, 2), st.integers(-5, 5)), max_size=25)
MISHAPS = st.lists(st.sampled_from(["go on", "go on", "commit", "crash", "move on"]), min_size=25, max_size=25)


@laws
@given(EVENTS, MISHAPS, st.sampled_from([1, 7, 10]), st.sampled_from([0, 3, 20]))
def test_windows_are_those_of_a_naive_model_whatever_happens(
    events: list[tuple[int, int, int]], mishaps: list[str], size_ms: int, grace_ms: int
) -> None:
    window = {"tumbling": f"{size_ms}ms", "grace": f"{grace_ms}ms"}
    current = a_window(table="live", window=window, to="live.v1", late="live.late.v1")
    final = a_window(window=window, emit="final")
    driver = a_driver(
        a_plain_pipeline(source={"key": ["customer_id"]}, aggregate=[final, current]), start_ms=1_000_000
    )
    for (time_ms, customer, amount), mishap in zip(events, mishaps, strict=False):
        send(driver, a_plain(1, at=time_ms, customer_id=customer, amount=amount, timestamp_ms=0))
        match mishap:
            case "commit":
                driver.commit()
            case "crash":
                driver.restart(lose_uncommitted=True)
            case "move on":
                driver.advance(ms=1)
    expected = modelled(events, size_ms, grace_ms)

    finals = rows_of(driver.records("windows.v1"))
    assert Counter((r["customer_id"], r["window_start"], r["n"], r["sum"]) for r in finals if r) == expected.finals
    live = {(key, start): (row["n"], row["sum"]) for (key, start, _), row in windows_of(driver, "live")}
    assert live == expected.open_or_kept
    last = {(r["customer_id"], r["window_start"]): (r["n"], r["sum"]) for r in rows_of(driver.records("live.v1")) if r}
    assert last == expected.open_or_kept
    assert len(driver.records("late.v1")) == len(driver.records("live.late.v1")) == len(expected.late)


def windows_of(driver: Driver, table: str) -> list[tuple[tuple[int, int, int], dict[str, Any]]]:
    return [(key, dict(row)) for key, row in driver.table(table).items() if isinstance(key, tuple)]


@laws
@given(EVENTS)
def test_partitions_of_one_topic_have_the_same_sums_without_windows(events: list[tuple[int, int, int]]) -> None:
    one, three = (
        a_driver(
            a_plain_pipeline(source={"key": ["customer_id"]}, aggregate=[a_window(window=None)]),
            partitions={TOPIC: count},
            start_ms=1_000_000,
        )
        for count in (1, 3)
    )
    for driver in (one, three):
        for time_ms, customer, amount in events:
            record = a_plain(1, at=time_ms, customer_id=customer, amount=amount)
            driver.send(TOPIC, key=b"%d" % customer, value=record.value, timestamp_ms=0)

    assert three.table("windows") == one.table("windows")
    published = [Counter(map(str, keys_of(driver.records("windows.v1")))) for driver in (one, three)]
    assert published[0] == published[1]
