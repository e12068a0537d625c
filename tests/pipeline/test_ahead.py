"""Ahead: a pipeline that was set back reads alone what the others of its task have processed."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.pipeline.task import Task
from streams.state.changelog import MARKER_KEY, Marker, decode_marker, encode_marker, read_marker
from streams.state.stores.memory import MemoryStore

from .builders import TOPIC, a_batch, a_change, a_pipeline, a_topology, laws

PIPELINES = (a_pipeline("back", table={"name": "a"}), a_pipeline("on", route=[{"to": "more.v1"}], table={"name": "b"}))


def a_task(on: int, store: MemoryStore | None = None) -> Task:
    """The task begins at 0, pipeline ``on`` is further."""
    (sub,) = a_topology(*PIPELINES).subtopologies
    if store is None:
        store = MemoryStore()
        store.write([(MARKER_KEY, encode_marker(Marker(sources={TOPIC: 0}, plans={"on-state": {TOPIC: on}})))])
    task = Task(sub, 0, store)
    task.start_at(TOPIC, task.position(TOPIC))
    return task


def offsets(task: Task, cuts: list[int], count: int) -> dict[str, list[int]]:
    """By output, which of ``count`` records were processed, in batches that begin at ``cuts``."""
    seen: dict[str, list[int]] = {"orders.v1": [], "more.v1": []}
    places = sorted({0, *cuts, count})
    for first, end in pairwise(places):
        batch = a_batch(*(a_change(offset) for offset in range(first, end)), offset=first)
        for delivery in task.process(batch, now_ms=5).deliveries:
            seen[delivery.topic].append(int((delivery.key or b"").partition(b":")[2].rstrip(b"}")))
    return seen


@laws
@given(st.integers(0, 30), st.lists(st.integers(1, 19), max_size=6))
def test_each_pipeline_processes_a_record_once_however_batches_are_cut(on: int, cuts: list[int]) -> None:
    seen = offsets(a_task(on), cuts, 20)

    assert seen == {"orders.v1": list(range(20)), "more.v1": list(range(on, 20))}


def test_markers_tell_where_each_pipeline_goes_on_and_offsets_where_the_hindmost_does() -> None:
    task = a_task(7)
    offsets(task, [], 3)

    checkpoint = task.prepare_checkpoint()

    markers = {run.topic: decode_marker(run.records[-1][1] or b"").sources for run in checkpoint.changelog[-2:]}
    assert markers == {"app-back-state-changelog": {TOPIC: 3}, "app-on-state-changelog": {TOPIC: 7}}
    assert checkpoint.offsets == {TOPIC: 3}


def test_a_restart_in_the_middle_forgets_nobody_who_is_ahead() -> None:
    task = a_task(7)
    offsets(task, [], 3)
    task.prepare_checkpoint()
    task.commit({}, now_ms=1)

    later = a_task(7, task.store)  # type: ignore[arg-type]  # the store it was made with
    result = later.process(a_batch(*(a_change(offset) for offset in range(3, 9)), offset=3), now_ms=5)

    assert [delivery.key for delivery in result.deliveries if delivery.topic == "more.v1"] == [b'{"id":7}', b'{"id":8}']
    assert dict(read_marker(task.store).plans)["on-state"] == {TOPIC: 7}


def test_only_what_a_pipeline_processed_is_in_its_ledger() -> None:
    result = a_task(2).process(a_batch(a_change(0), a_change(1), a_change(2)), now_ms=5)
    before = a_task(9).process(a_batch(a_change(0)), now_ms=5)

    assert {name: sum(ledger.counts.values()) for name, ledger in result.ledgers.items()} == {"back": 3, "on": 1}
    assert set(before.ledgers) == {"back"}
