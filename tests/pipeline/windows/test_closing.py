"""Closing: windows of very many groups close at once, a part of them at each checkpoint, and each once."""

from __future__ import annotations

from collections import Counter

import pytest

from streams.pipeline.results import Checkpoint
from streams.pipeline.task import Task
from streams.pipeline.windows import closing
from streams.state.stores.memory import MemoryStore

from ..builders import a_batch, a_driver, a_plain, a_plain_pipeline, a_topology, rows_of, send
from .tables import a_windows

MOST = 10
SOURCE = {"key": ["customer_id"]}
FINAL = a_windows({"tumbling": "1s", "retain": "10s"}, by=["customer_id"], emit="final")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "WINDOWS_PER_CHECKPOINT", MOST)


def a_task(groups: int, store: MemoryStore | None = None) -> Task:
    """A task whose windows of ``groups`` groups close with the last of its events."""
    (sub,) = a_topology(a_plain_pipeline(source=SOURCE, aggregate=[FINAL], route=None)).subtopologies
    task = Task(sub, 0, store or MemoryStore())
    if groups:
        records = [a_plain(1, at=0, customer_id=group) for group in range(groups)]
        task.process(a_batch(*records, a_plain(1, at=5_000, customer_id=0)), now_ms=5_000)
    return task


def checkpoint(task: Task) -> Checkpoint:
    prepared = task.prepare_checkpoint()
    task.commit({}, now_ms=0)
    return prepared


def told(prepared: Checkpoint) -> int:
    return len(prepared.deliveries)


@pytest.mark.parametrize(("groups", "parts"), [(9, [9]), (10, [10, 0]), (35, [10, 10, 10, 5])])
def test_a_checkpoint_publishes_a_part_of_what_has_closed_and_the_next_goes_on(groups: int, parts: list[int]) -> None:
    task, found = a_task(groups), []

    while task.is_touched:
        found.append(told(checkpoint(task)))

    assert found == parts


def test_a_new_owner_goes_on_where_the_last_committed_checkpoint_ended() -> None:
    task = a_task(35)
    first = checkpoint(task)
    lost = task.prepare_checkpoint()  # and never committed

    again = a_task(0, store=task.store)  # type: ignore[arg-type]  # the memory store that it was given
    rest = [checkpoint(again) for _ in range(3)]

    keys = Counter(delivery.key for prepared in (first, *rest) for delivery in prepared.deliveries)
    assert (told(lost), len(keys), set(keys.values()), again.is_touched) == (10, 35, {1}, False)


def test_what_closes_meanwhile_comes_behind_and_nothing_twice() -> None:
    task = a_task(25)
    found = [*checkpoint(task).deliveries]
    later = [a_plain(1, at=6_000, customer_id=group) for group in range(20)]
    task.process(a_batch(*later, a_plain(1, at=9_000, customer_id=0), offset=26), now_ms=9_000)

    while task.is_touched:
        found += checkpoint(task).deliveries

    assert (len(found), set(Counter(delivery.key for delivery in found).values())) == (25 + 1 + 20, {1})
    assert [delivery.timestamp_ms for delivery in found] == [0] * 25 + [5_000] + [6_000] * 20


def test_what_waits_to_be_published_is_kept_however_long_ago_it_was() -> None:
    task = a_task(35)
    task.process(a_batch(a_plain(1, at=10**9, customer_id=0), offset=36), now_ms=10**9)

    found = 0
    while task.is_touched:
        found += told(checkpoint(task))

    assert found == 36


def test_closed_windows_are_forgotten_in_parts_too() -> None:
    driver = a_driver(a_plain_pipeline(source=SOURCE, aggregate=[FINAL], route=None))
    send(driver, *(a_plain(1, at=0, customer_id=group) for group in range(35)))
    send(driver, a_plain(1, at=20_000, customer_id=0))

    left = []
    for at in range(20_001, 20_005):
        left.append(len(driver.table("windows")) - 1)
        send(driver, a_plain(1, at=at, customer_id=0))

    assert len([row for row in rows_of(driver.records("windows.v1")) if row]) == 35
    assert left[-1] == 0


def test_a_store_forgets_a_range_of_windows_and_its_changelog_each_of_them() -> None:
    task = a_task(35)
    while task.is_touched:
        checkpoint(task)
    task.process(a_batch(a_plain(1, at=20_000, customer_id=0), offset=36), now_ms=20_000)

    prepared = [checkpoint(task) for _ in range(5)]

    told = [key for one in prepared for run in one.changelog for key, value in run.records if value is None]
    assert (len(told), len(set(told))) == (36, 36)
    assert [len(one.gone) for one in prepared] == [1, 1, 1, 1, 0]
    assert all(value is not None for one in prepared for _, value in one.entries)
    assert len(list(task.store.scan(b"windows\0", b"windows\1"))) == 1
