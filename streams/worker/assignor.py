"""Assignor: which worker gets which task. Balanced within one, sticky by instance.

All topics of a sub-topology go together: the task is the unit. Each member tells in its metadata who it is, where its
web server is, which tasks it had and of which it has state; the leader's plan tells everybody who owns what.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

logger = logging.getLogger("streams.worker")

Place = tuple[str, int]
"""(sub-topology's first source topic, partition)."""


class MemberFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a member tells the leader."""

    instance: str
    web: str = ""
    pipelines: tuple[str, ...] = ()
    """What it runs: all members should run the same."""
    owned: tuple[Place, ...] = ()
    """Tasks that it had until now."""
    stored: tuple[Place, ...] = ()
    """Tasks whose state is on its disk, perhaps from long ago."""


class GroupFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the leader tells everybody."""

    web: dict[str, str] = {}
    """Base URL by instance."""
    owners: dict[str, dict[int, str]] = {}
    """Instance by topic and partition."""


def assign_tasks(tasks: Iterable[Place], members: Mapping[str, MemberFacts]) -> dict[str, list[Place]]:
    """Tasks by member: every task once, counts within one of each other, as few moves as that allows.

    Who has a task goes before who has only state of it.
    """
    order = sorted(members, key=lambda member: (members[member].instance, member))
    pending = set(tasks)
    assigned: dict[str, list[Place]] = {member: [] for member in order}
    wanted = Counter(place for held in members.values() for place in {*held.owned, *held.stored})
    for claims in ({m: members[m].owned for m in order}, {m: members[m].stored for m in order}):
        _keep_claims(claims, pending, assigned, wanted)
    for place in sorted(pending - _taken(assigned)):
        poorest = min(order, key=lambda member: (len(assigned[member]), order.index(member)))
        assigned[poorest].append(place)
    return assigned


def _keep_claims(
    claims: Mapping[str, Iterable[Place]],
    pending: set[Place],
    assigned: dict[str, list[Place]],
    wanted: Mapping[Place, int],
) -> None:
    """Give members what they claim, as far as an even share goes; whoever claims most may have one more."""
    least, extra = divmod(len(pending), len(assigned))
    for member in sorted(assigned, key=lambda member: -len(set(claims[member]) & pending)):
        held = assigned[member]
        free = (set(claims[member]) & pending) - _taken(assigned)
        is_room_for_more = sum(len(places) > least for places in assigned.values()) < extra
        # What somebody else could use, too, is given up first; of each topic about as much.
        best = sorted(free, key=lambda place: (wanted[place], place[1], place[0]))
        held += best[: max(0, least + is_room_for_more - len(held))]


def _taken(assigned: Mapping[str, Iterable[Place]]) -> set[Place]:
    return {place for places in assigned.values() for place in places}


class TaskAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's hook; ``groups`` are the topics of each sub-topology, first its name-giving source."""

    name = "streams-tasks"

    def __init__(
        self,
        groups: tuple[tuple[str, ...], ...],
        describe: Callable[[], MemberFacts],
        learn: Callable[[GroupFacts], None],
    ) -> None:
        self._groups = {topics[0]: topics for topics in groups}
        self._describe = describe
        self._learn = learn

    def metadata(self, topics: Iterable[str]) -> Any:
        """This member's part of the join."""
        return ConsumerProtocolMemberMetadata(0, list(topics), msgspec.json.encode(self._describe()))

    def on_assignment(self, assignment: Any) -> None:
        """What the leader decided."""
        if assignment.user_data:
            self._learn(msgspec.json.decode(assignment.user_data, type=GroupFacts))

    def assign(self, cluster: Any, members: Mapping[str, Any]) -> dict[str, Any]:
        """The leader's plan: partitions of every subscribed topic by member."""
        facts = {member: msgspec.json.decode(held.user_data, type=MemberFacts) for member, held in members.items()}
        topics = sorted({topic for held in members.values() for topic in held.subscription})
        partitions = {topic: sorted(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        tasks = [(first, number) for first in topics if first in self._groups for number in partitions[first]]
        tasks += [(topic, number) for topic in self._others(topics) for number in partitions[topic]]
        _warn_of_mixed(facts)
        plan = self._plan(tasks, facts, {member: set(held.subscription) for member, held in members.items()})
        shared = msgspec.json.encode(self._facts(plan, facts))
        return {
            member: ConsumerProtocolMemberAssignment(0, self._spread(places, partitions), shared)
            for member, places in plan.items()
        }

    def _plan(
        self, tasks: Iterable[Place], facts: Mapping[str, MemberFacts], subscribed: Mapping[str, set[str]]
    ) -> dict[str, list[Place]]:
        """Tasks by member, each to one that reads its topics: while versions are mixed, not everybody does."""
        readers: dict[frozenset[str], list[Place]] = {}
        for place in tasks:
            topics = self._groups.get(place[0], (place[0],))
            able = frozenset(member for member, read in subscribed.items() if read.issuperset(topics))
            readers.setdefault(able, []).append(place)
        plan: dict[str, list[Place]] = {member: [] for member in facts}
        for able, places in readers.items():
            if able:
                for member, given in assign_tasks(places, {member: facts[member] for member in able}).items():
                    plan[member] += given
        return plan

    def _others(self, topics: list[str]) -> list[str]:
        grouped = {topic for group in self._groups.values() for topic in group}
        return [topic for topic in topics if topic not in grouped]

    def _spread(self, places: list[Place], partitions: Mapping[str, list[int]]) -> list[tuple[str, list[int]]]:
        spread: dict[str, list[int]] = {}
        for first, number in places:
            for topic in self._groups.get(first, (first,)):
                if number in partitions.get(topic, ()):
                    spread.setdefault(topic, []).append(number)
        return sorted(spread.items())

    def _facts(self, plan: Mapping[str, list[Place]], facts: Mapping[str, MemberFacts]) -> GroupFacts:
        owners: dict[str, dict[int, str]] = {}
        for member, places in plan.items():
            for topic, number in places:
                owners.setdefault(topic, {})[number] = facts[member].instance
        return GroupFacts(web={held.instance: held.web for held in facts.values()}, owners=owners)


def _warn_of_mixed(facts: Mapping[str, MemberFacts]) -> None:
    run = {", ".join(held.pipelines): held.instance for held in facts.values()}
    if len(run) > 1:
        told = "; ".join(f"{instance}: {names or 'none'}" for names, instance in sorted(run.items()))
        logger.warning(
            "workers of one STREAMS_APP run different pipelines: what a worker does not run is left out of the"
            " tasks it has (%s)", told,
        )  # fmt: skip
