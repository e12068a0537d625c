"""Forget: what cannot come again leaves the state, in pieces, and nobody notices."""

from __future__ import annotations

from streams.pipeline.forget import ENTRIES_PER_CHECKPOINT
from streams.pipeline.results import Checkpoint
from streams.pipeline.task import Task
from streams.state.stores.memory import MemoryStore

from .builders import a_batch, a_change, a_pipeline, a_topology

HOUR_MS = 3_600_000


def a_task() -> Task:
    (sub,) = a_topology(a_pipeline(deduplicate={"by": "identity", "keep": "1h"})).subtopologies
    return Task(sub, 0, MemoryStore())


def checkpoint(task: Task) -> Checkpoint:
    prepared = task.prepare_checkpoint()
    task.commit({}, now_ms=0)
    return prepared


def forgotten(prepared: Checkpoint) -> int:
    """Identities that leave the store."""
    return sum(value is None and b"\0s" in key for key, value in prepared.entries)


def packs_deleted(prepared: Checkpoint) -> int:
    return sum(value is None for run in prepared.changelog for _, value in run.records)


def feed(task: Task, *times: int, start: int) -> None:
    changes = [a_change(id, time_ms=time_ms) for id, time_ms in enumerate(times)]
    task.process(a_batch(*changes, offset=start), now_ms=max(times))


def test_expired_identities_leave_the_store_and_others_stay() -> None:
    task = a_task()
    feed(task, 0, 1, HOUR_MS // 2, start=0)
    checkpoint(task)

    feed(task, HOUR_MS + 1, start=3)

    assert [forgotten(checkpoint(task)) for _ in range(3)] == [2, 0, 0]


def test_a_checkpoint_forgets_a_bounded_number_of_entries() -> None:
    task = a_task()
    feed(task, *([0] * (2 * ENTRIES_PER_CHECKPOINT + 10)), start=0)
    checkpoint(task)

    feed(task, 2 * HOUR_MS, start=2 * ENTRIES_PER_CHECKPOINT + 10)

    found = [forgotten(checkpoint(task)) for _ in range(4)]
    assert (max(found) <= ENTRIES_PER_CHECKPOINT, sum(found), found[-1]) == (True, 2 * ENTRIES_PER_CHECKPOINT + 10, 0)


def test_the_changelog_holds_a_pack_a_checkpoint_and_loses_it_when_its_last_entry_has_expired() -> None:
    task = a_task()
    feed(task, 0, 1, HOUR_MS // 2, start=0)
    written = checkpoint(task)
    feed(task, HOUR_MS + 1, start=3)
    half = checkpoint(task)
    feed(task, 2 * HOUR_MS, start=4)
    whole = checkpoint(task)

    assert sum(len(run.records) for run in written.changelog if run.topic.endswith("state-changelog")) == 4
    assert [packs_deleted(prepared) for prepared in (written, half, whole)] == [0, 0, 1]


def test_without_a_rule_there_is_nothing_to_forget() -> None:
    (sub,) = a_topology(a_pipeline(deduplicate={"by": "none"})).subtopologies
    task = Task(sub, 0, MemoryStore())

    feed(task, 0, 10 * HOUR_MS, start=0)

    assert forgotten(checkpoint(task)) == 0
