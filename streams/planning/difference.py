"""Difference: the files compared with what runs. Each finding says whether it is safe, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from streams.pipeline.plan import Plan
from streams.pipeline.tables import state_changelog, values_changelog
from streams.pipeline.topology import SubTopology, TopicKind, TopicSpec, Topology, table_names
from streams.worker.starts import OffsetMetadata

from .rewind import Mode, obstacles
from .running import Running

MAKES_ROWS = ("filter", "where", "mask", "lookup", "join", "derive")
"""Steps that decide what a stored row, a group or a published row holds."""
PLACES = ("source.key", "source.identity")
"""What decides which task an event belongs to, and which row."""


class Verdict(Enum):
    """What a difference asks of whoever starts the workers."""

    SAFE = "safe"
    NEW_NAME = "needs a new table name"
    RESET = "needs reset or backfill"
    TOPIC = "needs another topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it runs."""

    verdict: Verdict
    what: str
    """``topic x``, ``table x``, ``pipeline x``."""
    change: str
    next: str
    """What to type, or why nothing has to be."""


def find_differences(topology: Topology, running: Running) -> tuple[Difference, ...]:
    """All of them, topics first; empty: what runs is what the files say."""
    found = [*_topics(topology, running), *_gone(topology, running)]
    for sub in topology.subtopologies:
        found += _subtopology(sub, running)
    return tuple(dict.fromkeys(found))


# -- topics


def _topics(topology: Topology, running: Running) -> Iterator[Difference]:
    for spec in topology.topics:
        state = running.topics.get(spec.name)
        if state is None:
            yield _missing(spec)
            continue
        source = running.topics.get(spec.source)
        if source is not None and source.partitions != state.partitions and spec.kind is not TopicKind.OUTPUT:
            yield Difference(
                verdict=Verdict.TOPIC,
                what=f"topic {spec.name}",
                change=f"has {state.partitions} partitions, its source {spec.source} has {source.partitions}",
                next="recreate it with as many, or set a new STREAMS_APP after the source was resized",
            )
        for name, wanted in spec.config:
            if name in state.settings and not _is_enough(name, state.settings[name], wanted):
                yield _setting(spec, name, state.settings[name], wanted)


def _missing(spec: TopicSpec) -> Difference:
    if spec.kind is TopicKind.SOURCE:
        return Difference(
            verdict=Verdict.TOPIC,
            what=f"topic {spec.name}",
            change="the source topic does not exist",
            next="streams capture …, or create it: workers wait for it two minutes",
        )
    return Difference(
        verdict=Verdict.SAFE,
        what=f"topic {spec.name}",
        change=f"is to be made ({spec.kind.value.replace('_', ' ')})",
        next="the first worker makes it, or: streams plan --apply",
    )


def _is_enough(name: str, found: str, wanted: str) -> bool:
    """Whether a topic with ``found`` serves as one with ``wanted``: longer kept is enough, smaller segments are."""
    if name == "segment.bytes":
        return True
    if name == "cleanup.policy":
        return wanted in found.split(",")
    if name in ("retention.ms", "delete.retention.ms") and found.lstrip("-").isdigit():
        return int(found) < 0 or (int(wanted) >= 0 and int(found) >= int(wanted))
    return found == wanted


def _setting(spec: TopicSpec, name: str, found: str, wanted: str) -> Difference:
    return Difference(
        verdict=Verdict.TOPIC,
        what=f"topic {spec.name}",
        change=f"{name} is {found}, its records need {wanted}",
        next=f"kafka-configs.sh --alter --topic {spec.name} --add-config {name}={wanted}",
    )


def _gone(topology: Topology, running: Running) -> Iterator[Difference]:
    """Topics that the group has read and that nobody reads now."""
    read = {topic for sub in topology.subtopologies for topic in sub.source_topics}
    tiers = tuple(f"{plan.topic}-{plan.name}-retry-" for plan in topology.plans)
    for topic in sorted(running.commits.keys() - read):
        if topic.startswith(tiers):
            yield Difference(
                verdict=Verdict.RESET,
                what=f"topic {topic}",
                change="its delay is gone from errors.retry, and events may still wait in it",
                next="keep the delay until cdc_waiting_events is 0; a worker does not start while something waits",
            )
            continue
        yield Difference(
            verdict=Verdict.SAFE,
            what=f"topic {topic}",
            change="was read, and no pipeline reads it now",
            next="its tables and topics stay as they are; nothing has to be done",
        )


# -- state


def _subtopology(sub: SubTopology, running: Running) -> Iterator[Difference]:
    found = list(_metadata(sub, running))
    if not found:
        for plan in sub.plans:
            yield Difference(
                verdict=Verdict.SAFE,
                what=f"pipeline {plan.name}",
                change=f"has not run yet; it begins at the first record of {', '.join(sub.source_topics)}",
                next="start workers: faust -A streams.app worker",
            )
        return
    for plan in sub.plans:
        if plan.truncates is not None and plan.truncates not in running.topics:
            yield Difference(
                verdict=Verdict.SAFE,
                what=f"pipeline {plan.name}",
                change="a TRUNCATE takes rows of all partitions from now on; what one has left in others stays",
                next=f"nothing; to be rid of such rows: streams reset {plan.pipeline}",
            )
    for metadata in found:
        yield from _tables(sub, metadata, running)
        yield from _steps(sub, metadata)


def _metadata(sub: SubTopology, running: Running) -> Iterator[OffsetMetadata]:
    """What was committed beside the offsets of its tasks; more than one kind while versions are being rolled out."""
    for topic in sub.source_topics:
        for start in running.commits.get(topic, {}).values():
            if start.metadata is not None:
                yield start.metadata


def _tables(sub: SubTopology, metadata: OffsetMetadata, running: Running) -> Iterator[Difference]:
    topics = dict(sub.changelogs)
    states = {state_changelog(plan): plan for plan in sub.plans}
    for short, shape in sub.shapes.items():
        known = metadata.f.get(short)
        if known is None:
            state = running.topics.get(topics[short])
            yield _added(sub, short, is_back=state is not None and state.records > 0)
        elif known[:8] != shape:
            yield _reshaped(sub, short, is_state=short in states)
    for short in metadata.f.keys() - sub.shapes.keys():
        yield Difference(
            verdict=Verdict.SAFE,
            what=f"table {short}",
            change="is kept no more",
            next="its changelog stays and may be deleted; the table does not come back under this name",
        )


def _pipeline_of(sub: SubTopology, short: str) -> str:
    for plan in sub.plans:
        tables = table_names(plan)
        if short in (*tables, *map(values_changelog, tables), state_changelog(plan)):
            return plan.pipeline
    return sub.plans[0].pipeline


def _added(sub: SubTopology, short: str, *, is_back: bool) -> Difference:
    pipeline = _pipeline_of(sub, short)
    if is_back:
        return Difference(
            verdict=Verdict.NEW_NAME,
            what=f"table {short}",
            change="was left out for a while and misses what happened meanwhile",
            next=f"streams reset {pipeline}; or give it (or the pipeline) a new name",
        )
    return Difference(
        verdict=Verdict.SAFE,
        what=f"table {short}",
        change="is new; it starts with the next event",
        next=f"nothing; to have it from the first record on: streams reset {pipeline}",
    )


def _reshaped(sub: SubTopology, short: str, *, is_state: bool) -> Difference:
    pipeline = _pipeline_of(sub, short)
    if is_state:
        return Difference(
            verdict=Verdict.RESET,
            what=f"pipeline {pipeline}",
            change=(
                "what it deduplicates by, where, or an aggregate over rows has changed; what it remembers is of the old"
                " kind"
            ),
            next=f"streams reset {pipeline}; or give the pipeline a new name",
        )
    return Difference(
        verdict=Verdict.NEW_NAME,
        what=f"table {short}",
        change="its key, window or columns have changed; what is stored is of the old kind",
        next=f"give the table a new name, or: streams reset {pipeline}",
    )


def _steps(sub: SubTopology, metadata: OffsetMetadata) -> Iterator[Difference]:
    for plan in sub.plans:
        known, now = metadata.p.get(plan.name), sub.steps.get(plan.name)
        if not known or not now:
            continue
        for step in [*now, *(step for step in known if step not in now)]:
            if known.get(step) != now.get(step):
                yield _step(plan, step, _how(step, known, now))


def _how(step: str, known: Mapping[str, str], now: Mapping[str, str]) -> str:
    if step not in known:
        return f"{step} is new"
    return f"{step} has changed" if step in now else f"{step} is no longer there"


def _step(plan: Plan, step: str, change: str) -> Difference:
    keeps = table_names(plan)
    needs_reset = bool(keeps) and (step in MAKES_ROWS or step in PLACES)
    needs_reset |= step == "source.event_time" and bool(plan.aggregations)
    if needs_reset:
        return Difference(
            verdict=Verdict.RESET,
            what=f"pipeline {plan.name}",
            change=f"{change}: {', '.join(keeps)} would hold what came before as it was, and what comes as it is now",
            next=f"{_again(plan)}; or start as is",
        )
    return Difference(
        verdict=Verdict.SAFE,
        what=f"pipeline {plan.name}",
        change=f"{change}; it holds from the next event on, what was published stays",
        next="restart the workers" if step != "table" else "see its table",
    )


def _again(plan: Plan) -> str:
    """What makes all of it of one kind."""
    if any(obstacles([plan], Mode.BACKFILL)):
        return f"streams reset {plan.pipeline} [--from TIME]"
    return f"streams reset {plan.pipeline}, or what came since a time: streams backfill {plan.pipeline} --from TIME"
