"""Meaning: the files in ``schemas/`` as the topics, tables, tasks and keys that workers would have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streams.contracts.model import Contract
from streams.pipeline.pairing.roles import pairs_of
from streams.pipeline.plan import Plan
from streams.pipeline.retries.tables import pending_changelog
from streams.pipeline.tables import state_changelog, values_changelog
from streams.pipeline.topology import SubTopology, TopicKind, Topology

from .widths import ROW_BYTES, SEEN_BYTES, key_width, row_width

SLOT_BYTES = 14
"""A number that an aggregate keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMeaning:
    """A keyspace that workers keep, and its changelog."""

    name: str
    pipeline: str
    kind: str
    """``latest rows``, ``rows that follow`` (of a join between tables), ``groups``, ``windows``, ``values`` (of
    groups), ``state`` (dedup, clocks, known rows), ``waiting`` (events behind others of their rows) or ``stage`` (what
    a second stage keeps)."""
    key: tuple[str, ...]
    window: str
    changelog: str
    source: str
    """Its changelog has the partitions of this topic."""
    entry_bytes: int | None
    """Estimated from the contract; ``None``: entries are of several kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMeaning:
    """What one process must have together: a sub-topology, of which each partition is a task."""

    sources: tuple[str, ...]
    pipelines: tuple[str, ...]
    stores: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMeaning:
    """What brings events together, and where they meet."""

    pipeline: str
    what: str
    """``source``, ``table x``, ``group x`` or ``route to x``."""
    columns: tuple[str, ...]
    place: str
    """Where events with the same values meet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """All of it."""

    topology: Topology
    tables: tuple[TableMeaning, ...]
    tasks: tuple[TaskMeaning, ...]
    keys: tuple[KeyMeaning, ...]
    repartitions: tuple[str, ...]
    """Topics that one stage of a pipeline writes for the next."""


def meaning_of(topology: Topology) -> Meaning:
    """What ``topology`` will need of Kafka and of the machines."""
    return Meaning(
        topology=topology,
        tables=tuple(table for sub in topology.subtopologies for table in _tables(topology, sub)),
        tasks=tuple(_task(sub) for sub in topology.subtopologies),
        keys=tuple(key for plan in topology.plans for key in _keys(plan)),
        repartitions=tuple(spec.name for spec in topology.topics if spec.kind is TopicKind.REPARTITION),
    )


def _task(sub: SubTopology) -> TaskMeaning:
    return TaskMeaning(
        sources=sub.source_topics,
        pipelines=tuple(plan.name for plan in sub.plans),
        stores=tuple(short for short, _ in sub.changelogs),
    )


def _tables(topology: Topology, sub: SubTopology) -> Iterator[TableMeaning]:
    aggregates = (held for plan in topology.plans for held in _aggregates(plan))
    windows = {held["table"]: window_text(held.get("window")) for held in aggregates}
    told = {table.name: table for plan in sub.plans for table in _told(plan, windows)}
    source_of = {spec.name: spec.source for spec in topology.topics}
    for short, topic in sub.changelogs:
        known = told.get(short)
        yield TableMeaning(
            name=short,
            pipeline=sub.plans[0].name if known is None else known.pipeline,
            kind="stage" if known is None else known.kind,
            key=() if known is None else known.key,
            window="" if known is None else known.window,
            changelog=topic,
            source=source_of.get(topic, sub.source_topics[0]),
            entry_bytes=None if known is None else known.entry_bytes,
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """What a plan says of one of its tables."""

    name: str
    pipeline: str
    kind: str
    key: tuple[str, ...] = ()
    window: str = ""
    entry_bytes: int | None = None


def _told(plan: Plan, windows: Mapping[str, str]) -> Iterator[_Told]:
    newest = plan.contract.newest
    if plan.table is not None:
        width = ROW_BYTES + key_width(plan.table.key, newest.columns) + row_width(newest.columns, newest.schema)
        added = [held.column for held in plan.lookups] + [held.column for held in plan.derivations]
        width += sum(len(column) + 4 + 12 for column in added)
        yield _Told(plan.table.name, plan.name, "latest rows", plan.table.key, "", width)
    for aggregation in plan.aggregations:
        window = windows.get(aggregation.table, "")
        width = key_width(aggregation.by, newest.columns) + (8 if window else 0)
        width += 20 + SLOT_BYTES * len(aggregation.initial)
        kind = "windows" if window else "groups"
        yield _Told(aggregation.table, plan.name, kind, aggregation.by, window, width)
        if aggregation.multisets:
            width += SLOT_BYTES
            yield _Told(values_changelog(aggregation.table), plan.name, "values", aggregation.by, window, width)
    yield from _joined(plan, newest)
    if plan.retries is not None:
        yield _Told(pending_changelog(plan.name), plan.name, "waiting", plan.key, "", None)
    if plan.settles is None:
        seen = None if plan.deduplicate is None or plan.known is not None else SEEN_BYTES
        yield _Told(state_changelog(plan), plan.name, "state", (), "", seen)


def _joined(plan: Plan, newest: Contract) -> Iterator[_Told]:
    """What is kept for joins that are more than a look at a table."""
    if plan.relation is not None:
        width = ROW_BYTES + key_width(plan.relation.key, newest.columns) + row_width(newest.columns, newest.schema)
        # Each row stands in the index once for each partner.
        width += 2 * len(plan.relation.joins) * key_width(plan.relation.key, newest.columns)
        yield _Told(plan.relation.changelog, plan.name, "rows that follow", plan.relation.key, "", width)
    if (pairing := pairs_of(plan)) is not None:
        # Each event is kept until nothing can meet it, once whole and once by its time.
        width = ROW_BYTES + row_width(newest.columns, newest.schema) + 3 * key_width(pairing.by, newest.columns)
        reach = f"{pairing.before_ms} ms before to {pairing.after_ms} ms after, grace {pairing.grace_ms} ms"
        yield _Told(pairing.changelog, pairing.pipeline, "events of two streams", pairing.by, reach, width)


def _aggregates(plan: Plan) -> Iterable[Mapping[str, Any]]:
    held: Iterable[Mapping[str, Any]] = plan.spec.get("aggregate", ())  # type: ignore[assignment]  # as its schema says
    return held


def window_text(window: object) -> str:
    """``{tumbling: 1m, grace: 10s}`` as ``tumbling 1m, grace 10s``; empty without a window."""
    if not isinstance(window, Mapping):
        return ""
    inner = {name: window_text(held) if isinstance(held, Mapping) else str(held) for name, held in window.items()}
    return ", ".join(f"{name} {held}" for name, held in inner.items())


def _keys(plan: Plan) -> Iterator[KeyMeaning]:
    source = plan.spec.get("source")
    told = source.get("key") if isinstance(source, Mapping) else None
    partitioned = tuple(told) if told else plan.key
    place = "partition of the source"
    yield KeyMeaning(pipeline=plan.name, what=f"source {plan.topic}", columns=partitioned, place=place)
    if plan.table is not None:
        yield _key(plan, f"table {plan.table.name}", plan.table.key, partitioned)
    for join in plan.joins:
        stage = f"stage keyed by {', '.join(join.by)} (repartition topic)"
        place = "task of the source" if join.meeting is None else stage
        yield KeyMeaning(pipeline=plan.name, what=f"join {join.table}", columns=join.by, place=place)
    if plan.pairing is not None:
        what, stage = f"join {plan.pairing.partner}", f"stage keyed by {', '.join(plan.pairing.by)} (repartition topic)"
        place = "task of the source" if plan.pairing.stage is None else stage
        yield KeyMeaning(pipeline=plan.name, what=what, columns=plan.pairing.by, place=place)
    for aggregation in plan.judged:
        yield _key(plan, f"group {aggregation.table}", aggregation.by, partitioned)
    for route in plan.routes:
        place = "partition of the output, by Kafka's murmur2 of the key"
        yield KeyMeaning(pipeline=plan.name, what=f"route {route.to}", columns=route.key, place=place)


def _key(plan: Plan, what: str, columns: tuple[str, ...], partitioned: tuple[str, ...]) -> KeyMeaning:
    # A latest row is believed to come where its source puts it; a group is local where it has the partition's columns.
    is_local = what.startswith("table ") or (bool(partitioned) and set(partitioned) <= set(columns))
    stage = f"stage keyed by {', '.join(columns) or 'nothing'} (repartition topic)"
    return KeyMeaning(
        pipeline=plan.name, what=what, columns=columns, place="task of the source" if is_local else stage
    )


__all__ = ["KeyMeaning", "Meaning", "TableMeaning", "TaskMeaning", "meaning_of", "window_text"]
