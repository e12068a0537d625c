"""Inputs: tasks that read several topics, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replace_struct

from streams.errors import JoinMissingError
from streams.pipeline.inputs import MOST_WAITING, PATIENCE_MS, Inputs
from streams.pipeline.plan import Plan
from streams.pipeline.retries.wire import Return, retry_headers
from streams.pipeline.task import Task
from streams.pipeline.topology import SubTopology, Topology, build_topology
from streams.pipeline.uneven import find_uneven
from streams.records import RecordBatch, SourceRecord
from streams.state.changelog import MARKER_KEY, decode_marker
from streams.state.stores.memory import MemoryStore

from .builders import TOPIC, a_batch, a_change, a_pipeline, a_topology, laws

USERS = "cdc.users.v1"
RETRIES = "cdc.orders.v1-orders-retry-5000"


def plans(**changes: object) -> tuple[Plan, Plan]:
    """``orders``, which reads a table of ``users``, and ``users``."""
    users = a_pipeline("users", source={"topic": USERS}, table={"name": "users"}, route=None)
    by_name = {plan.name: plan for plan in a_topology(a_pipeline(table={"name": "latest"}), users).plans}
    return replace(by_name["orders"], **{"partners": ("users",), **changes}), by_name["users"]  # type: ignore[arg-type]


def joined(**changes: object) -> SubTopology:
    (sub,) = build_topology("app", plans(**changes)).subtopologies
    return sub


def a_run(topic: str, *times_ms: int, offset: int = 0) -> RecordBatch:
    held = a_batch(*(a_change(time_ms=time_ms, id=number) for number, time_ms in enumerate(times_ms)), offset=offset)
    records = [
        SourceRecord(topic, 0, record.offset, record.timestamp_ms, record.key, record.value) for record in held.records
    ]
    return replace(held, topic=topic, records=records)


def drained(
    inputs: Inputs, is_caught_up: Callable[[str], bool] = lambda topic: True, now_ms: int = 0
) -> list[tuple[str, int]]:
    """(topic, time) of all that may be processed now, in order."""
    order: list[tuple[str, int]] = []
    while (batch := inputs.next_batch(is_caught_up, now_ms=now_ms)) is not None:
        assert batch.next_offset == batch.records[-1].offset + 1
        order += [(record.topic, record.timestamp_ms) for record in batch.records]
    return order


# -- what is one task


def test_pipelines_that_read_each_others_tables_live_in_the_same_tasks() -> None:
    sub = joined(further_topics=(RETRIES,))

    assert sub.source_topics == (TOPIC, USERS, RETRIES)
    assert [plan.name for plan in sub.plans] == ["orders", "users"]
    assert [plan.name for plan in sub.plans_of(RETRIES)] == ["orders"]
    assert [sub.inputs_of(short) for short, _ in sub.changelogs] == [(), (TOPIC, RETRIES), (), (USERS,)]


def test_a_pipeline_that_ties_two_groups_together_makes_one_of_them() -> None:
    orders, users = plans()
    more = replace(orders, name="more", topic="more.v1", partners=("orders",))
    alone = replace(orders, name="alone", topic="alone.v1", partners=())

    subs = build_topology("app", (more, alone, users, orders)).subtopologies

    assert [sub.source_topics for sub in subs] == [("more.v1", USERS, TOPIC), ("alone.v1",)]


def test_inputs_of_one_task_with_different_partitions_are_refused_by_both_names() -> None:
    topology = build_topology("app", plans())

    assert list(find_uneven(topology, {TOPIC: 4, USERS: 4})) == []
    assert [str(problem) for problem in find_uneven(topology, {TOPIC: 4, USERS: 3})] == [
        f"{USERS}: has 3 partitions, {TOPIC} has 4; pipelines that share tables or topics (orders, users) read both"
        " in one task: give both topics the same number of partitions"
    ]


def test_each_pipeline_processes_its_own_input_and_every_position_is_committed() -> None:
    task = Task(joined(), 0, MemoryStore())

    result = task.process(a_run(USERS, 1_000, 2_000), now_ms=5_000)
    checkpoint = task.prepare_checkpoint()

    assert (list(result.ledgers), result.topic) == (["users"], USERS)
    assert checkpoint.offsets == {TOPIC: 0, USERS: 2}
    markers = [value for run in checkpoint.changelog for key, value in run.records if key == MARKER_KEY]
    assert [decode_marker(value or b"").sources for value in markers] == [{TOPIC: 0, USERS: 2}] * 2


# -- in which order


def test_records_are_read_in_the_order_of_their_event_times() -> None:
    inputs = Inputs(joined())
    inputs.add(a_run(TOPIC, 10, 20, 21, 50))
    inputs.add(a_run(USERS, 5, 20, 40))

    assert drained(inputs) == [
        (USERS, 5), (TOPIC, 10), (USERS, 20), (TOPIC, 20), (TOPIC, 21), (USERS, 40), (TOPIC, 50),
    ]  # fmt: skip


def test_an_event_time_and_not_the_time_of_writing_decides() -> None:
    inputs = Inputs(joined())
    old = a_run(TOPIC, 10)
    inputs.add(replace(old, records=[SourceRecord(TOPIC, 0, 0, 9_000, old.records[0].key, old.records[0].value)]))
    inputs.add(a_run(USERS, 20))

    assert [topic for topic, _ in drained(inputs)] == [TOPIC, USERS]


def test_what_cannot_be_decoded_holds_nobody_up() -> None:
    inputs = Inputs(joined())
    broken = [SourceRecord(TOPIC, 0, 0, 99, None, b"?")]
    inputs.add(RecordBatch(topic=TOPIC, partition=0, records=broken, next_offset=1))
    inputs.add(a_run(USERS, 20))

    assert [topic for topic, _ in drained(inputs)] == [TOPIC, USERS]


def test_an_input_of_which_something_is_on_its_way_is_waited_for_a_second_at_most() -> None:
    inputs = Inputs(joined())
    inputs.add(a_run(TOPIC, 10))

    def on_its_way(topic: str) -> bool:
        return topic != USERS

    assert drained(inputs, on_its_way, now_ms=7) == []
    assert drained(inputs, on_its_way, now_ms=7 + PATIENCE_MS - 1) == []
    assert drained(inputs, on_its_way, now_ms=7 + PATIENCE_MS) == [(TOPIC, 10)]
    inputs.add(a_run(TOPIC, 11, offset=1))
    assert drained(inputs, on_its_way, now_ms=7 + PATIENCE_MS) == [(TOPIC, 11)]


def test_further_inputs_of_a_pipeline_wait_for_nobody() -> None:
    inputs = Inputs(joined(further_topics=(RETRIES,)))
    inputs.add(a_run(TOPIC, 10))
    inputs.add(a_run(RETRIES, 99))

    assert drained(inputs, lambda topic: False) == [(RETRIES, 99)]


def test_an_input_that_waits_for_another_is_fetched_no_further() -> None:
    inputs = Inputs(joined())
    for number in range(MOST_WAITING):
        assert not inputs.is_full(TOPIC)
        inputs.add(a_run(TOPIC, number, offset=number))

    assert (inputs.is_full(TOPIC), inputs.is_full(USERS)) == (True, False)


@laws
@given(st.lists(st.tuples(st.sampled_from([TOPIC, USERS]), st.lists(st.integers(1, 9), min_size=1, max_size=4))))
def test_every_record_comes_once_and_each_input_in_its_own_order(runs: list[tuple[str, list[int]]]) -> None:
    inputs, sent = Inputs(joined()), {TOPIC: 0, USERS: 0}
    came: list[SourceRecord] = []

    def take(batches: Iterable[RecordBatch | None]) -> None:
        for batch in batches:
            if batch is None:
                return
            came.extend(batch.records)

    for topic, times in runs:
        inputs.add(a_run(topic, *times, offset=sent[topic]))
        sent[topic] += len(times)
        take([inputs.next_batch(lambda topic: True, now_ms=0)])
    take(iter(lambda: inputs.next_batch(lambda topic: True, now_ms=0), 0))

    for topic, count in sent.items():
        assert [record.offset for record in came if record.topic == topic] == list(range(count))


def test_topologies_without_joins_are_as_they_were() -> None:
    topology: Topology = a_topology(a_pipeline(), a_pipeline("more", source={"topic": "more.v1"}, route=[{"to": "m"}]))

    assert [sub.source_topics for sub in topology.subtopologies] == [("more.v1",), (TOPIC,)]


# -- what waits for the clock, or for room


def a_tier(*due_ms: int) -> RecordBatch:
    """Events that are due then."""
    held, error = a_run(RETRIES, *due_ms), JoinMissingError("users")
    records = [
        replace_struct(record, headers=retry_headers(a_return(record), error, app="app", due_ms=record.timestamp_ms))
        for record in held.records
    ]
    return replace(held, records=records)


def a_return(record: SourceRecord) -> Return:
    return Return(record=record, part=0, row=b"", attempt=2, found_ms=0)


def test_events_come_back_when_they_are_due_and_hold_nobody_up_before() -> None:
    inputs = Inputs(joined(further_topics=(RETRIES,)))
    inputs.add(a_tier(100, 200, 200, 300))
    inputs.add(a_run(TOPIC, 5))

    def at(clock_ms: int) -> list[tuple[str, int]]:
        batch = inputs.next_batch(lambda topic: True, now_ms=0, clock_ms=clock_ms)
        return [] if batch is None else [(record.topic, record.timestamp_ms) for record in batch.records]

    assert at(99) == [(TOPIC, 5)]
    assert (at(99), inputs.is_resting(RETRIES, clock_ms=99, full=())) == ([], True)
    assert inputs.is_resting(RETRIES, clock_ms=100, full=()) is False
    assert at(250) == [(RETRIES, 100), (RETRIES, 200), (RETRIES, 200)]
    assert (at(299), at(300), at(300)) == ([], [(RETRIES, 300)], [])


def test_a_full_source_is_left_while_the_others_go_on_and_nobody_waits_for_it() -> None:
    inputs = Inputs(joined(further_topics=(RETRIES,)))
    inputs.add(a_run(TOPIC, 5))
    inputs.add(a_run(USERS, 40))

    def next_topic(*full: str) -> str | None:
        batch = inputs.next_batch(lambda topic: topic != TOPIC, now_ms=0, clock_ms=0, full=full)
        return None if batch is None else batch.topic

    assert inputs.is_resting(TOPIC, clock_ms=0, full=(TOPIC,))
    assert (next_topic(TOPIC), next_topic(TOPIC), next_topic()) == (USERS, None, TOPIC)
