"""Clock: event time of a partition only ever moves on, by valid events, wanted or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.pipeline.task import Task
from streams.records import SourceRecord
from streams.state.stores.memory import MemoryStore

from .builders import a_batch, a_change, a_driver, a_pipeline, a_topology, laws, send

WINDOW = {
    "table": "per_minute",
    "by": ["id"],
    "window": {"tumbling": "1m", "grace": "10s"},
    "columns": {"n": "count(*)"},
    "late": "late.v1",
}


def late_after(*records: SourceRecord) -> int:
    """How many events of the first minute are late after ``records``."""
    driver = send(a_driver(a_pipeline(aggregate=[WINDOW], filter="code <> 'no'")), *records)
    before = len(driver.records("late.v1"))
    send(driver, a_change(99, time_ms=0))
    return len(driver.records("late.v1")) - before


def test_a_window_is_open_until_its_end_plus_grace() -> None:
    assert late_after(a_change(1, time_ms=69_999)) == 0
    assert late_after(a_change(1, time_ms=70_000)) == 1


def test_a_filtered_event_and_a_duplicate_move_the_clock() -> None:
    assert late_after(a_change(1, time_ms=70_000, code="no")) == 1
    assert late_after(a_change(1, time_ms=0, lsn=7), a_change(1, time_ms=70_000, lsn=7)) == 1


def test_a_dead_event_moves_nothing() -> None:
    assert late_after(a_change(1, time_ms=70_000, omit=["code"])) == 0


def test_an_older_event_does_not_turn_the_clock_back() -> None:
    assert late_after(a_change(1, time_ms=70_000), a_change(1, time_ms=1)) == 1


def test_each_partition_has_a_clock_of_its_own() -> None:
    driver = a_driver(a_pipeline(aggregate=[WINDOW]), partitions={"cdc.orders.v1": 2})

    send(driver, a_change(1, time_ms=500_000), partition=0)
    send(driver, a_change(2, time_ms=0), partition=1)

    assert driver.records("late.v1") == []


def test_the_clock_outlives_a_crash() -> None:
    driver = send(a_driver(a_pipeline(aggregate=[WINDOW])), a_change(1, time_ms=70_000))
    driver.commit()

    driver.restart(lose_uncommitted=True)
    send(driver, a_change(2, time_ms=0))

    assert len(driver.records("late.v1")) == 1


@laws
@given(st.lists(st.integers(-100, 100), min_size=1), st.integers(1, 7))
def test_the_watermark_is_the_largest_time_of_all_batches(times: list[int], size: int) -> None:
    (sub,) = a_topology().subtopologies
    task = Task(sub, 0, MemoryStore())
    seen = []

    for start in range(0, len(times), size):
        piece = [a_change(1, time_ms=time_ms) for time_ms in times[start : start + size]]
        task.process(a_batch(*piece, offset=start), now_ms=0)
        seen.append(task.watermarks()["orders"])

    assert seen == [max(times[: start + size]) for start in range(0, len(times), size)]


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_abort_takes_the_clock_back(is_kept: bool) -> None:
    (sub,) = a_topology().subtopologies
    task = Task(sub, 0, MemoryStore())
    task.process(a_batch(a_change(1, time_ms=5)), now_ms=0)
    if is_kept:
        task.prepare_checkpoint()
        task.commit({}, now_ms=0)

    task.process(a_batch(a_change(1, time_ms=9), offset=1), now_ms=0)
    task.abort()

    assert task.watermarks() == {"orders": 5 if is_kept else None}


@pytest.mark.parametrize("op", ["c", "d"])
def test_a_commit_time_that_is_no_number_is_none_and_the_clock_can_be_read_again(op: str) -> None:
    driver = send(a_driver(a_pipeline()), a_change(1, op=op, source={"ts_ms": True}, time_ms=9))
    driver.commit()

    driver.restart(lose_uncommitted=True)

    assert [record.timestamp_ms for record in send(driver, a_change(1, time_ms=9)).records("orders.v1")] == [9, 9]
