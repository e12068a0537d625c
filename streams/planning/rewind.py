"""Rewind: what it means to set pipelines back, before anything is done: where each goes on, what it forgets.

A reset forgets all that a pipeline knows: the latest rows, groups, windows, clocks, what it has seen. It is as if the
pipeline had never run, from the place on where it begins. A backfill keeps the rows and forgets only what it has seen
since, so that the same events count once more. In the end rows are as their last events leave them, and so is what is
computed of the rows that are there, or remembered of each. Where events are added up they would count twice: nobody
knows of them, one by one and for ever, which have been.

Others that read the same topic are not set back: their state tells where each of them goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from streams.pipeline.joining.roles import asking_of
from streams.pipeline.plan import Plan
from streams.pipeline.topology import SubTopology, TopicKind, Topology, kept_by

Place = tuple[str, int]
"""(topic, partition)."""
Offsets = Mapping[Place, int]


class Mode(Enum):
    """How much is forgotten."""

    RESET = "reset"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is set back of the tasks of one sub-topology."""

    sub: SubTopology
    plans: tuple[Plan, ...]
    others: tuple[Plan, ...]

    @property
    def changelogs(self) -> Mapping[str, str]:
        """Full name by short name, of what the plans keep."""
        return {short: topic for short, topic in self.sub.changelogs if any(short in kept_by(p) for p in self.plans)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewind:
    """All that is to be done."""

    mode: Mode
    names: tuple[str, ...]
    shares: tuple[Share, ...]
    committed: Offsets
    """Where the tasks go on now."""
    begins: Offsets
    """Where the pipelines will."""
    partitions: Mapping[str, int]
    """By topic, of all that the tasks read."""
    notes: tuple[str, ...] = field(default=())
    """What whoever confirms it should know."""


def shares_of(topology: Topology, names: Collection[str]) -> tuple[Share, ...]:
    """The stages of the pipelines ``names``, by the tasks they live in."""
    shares = []
    for sub in topology.subtopologies:
        plans = tuple(plan for plan in sub.plans if plan.pipeline in names)
        if plans:
            shares.append(Share(sub=sub, plans=plans, others=tuple(p for p in sub.plans if p not in plans)))
    return tuple(shares)


def obstacles(plans: Iterable[Plan], mode: Mode) -> Iterator[str]:
    """Why ``plans`` cannot be filled again without forgetting all, or cannot forget alone."""
    plans = tuple(plans)
    if mode is Mode.RESET:
        yield from _cut_off(plans)
        return
    for plan in plans:
        if counted := [held.table for held in plan.judged if not held.is_of_rows]:
            yield (
                f"{plan.name}: {', '.join(counted)} would count the same events twice (in a pipeline of their own they"
                " can be reset, and the rest be filled again; over: rows counts no events)"
            )
        if plan.pairing is not None or plan.partner_of:
            yield f"{plan.name}: its events would meet those of {', '.join(_paired(plan))} twice"
        back = {*plan.tiers, *plan.answers, *asking_of(plan)}
        if waiting := [topic for topic in plan.further_topics if topic in back]:
            yield f"{plan.name}: what waits in {', '.join(waiting)} belongs to the events since"


def _cut_off(plans: tuple[Plan, ...]) -> Iterator[str]:
    """A stage forgets what tables of other tasks have told it, and they tell a row once."""
    names = {plan.pipeline for plan in plans}
    for plan in plans:
        followed = () if plan.relation is None else plan.relation.joins
        apart = [(join.table, join.pipeline) for join in plan.joins if join.meeting is not None]
        apart += [(join.table, join.pipeline) for join in followed if join.meeting is not None]
        for table, owner in apart:
            if owner not in names:
                yield f"{plan.name}: its stage would know no row of {table} any more; name {owner}, too"


def begins_of(shares: Iterable[Share], topology: Topology, since: Offsets, left: Offsets) -> Offsets:
    """Where the pipelines go on: sources where they are told to, and where ``left`` says elsewhere.

    A reset goes on behind what the old run has left there; rows that a backfill keeps may still be truncated by it.
    """
    sources = {spec.name for spec in topology.topics if spec.kind is TopicKind.SOURCE}
    read = {topic for share in shares for plan in share.plans for topic in plan.topics}
    return {place: (since if place[0] in sources else left)[place] for place in left if place[0] in read}


def commits_of(share: Share, rewind: Rewind, told: Mapping[str, Offsets]) -> Offsets:
    """Where the tasks of ``share`` go on: where the hindmost of their pipelines does.

    ``told``: by other pipeline where its state says that it goes on; where that is unknown, it is where the task is.
    """
    commits = {}
    for topic in share.sub.source_topics:
        for number in range(rewind.partitions[topic]):
            place = topic, number
            now = rewind.committed[place]
            here = [rewind.begins[place]] if any(topic in plan.topics for plan in share.plans) else []
            others = [told.get(plan.name, {}).get(place, now) for plan in share.others if topic in plan.topics]
            commits[place] = min(here + others)
    return commits


def needs_told(share: Share, rewind: Rewind) -> bool:
    """Whether it matters where others are: some of the pipelines go forward, and others may be behind or ahead."""
    return bool(share.others) and any(
        rewind.begins.get((topic, number), 0) > rewind.committed[topic, number]
        for topic in share.sub.source_topics
        for number in range(rewind.partitions[topic])
    )


def notes_of(shares: Iterable[Share], topology: Topology, mode: Mode) -> Iterator[str]:
    """What is not undone, and what is not as in a first run."""
    shares = tuple(shares)
    names = {plan.pipeline for share in shares for plan in share.plans}
    plans = [plan for plan in topology.plans if plan.name in names]
    outputs = dict.fromkeys(
        topic for plan in plans for topic in (*(route.to for route in plan.routes), *_results(plan), plan.dead_letters)
    )
    yield f"sent once more, what was sent stays: {', '.join(outputs)}"
    for plan in plans:
        for join in plan.joins:
            if join.pipeline not in names:
                yield f"{plan.name} joins {join.table} as it is now, not as it was; name {join.pipeline}, too, for that"
        for other in (other for other in _paired(plan) if other not in names):
            yield f"{plan.name} meets the events of {other} that it finds, and not those before; name {other}, too"
        readers = [other.name for other in topology.plans if plan.name in other.partners and other.name not in names]
        if readers and mode is Mode.RESET and plan.table is not None:
            yield f"{', '.join(readers)}: finds {plan.table.name} empty until {plan.name} has come back"
    if others := dict.fromkeys(plan.pipeline for share in shares for plan in share.others):
        yield f"not touched, although in the same tasks: {', '.join(others)}"


def _paired(plan: Plan) -> list[str]:
    """Pipelines whose events meet those of ``plan``, on either side."""
    partners = [] if plan.pairing is None else [plan.pairing.partner]
    return [*partners, *(pairing.pipeline for pairing in plan.partner_of)]


def _results(plan: Plan) -> Iterator[str]:
    for held in plan.judged:
        yield from (topic for topic in (held.to, held.late_to) if topic is not None)
