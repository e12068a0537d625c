"""The topology: which plans share a task, and which topics all of them need.

Everything connected by shared tables or by a shared source topic is one sub-topology; a task is one partition of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import blake2b

from streams.state.changelog import changelog_topic

from .joining.roles import meetings_of
from .lane.plan import Lane
from .pairing.roles import pairs_of
from .plan import Plan
from .retries.tables import pending_changelog
from .stages import exchange_plan, meeting_plan, pairing_plan, stage_plan, telling_plan
from .steps import step_digests
from .tables import state_changelog, values_changelog

LARGEST_TIMESTAMP_MS = str((1 << 63) - 1)
MONTH_MS = str(30 * 86_400_000)
LaneOf = Callable[[Plan], Lane | None]


class TopicKind(Enum):
    """What a topic is for."""

    SOURCE = "source"
    OUTPUT = "output"
    CHANGELOG = "changelog"
    DEAD_LETTERS = "dead_letters"
    RETRY = "retry"
    """Events wait here as they came; read and written by the same application."""
    REPARTITION = "repartition"
    """Read and written by the same application; made as an output is, counted as a changelog is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """A topic the pipelines need; the worker creates what is missing, except sources."""

    name: str
    kind: TopicKind
    source: str
    """Its partition count is that of this source topic; where ``kind`` is not OUTPUT it must be."""
    config: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubTopology:
    """Plans that share their tasks."""

    source_topics: tuple[str, ...]
    """Every input; tasks are called by the first."""
    plans: tuple[Plan, ...]
    fingerprint: str
    """16 hex digits of all ``shapes``: local state of another plan is rebuilt."""
    changelogs: tuple[tuple[str, str], ...]
    """(short name, full topic name), fixed order."""
    shapes: Mapping[str, str]
    """By short name, 8 hex digits of what its entries depend on: key, window and columns of a table, dedup."""
    steps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By pipeline and step, a digest of what its file says: what a plan is compared with, and no state depends on."""

    def plans_of(self, topic: str) -> tuple[Plan, ...]:
        """Whose records those of ``topic`` are."""
        return tuple(plan for plan in self.plans if topic in plan.topics)

    @property
    def following(self) -> tuple[Plan, ...]:
        """Plans that have to do with rows that follow those of partners, each behind its partners."""
        waiting = [plan for plan in self.plans if plan.relation or plan.feeds or plan.meets]
        ready: list[Plan] = []
        while waiting:
            names = {plan.name for plan in waiting}
            ready += [plan for plan in waiting if names.isdisjoint(plan.partners)]
            waiting = [plan for plan in waiting if plan not in ready]
        return tuple(ready)

    def inputs_of(self, short_name: str) -> tuple[str, ...]:
        """The topics of whose positions the markers in that changelog tell; none in that of a table."""
        owners = {state_changelog(plan): plan.topics for plan in self.plans}
        return owners.get(short_name, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """All pipelines of an application."""

    app: str
    plans: tuple[Plan, ...]
    subtopologies: tuple[SubTopology, ...]
    topics: tuple[TopicSpec, ...]

    def subtopology_of(self, topic: str) -> SubTopology:
        """The sub-topology that reads ``topic``; ``KeyError`` if none does."""
        for sub in self.subtopologies:
            if topic in sub.source_topics:
                return sub
        raise KeyError(topic)

    def table_owner(self, table: str) -> tuple[SubTopology, Plan]:
        """Who keeps ``table``; ``KeyError`` if nobody does."""
        for sub in self.subtopologies:
            for plan in sub.plans:
                if table in table_names(plan):
                    return sub, plan
        raise KeyError(table)


def build_topology(
    app: str, plans: Iterable[Plan], *, lane_of: LaneOf | None = None
) -> Topology:
    """Group ``plans`` by what they share and list their topics; ``lane_of``: their quick ways, and those of stages."""
    plans = _equipped(plans, lane_of)
    stages: list[Plan] = []
    topics: dict[str, TopicSpec] = {}
    for plan in plans:
        specs = list(_topics(app, plan))
        if plan.stage is not None:
            stages.append(stage_plan(plan, plan.stage))
            specs += _stage_topics(app, stages[-1], source=plan.topic)
        for exchange in plan.exchanges:
            stages.append(exchange_plan(plan, exchange))
            specs += _exchange_topics(app, stages[-1], source=plan.topic)
        for meeting in meetings_of(plan):
            stages.append(meeting_plan(plan, meeting))
            specs += _meeting_topics(app, stages[-1], meeting.topics, source=plan.topic)
        if plan.pairing is not None and plan.pairing.stage is not None:
            stages.append(pairing_plan(plan, plan.pairing, plan.pairing.stage))
            specs += _meeting_topics(app, stages[-1], stages[-1].topics, source=plan.topic)
        if plan.transactional is not None:
            stages.append(telling_plan(plan, plan.transactional))
            specs += [*_topics(app, stages[-1]), _between(plan.transactional.ends, plan.topic)]
        for spec in specs:
            topics.setdefault(spec.name, spec)
    groups = _connected((*plans, *_equipped(stages, lane_of)))
    subs = tuple(_subtopology(app, group) for group in groups)
    return Topology(app=app, plans=plans, subtopologies=subs, topics=tuple(topics.values()))


def _equipped(plans: Iterable[Plan], lane_of: LaneOf | None) -> tuple[Plan, ...]:
    return tuple(plans) if lane_of is None else tuple(replace(plan, lane=lane_of(plan)) for plan in plans)


def _connected(plans: Iterable[Plan]) -> Iterable[tuple[Plan, ...]]:
    """Plans that share an input or read each other's tables, directly or through others; each group by its first."""
    groups: list[dict[str, Plan]] = []
    for plan in plans:
        near = [group for group in groups if any(_is_near(plan, other) for other in group.values())]
        whole = {name: other for group in near for name, other in group.items()} | {plan.name: plan}
        place = groups.index(near[0]) if near else len(groups)
        groups = [group for group in groups if group not in near]
        groups.insert(place, whole)
    return [tuple(group.values()) for group in groups]


def _is_near(plan: Plan, other: Plan) -> bool:
    return plan.name in other.partners or other.name in plan.partners or not set(plan.topics).isdisjoint(other.topics)


def table_names(plan: Plan) -> tuple[str, ...]:
    """Names of the tables that ``plan`` keeps: the latest rows, then its aggregations."""
    rows = () if plan.table is None else (plan.table.name,)
    return (*rows, *(aggregation.table for aggregation in plan.aggregations))


def all_table_names(plan: Plan) -> tuple[str, ...]:
    """Names of the tables of a whole pipeline, whichever of its stages keeps them."""
    rows = () if plan.table is None else (plan.table.name,)
    return (*rows, *(aggregation.table for aggregation in plan.judged))


def kept_by(plan: Plan) -> tuple[str, ...]:
    """Short names of all changelogs that ``plan`` writes; its state's is the last."""
    return tuple(short for short, _ in _stored_shapes(plan))


def _subtopology(app: str, plans: tuple[Plan, ...]) -> SubTopology:
    first = (plan.topic for plan in plans)
    sources = tuple(dict.fromkeys((*first, *(topic for plan in plans for topic in plan.further_topics))))
    shapes = {short: _digest(shape)[:8] for plan in plans for short, shape in _stored_shapes(plan)}
    return SubTopology(
        source_topics=sources,
        plans=plans,
        fingerprint=_digest([*sources, *shapes.items()]),
        changelogs=tuple((short, changelog_topic(app, short)) for short in shapes),
        shapes=shapes,
        steps={plan.name: digests for plan in plans if (digests := step_digests(plan))},
    )


def _digest(facts: object) -> str:
    return blake2b(repr(facts).encode(), digest_size=8).hexdigest()


def _stored_shapes(plan: Plan) -> Iterable[tuple[str, object]]:
    if plan.table is not None:
        yield plan.table.name, plan.table.key
    if plan.relation is not None:
        yield plan.relation.changelog, plan.relation.shape
    for aggregation in plan.aggregations:
        columns = [(column.name, column.meaning) for column in aggregation.columns]
        shape = (aggregation.by, aggregation.windows and aggregation.windows.shape, columns)
        yield aggregation.table, (*shape, "rows") if aggregation.is_of_rows else shape
        if aggregation.multisets:
            yield values_changelog(aggregation.table), shape
    if (pairing := pairs_of(plan)) is not None:
        yield pairing.changelog, pairing.shape
    for claim in () if plan.claims is None else plan.claims.claims:
        yield claim.table, claim.shape
    for rule in () if plan.settles is None else plan.settles.rules.values():
        yield rule.table, rule.shape
    if plan.retries is not None:
        yield pending_changelog(plan.name), plan.key
    yield state_changelog(plan), _remembered(plan)


def _remembered(plan: Plan) -> object:
    """What the pipeline's own state depends on: rows that are known count for what is told of them later."""
    counted = [
        (held.table, held.by, [column.meaning for column in held.columns]) for held in plan.judged if held.is_of_rows
    ]
    # Routes ask a table of the file, which has its own say.
    is_asked = plan.where is not None or bool(counted) or plan.table is None
    if plan.meets is not None:
        return plan.deduplicate_by, "rows by partition"
    if not plan.asks_rows or plan.rows is None or not is_asked:
        return plan.deduplicate_by
    return plan.deduplicate_by, plan.rows.key, plan.spec.get("where"), counted


def _topics(app: str, plan: Plan) -> Iterable[TopicSpec]:
    yield TopicSpec(name=plan.topic, kind=TopicKind.SOURCE, source=plan.topic)
    yield from _outputs(plan, source=plan.topic)
    yield from _changelogs(app, plan, source=plan.topic)
    dead = (("message.timestamp.type", "LogAppendTime"), ("retention.ms", MONTH_MS))
    yield TopicSpec(name=plan.dead_letters, kind=TopicKind.DEAD_LETTERS, source=plan.topic, config=dead)
    # What has come back is trimmed; the broker's time, or it would delete an old event while it waits.
    waits = (("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1"), ("segment.bytes", str(64 << 20)))
    if plan.truncates is not None:
        yield _between(plan.truncates, plan.topic)
    for name in () if plan.retries is None else plan.retries.topics.values():
        yield TopicSpec(name=name, kind=TopicKind.RETRY, source=plan.topic, config=waits)


def _outputs(plan: Plan, *, source: str) -> Iterable[TopicSpec]:
    # Records carry event time: a broker's default retention would delete results of old events at once.
    kept = (("retention.ms", "-1"), ("message.timestamp.after.max.ms", LARGEST_TIMESTAMP_MS))
    names = [route.to for route in plan.routes]
    names += [name for aggregation in plan.aggregations for name in (aggregation.to, aggregation.late_to) if name]
    for name in names:
        yield TopicSpec(name=name, kind=TopicKind.OUTPUT, source=source, config=kept)


def _changelogs(app: str, plan: Plan, *, source: str) -> Iterable[TopicSpec]:
    """Where the state of ``plan`` is kept, with the partitions of ``source``."""
    config = (
        ("cleanup.policy", "compact"),
        ("delete.retention.ms", str(7 * 86_400_000)),
        ("message.timestamp.after.max.ms", LARGEST_TIMESTAMP_MS),
    )
    for short, _ in _stored_shapes(plan):
        yield TopicSpec(name=changelog_topic(app, short), kind=TopicKind.CHANGELOG, source=source, config=config)


def _stage_topics(app: str, plan: Plan, *, source: str) -> Iterable[TopicSpec]:
    """What the stage reads, keeps and tells; partitions as the pipeline's ``source`` has them."""
    stage = plan.settles
    assert stage is not None
    yield _between(stage.topic, source)
    compacted = (("cleanup.policy", "compact"), ("message.timestamp.after.max.ms", LARGEST_TIMESTAMP_MS))
    yield TopicSpec(name=stage.findings, kind=TopicKind.OUTPUT, source=source, config=compacted)
    yield from _changelogs(app, plan, source=source)


def _between(topic: str, source: str) -> TopicSpec:
    """A topic between stages. What has been read is trimmed; what has not stays, however long workers are away."""
    output = ("message.timestamp.after.max.ms", LARGEST_TIMESTAMP_MS)
    kept = (("retention.ms", "-1"), ("segment.bytes", str(64 << 20)), output)
    return TopicSpec(name=topic, kind=TopicKind.REPARTITION, source=source, config=kept)


def _exchange_topics(app: str, plan: Plan, *, source: str) -> Iterable[TopicSpec]:
    """What the stage behind an exchange reads, keeps and publishes."""
    yield _between(plan.topic, source)
    yield from _outputs(plan, source=source)
    yield from _changelogs(app, plan, source=source)


def _meeting_topics(app: str, plan: Plan, topics: Iterable[str], *, source: str) -> Iterable[TopicSpec]:
    """What the stage of a join reads or answers, and keeps; partitions as the pipeline's ``source`` has them."""
    yield from (_between(topic, source) for topic in topics)
    yield from _changelogs(app, plan, source=source)
