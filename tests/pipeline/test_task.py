"""A task: savepoints, checkpoints, aborts, and one poison record among good ones."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ledger import Outcome
from streams.pipeline.query import scan_rows
from streams.pipeline.results import BatchResult
from streams.pipeline.task import Task
from streams.records import SourceRecord
from streams.state.changelog import MARKER_KEY, decode_marker, read_marker
from streams.state.stores.memory import MemoryStore

from .builders import DEAD, OUT, TOPIC, a_batch, a_change, a_pipeline, a_source_record, a_topology, laws

COLUMNS = {"n": "count(*)", "sum": "sum(amount)", "other": "sum(customer_id)"}
TOTALS = {"table": "totals", "by": ["id"], "columns": COLUMNS, "to": "totals.v1"}
PIPELINE = a_pipeline(table={"name": "latest"}, aggregate=[TOTALS])
POISON = a_change(2, customer_id=Decimal("1e9999999"))
"""Honours its contract and makes a step raise: no context can add it up."""


def a_task(store: MemoryStore | None = None, *pipelines: Mapping[str, Any]) -> Task:
    (sub,) = a_topology(*(pipelines or (PIPELINE,))).subtopologies
    return Task(sub, 3, MemoryStore() if store is None else store)


def keys(result: BatchResult) -> list[tuple[str, bytes | None]]:
    return [(delivery.topic, delivery.key) for delivery in result.deliveries]


def commit(task: Task) -> None:
    task.prepare_checkpoint()
    task.commit({}, now_ms=0)


def held(task: Task, table: str) -> dict[object, dict[str, object]]:
    """The committed rows of a table."""
    return {row.key[0]: row.row for _, row in scan_rows(task.store, task.sub.plans[0], table)}


# -- poison


def test_a_record_that_makes_a_step_raise_is_dead_alone() -> None:
    task = a_task()

    result = task.process(a_batch(a_change(1), POISON, a_change(3), a_change(4)), now_ms=5)

    assert keys(result) == [(OUT, b'{"id":1}'), (DEAD, b'{"id":2}'), (OUT, b'{"id":3}'), (OUT, b'{"id":4}')]
    ledger = result.ledgers["orders"]
    assert (dict(ledger.counts), ledger.is_balanced()) == ({Outcome.PROCESSED: 3, Outcome.DEAD: 1}, True)
    assert ledger.reasons() == {"internal_error": 1}
    assert task.position(TOPIC) == 4


def test_what_a_poisoned_batch_leaves_is_what_the_others_alone_leave() -> None:
    poisoned, clean = a_task(), a_task()
    first, second, third = a_change(1), a_change(1, op="u", amount=7), a_change(3)

    for task, batches in ((poisoned, [[first], [second, POISON, third]]), (clean, [[first], [second, third]])):
        offset = 0
        for batch in batches:
            task.process(a_batch(*batch, offset=offset), now_ms=5)
            offset += len(batch)
        commit(task)

    assert held(poisoned, "latest") == held(clean, "latest")
    assert held(poisoned, "totals") == held(clean, "totals") == {
        1: {"id": 1, "n": 2, "sum": 12, "other": 14},
        3: {"id": 3, "n": 1, "sum": 5, "other": 7},
    }


def test_an_internal_error_says_what_was_raised_and_no_value() -> None:
    (_, dead) = a_task().process(a_batch(a_change(1), POISON), now_ms=5).deliveries

    text = b" ".join(value or b"" for _, value in dead.headers)
    assert b"a step raised Overflow" in text
    assert b"9999999" not in text


def test_a_poison_of_one_pipeline_is_fine_for_another() -> None:
    task = a_task(None, PIPELINE, a_pipeline("more", route=[{"to": "more.v1"}]))

    result = task.process(a_batch(POISON, a_change(1)), now_ms=5)

    assert [key for topic, key in keys(result) if topic == "more.v1"] == [b'{"id":2}', b'{"id":1}']
    assert [dict(result.ledgers[name].counts) for name in ("orders", "more")] == [
        {Outcome.DEAD: 1, Outcome.PROCESSED: 1},
        {Outcome.PROCESSED: 2},
    ]


def test_what_is_too_large_to_publish_is_dead_alone_and_by_its_own_name() -> None:
    task = a_task(None, a_pipeline(derive={"more": "note || note"}))

    result = task.process(a_batch(a_change(1), a_change(2, note="x" * 600_000), a_change(3)), now_ms=5)

    assert [topic for topic, _ in keys(result)] == [OUT, DEAD, OUT]
    assert result.ledgers["orders"].reasons() == {"too_large": 1}


# -- checkpoints


def test_a_checkpoint_holds_results_changes_and_the_marker_last() -> None:
    task = a_task()
    task.process(a_batch(a_change(1), offset=6), now_ms=5)

    checkpoint = task.prepare_checkpoint()

    assert [(delivery.topic, delivery.key) for delivery in checkpoint.deliveries] == [("totals.v1", b'{"id":1}')]
    topics = {run.topic for run in checkpoint.changelog}
    assert topics == {"app-orders-state-changelog", "app-latest-changelog", "app-totals-changelog"}
    assert {run.partition for run in checkpoint.changelog} == {3}
    ((key, value),) = checkpoint.changelog[-1].records
    assert (key, decode_marker(value or b"").sources) == (MARKER_KEY, {TOPIC: 7})
    assert checkpoint.offsets == {TOPIC: 7}


def test_nothing_is_in_the_store_before_the_commit_and_all_of_it_behind() -> None:
    task = a_task()
    task.process(a_batch(a_change(1)), now_ms=5)
    task.prepare_checkpoint()
    assert list(task.store.scan(b"", b"\xff")) == []

    task.commit({"app-latest-changelog": 12}, now_ms=9)

    marker = read_marker(task.store)
    assert (marker.sources, marker.changelogs, marker.written_ms) == ({TOPIC: 1}, {"app-latest-changelog": 12}, 9)
    assert marker.fingerprint == task.sub.fingerprint
    assert set(held(task, "latest")) == {1}


def test_a_task_goes_on_where_its_store_was_committed() -> None:
    store = MemoryStore()
    first = a_task(store)
    first.process(a_batch(a_change(1), a_change(1, op="u", note="x")), now_ms=5)
    commit(first)

    second = a_task(store)
    second.process(a_batch(a_change(1, op="u", note="__debezium_unavailable_value"), offset=2), now_ms=5)
    commit(second)

    assert (second.position(TOPIC), held(second, "totals")[1]["n"], held(second, "latest")[1]["note"]) == (3, 3, "x")


def test_commit_without_prepare_is_a_bug() -> None:
    with pytest.raises(RuntimeError, match="without a prepared checkpoint"):
        a_task().commit({}, now_ms=0)


def test_a_task_is_touched_from_its_first_record_to_its_commit() -> None:
    task = a_task()
    seen = [task.is_touched]

    task.process(a_batch(a_source_record(None)), now_ms=5)
    seen.append(task.is_touched)
    commit(task)

    assert [*seen, task.is_touched] == [False, True, False]


def test_bytes_since_the_last_checkpoint_are_counted() -> None:
    task = a_task()
    task.process(a_batch(a_change(1)), now_ms=5)
    before = task.pending_bytes
    commit(task)

    assert (before > 100, task.pending_bytes) == (True, 0)


# -- abort


def test_an_abort_is_as_if_nothing_had_come_since_the_commit() -> None:
    task = a_task()
    task.process(a_batch(a_change(1)), now_ms=5)
    commit(task)
    task.process(a_batch(a_change(1, op="d"), a_change(2), offset=1), now_ms=6)
    task.prepare_checkpoint()

    task.abort()

    assert (task.position(TOPIC), task.is_touched, task.pending_bytes) == (1, False, 0)
    commit(task)
    assert set(held(task, "latest")) == set(held(task, "totals")) == {1}


CHANGES = st.lists(
    st.builds(
        a_change,
        st.integers(1, 3),
        op=st.sampled_from("cud"),
        lsn=st.integers(1, 9),
        amount=st.integers(0, 5),
    )
    | st.just(POISON)
    | st.just(a_source_record(b"{")),
    max_size=15,
)


@laws
@given(CHANGES, st.lists(st.sampled_from(["commit", "abort", "go on"]), min_size=15, max_size=15), st.integers(1, 4))
def test_aborts_and_poison_at_any_point_leave_the_same_state(
    changes: list[SourceRecord], steps: list[str], size: int
) -> None:
    straight, task = a_task(), a_task()
    if changes:
        straight.process(a_batch(*changes), now_ms=5)
    commit(straight)

    remaining = iter(steps)
    while (start := task.position(TOPIC)) < len(changes):
        task.process(a_batch(*changes[start : start + size], offset=start), now_ms=5)
        match next(remaining, "commit"):
            case "commit":
                commit(task)
            case "abort":
                task.abort()
    commit(task)

    assert held(task, "latest") == held(straight, "latest")
    assert held(task, "totals") == held(straight, "totals")


# -- what travels to other tasks


def test_one_group_of_everything_costs_its_task_one_record_a_batch_and_not_one_an_event() -> None:
    columns = {"n": "count(*)", "most": "max(amount)", "codes": "count(distinct code)"}
    whole = [{"table": f"of_{over}", "over": over, "by": [], "columns": columns} for over in ("changes", "rows")]
    sub, _ = a_topology(a_pipeline(aggregate=whole, route=None)).subtopologies
    task = Task(sub, 3, MemoryStore(), partitions=4)

    result = task.process(a_batch(*(a_change(id, amount=id, code=f"C{id % 9}") for id in range(500))), now_ms=5)

    sent = [delivery for delivery in result.deliveries if delivery.topic == "app-orders-by-all-repartition"]
    assert [delivery.key for delivery in sent] == [b"[]", b"[]"]
    assert task.process(a_batch(offset=500), now_ms=6).deliveries == []
