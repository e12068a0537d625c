"""Assignor: every task has one worker, shares are even, and a rebalance moves no more than it must."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocol
from hypothesis import given
from hypothesis import strategies as st

from streams.worker.assignor import GroupFacts, MemberFacts, Place, TaskAssignor, assign_tasks

NAMES = [f"w{number}" for number in range(12)]
COUNTS = st.integers(0, 40)
SIZES = st.integers(1, 8)


def tasks(count: int, topic: str = "orders") -> list[Place]:
    return [(topic, number) for number in range(count)]


def members(*names: str, owned: Mapping[str, Iterable[Place]] | None = None) -> dict[str, MemberFacts]:
    """Members by id: an id is of one session, the instance outlives it."""
    held = owned or {}
    return {f"id-{name}": MemberFacts(instance=name, owned=tuple(held.get(name, ()))) for name in names}


def by_instance(plan: Mapping[str, list[Place]]) -> dict[str, list[Place]]:
    return {member.removeprefix("id-"): places for member, places in plan.items()}


def moved(before: Mapping[str, list[Place]], after: Mapping[str, list[Place]]) -> int:
    """Tasks whose worker is another one, counted where they arrive."""
    return sum(len(set(places) - set(before.get(name, ()))) for name, places in after.items())


def assert_fair(plan: Mapping[str, list[Place]], count: int) -> None:
    given_out = sorted(place for places in plan.values() for place in places)
    sizes = [len(places) for places in plan.values()]
    assert given_out == sorted(tasks(count))
    assert max(sizes) - min(sizes) <= 1


def test_four_partitions_over_three_workers_are_two_one_one() -> None:
    plan = assign_tasks(tasks(4), members("a", "b", "c"))

    assert sorted(map(len, plan.values()), reverse=True) == [2, 1, 1]


def test_a_worker_that_comes_back_under_another_member_id_gets_its_own_tasks() -> None:
    before = assign_tasks(tasks(4), members("a", "b"))

    again = {
        "id-x": MemberFacts(instance="a", stored=tuple(before["id-a"])),
        "id-y": MemberFacts(instance="b", owned=tuple(tasks(4)), stored=tuple(tasks(4))),
    }

    assert assign_tasks(tasks(4), again) == {"id-x": before["id-a"], "id-y": before["id-b"]}


def test_state_from_long_ago_takes_nothing_from_the_worker_that_has_the_task() -> None:
    had = {
        "id-a": MemberFacts(instance="a", owned=tuple(tasks(4)[:2])),
        "id-b": MemberFacts(instance="b", owned=tuple(tasks(4)[2:]), stored=tuple(tasks(4))),
    }

    assert assign_tasks(tasks(4), had) == {"id-a": tasks(4)[:2], "id-b": tasks(4)[2:]}


def test_a_worker_that_joins_gets_a_share_of_every_topic_not_all_of_one() -> None:
    both = [*tasks(4, "busy"), *tasks(4, "quiet")]

    plan = assign_tasks(both, members("a", "b", owned={"a": both}))

    assert {name: Counter(topic for topic, _ in places) for name, places in by_instance(plan).items()} == {
        "a": {"busy": 2, "quiet": 2},
        "b": {"busy": 2, "quiet": 2},
    }


@given(count=COUNTS, size=SIZES, claims=st.lists(st.lists(st.integers(0, 45), max_size=20), max_size=8))
def test_whatever_members_claim_every_task_has_one_worker_and_shares_are_even(
    count: int, size: int, claims: list[list[int]]
) -> None:
    places = [tuple(("orders", number) for number in numbers) for numbers in claims + [[]] * (size + 2)]
    facts = {
        name: MemberFacts(instance=name, owned=places[index], stored=places[index + 2])
        for index, name in enumerate(NAMES[:size])
    }

    assert_fair(assign_tasks(tasks(count), facts), count)


@given(count=COUNTS, size=SIZES)
def test_a_rebalance_that_changes_nothing_moves_nothing(count: int, size: int) -> None:
    before = by_instance(assign_tasks(tasks(count), members(*NAMES[:size])))

    after = by_instance(assign_tasks(tasks(count), members(*NAMES[:size], owned=before)))

    assert moved(before, after) == 0


@given(count=COUNTS, size=SIZES)
def test_a_worker_that_joins_takes_its_share_and_nothing_else_moves(count: int, size: int) -> None:
    before = by_instance(assign_tasks(tasks(count), members(*NAMES[1 : size + 1])))

    after = by_instance(assign_tasks(tasks(count), members(*NAMES[: size + 1], owned=before)))

    assert_fair(after, count)
    assert moved(before, after) == len(after[NAMES[0]])


@given(count=COUNTS, size=st.integers(2, 8), gone=st.integers(0, 7))
def test_when_a_worker_leaves_only_its_tasks_move(count: int, size: int, gone: int) -> None:
    names = NAMES[:size]
    before = by_instance(assign_tasks(tasks(count), members(*names)))
    left = names[gone % size]

    rest = [name for name in names if name != left]
    after = by_instance(assign_tasks(tasks(count), members(*rest, owned=before)))

    assert_fair(after, count)
    assert moved(before, after) == len(before[left])


@dataclass(frozen=True)
class Topics:
    """The cluster's metadata as far as an assignor asks."""

    counts: Mapping[str, int]

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.counts[topic])) if topic in self.counts else None


def an_assignor(
    instance: str, learnt: list[GroupFacts], *groups: tuple[str, ...], pipelines: tuple[str, ...] = ()
) -> TaskAssignor:
    facts = MemberFacts(instance=instance, web=f"http://127.0.0.1/{instance}", pipelines=pipelines)
    return TaskAssignor(groups, lambda: facts, learnt.append)


def over_the_wire(held: object, kind: object) -> object:
    """The same through the bytes that the broker passes on."""
    return kind.decode(held.encode())  # type: ignore[attr-defined]


def test_the_leaders_plan_reaches_every_member_with_addresses_and_owners() -> None:
    learnt: list[GroupFacts] = []
    assignor = an_assignor("a", learnt, ("orders",))
    joined = {
        f"id-{name}": over_the_wire(an_assignor(name, [], ("orders",)).metadata(["orders"]), ConsumerProtocol.METADATA)
        for name in ("a", "b")
    }

    plan = assignor.assign(Topics({"orders": 3}), joined)
    received = over_the_wire(plan["id-b"], ConsumerProtocol.ASSIGNMENT)
    assignor.on_assignment(received)

    assert received.assignment == [("orders", [1])]  # type: ignore[attr-defined]
    assert learnt == [
        GroupFacts(
            web={"a": "http://127.0.0.1/a", "b": "http://127.0.0.1/b"},
            owners={"orders": {0: "a", 1: "b", 2: "a"}},
        )
    ]


def test_topics_of_one_sub_topology_go_together() -> None:
    groups = (("orders", "orders-retry"), ("users",))
    topics = ["orders", "orders-retry", "users"]
    joined = {f"id-{name}": an_assignor(name, [], *groups).metadata(topics) for name in ("a", "b", "c")}

    plan = an_assignor("a", [], *groups).assign(Topics({"orders": 4, "orders-retry": 4, "users": 2}), joined)

    given_out = [dict(held.assignment) for held in plan.values()]
    assert all(held.get("orders") == held.get("orders-retry") for held in given_out)
    assert sorted(number for held in given_out for number in held.get("orders", ())) == [0, 1, 2, 3]
    assert [sum(map(len, (held.get("orders", ()), held.get("users", ())))) for held in given_out] == [2, 2, 2]


def test_a_task_goes_only_to_members_that_read_its_topics(caplog: pytest.LogCaptureFixture) -> None:
    groups = (("orders",), ("users",))
    joined = {
        "id-old": an_assignor("old", [], ("orders",), pipelines=("orders",)).metadata(["orders"]),
        "id-new": an_assignor("new", [], *groups, pipelines=("orders", "users")).metadata(["orders", "users"]),
    }

    plan = an_assignor("new", [], *groups).assign(Topics({"orders": 4, "users": 2}), joined)

    given_out = {member: dict(held.assignment) for member, held in plan.items()}
    assert {member: len(held["orders"]) for member, held in given_out.items()} == {"id-old": 2, "id-new": 2}
    assert ("users" in given_out["id-old"], given_out["id-new"]["users"]) == (False, [0, 1])
    assert "different pipelines" in caplog.text
    assert "(old: orders; new: orders, users)" in caplog.text


def test_a_topic_that_is_no_pipelines_is_spread_too() -> None:
    joined = {f"id-{name}": an_assignor(name, [], ("orders",)).metadata(["orders", "notes"]) for name in ("a", "b")}

    plan = an_assignor("a", [], ("orders",)).assign(Topics({"orders": 1, "notes": 1}), joined)

    assert sorted(topic for held in plan.values() for topic, _ in held.assignment) == ["notes", "orders"]


def test_a_member_without_an_assignment_learns_nothing() -> None:
    learnt: list[GroupFacts] = []

    an_assignor("a", learnt, ("orders",)).on_assignment(ConsumerProtocol.ASSIGNMENT(0, [], b""))

    assert learnt == []
