"""Reach: what follows from a change of a contract, column by column, through pipelines and to services."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from streams.contracts.iglu import dataset_of, parse_criterion
from streams.pipeline.plan import Plan
from streams.planning.lineage import Lineage, Origin, lineage_of

from .matrix import Use
from .references import Reference, parse_reference


class Kind(Enum):
    """What is reached."""

    CONTRACT = "contract"
    PIPELINE = "pipeline"
    TABLE = "table"
    TOPIC = "topic"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One thing that may be reached."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A place that is reached, and how."""

    place: Place
    column: str = ""
    """Of a table or a topic."""
    how: str = ""
    """``DIRECT`` and ``INDIRECT`` with the way of lineage; of services and pipelines, what they do with it."""
    origins: tuple[str, ...] = ()
    """The columns it comes from, as ``place.column``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """All that a change reaches."""

    start: Reference
    columns: tuple[str, ...]
    hits: tuple[Hit, ...]
    ways: tuple[tuple[Place, Place, str], ...]
    """(from, to, what is said of it), for a drawing."""


@dataclass(slots=True)
class _Walk:
    start: Place
    plans: tuple[Plan, ...]
    uses: tuple[Use, ...]
    hits: dict[Hit, None] = field(default_factory=dict)
    ways: dict[tuple[Place, Place, str], None] = field(default_factory=dict)
    waiting: list[tuple[Place, frozenset[str]]] = field(default_factory=list)
    seen: dict[Place, frozenset[str]] = field(default_factory=dict)
    lineage: dict[str, tuple[Lineage, ...]] = field(default_factory=dict)
    """By pipeline."""

    def of(self, plan: Plan) -> tuple[Lineage, ...]:
        """The lineage of a pipeline, read once."""
        if plan.name not in self.lineage:
            self.lineage[plan.name] = lineage_of(plan)
        return self.lineage[plan.name]


def reach_of(
    start: Reference, columns: Iterable[str], plans: Iterable[Plan], uses: Iterable[Use], datasets: Iterable[str]
) -> Reach:
    """What a change of ``columns`` of the contract ``start`` reaches."""
    changed = tuple(columns)
    place = Place(kind=Kind.CONTRACT, name=start.contract)
    walk = _Walk(start=place, plans=tuple(plans), uses=tuple(uses))
    known = tuple(datasets)
    _services(walk, start, place)
    _publishers(walk, start, place)
    for plan in walk.plans:
        _enter(walk, plan, start, place, frozenset(changed))
    while walk.waiting:
        reached, names = walk.waiting.pop(0)
        _follow(walk, reached, names, known)
    return Reach(start=start, columns=changed, hits=tuple(walk.hits), ways=tuple(walk.ways))


def _services(walk: _Walk, start: Reference, place: Place) -> None:
    """Who speaks the contract; pipelines are walked through."""
    for use in walk.uses:
        if use.is_pipeline or use.reference.contract != start.contract:
            continue
        service = Place(kind=Kind.SERVICE, name=use.who)
        does = "produces" if use.is_producer else "consumes"
        meets = "" if use.reference.meets(start) else ", not this version"
        walk.hits[Hit(place=service, how=f"{does} {use.reference}{meets}")] = None
        walk.ways[place, service, does if use.is_producer else use.reference.version] = None


def _publishers(walk: _Walk, start: Reference, place: Place) -> None:
    """Pipelines that promise the contract for what they publish."""
    for plan in walk.plans:
        for to, criterion in _promised(plan):
            parsed = parse_criterion(criterion)
            if dataset_of(parsed.subject) != start.contract:
                continue
            pipeline = Place(kind=Kind.PIPELINE, name=plan.name)
            meets = Reference(contract=start.contract, version=parsed.version).meets(start)
            how = f"publishes {to} under {parsed.version}{'' if meets else ', not this version'}"
            walk.hits[Hit(place=pipeline, how=how)] = None
            walk.ways[place, pipeline, "publishes"] = None


def _promised(plan: Plan) -> Iterator[tuple[str, str]]:
    """(topic, contract of its rows) of routes that name one."""
    routes: Any = plan.spec.get("route", ())
    return ((route["to"], route["contract"]) for route in routes if "contract" in route)


def _enter(walk: _Walk, plan: Plan, start: Reference, place: Place, columns: frozenset[str]) -> None:
    """Pipelines that read the contract's rows."""
    source: Mapping[str, str] = plan.spec["source"]  # type: ignore[assignment]  # a mapping, as its schema says
    criterion = parse_criterion(source["contract"])
    if dataset_of(criterion.subject) != start.contract:
        return
    pipeline = Place(kind=Kind.PIPELINE, name=plan.name)
    walk.ways[place, pipeline, criterion.version] = None
    if not Reference(contract=start.contract, version=criterion.version).meets(start):
        how = f"admits {criterion.version}: rows that name {start.version} are dead (contract_unknown)"
        walk.hits[Hit(place=pipeline, how=how)] = None
        return
    roles = "".join(f"; {role}" for role in _roles(plan, columns))
    if plan.canary is not None and plan.canary.contract.version == start.version:
        roles = f"; tries {start.version} as a canary{roles}"
    walk.hits[Hit(place=pipeline, how=f"reads {plan.topic} as {criterion.version}{roles}")] = None
    _carry(walk, plan, pipeline, plan.topic, columns)


def _roles(plan: Plan, columns: frozenset[str]) -> Iterator[str]:
    """What changed columns decide besides what goes out."""
    asked = {"its event time": [plan.event_time.column], "its key": plan.key, "deduplicates by": [plan.deduplicate_by]}
    source: Any = plan.spec["source"]
    joins: Any = plan.spec.get("join", ())
    asked["its partitions"] = source.get("key", ())
    for role, names in (*asked.items(), *((f"joins {join['table']} by", join["by"]) for join in joins)):
        if held := [name for name in names if name in columns]:
            yield f"{role}: {', '.join(held)}"


def _carry(walk: _Walk, plan: Plan, pipeline: Place, dataset: str, columns: frozenset[str]) -> None:
    """Through one pipeline: outputs that are computed from ``columns`` of what it reads as ``dataset``."""
    for held in walk.of(plan):
        origins = [one for one in held.origins if one.dataset == dataset and one.column in columns]
        if origins:
            place = _place(held)
            walk.hits[Hit(place=place, column=held.column, how=_how(origins), origins=_named(origins))] = None
            walk.ways[pipeline, place, ""] = None
            walk.waiting.append((place, frozenset({held.column})))


def _follow(walk: _Walk, place: Place, names: frozenset[str], datasets: Iterable[str]) -> None:
    """From a table to who joins it, from a topic to who reads it, column by column once."""
    before = walk.seen.get(place, frozenset())
    new = names - before
    if not new:
        return
    walk.seen[place] = before | new
    dataset = f"table {place.name}" if place.kind is Kind.TABLE else place.name
    for plan in walk.plans:
        reads = plan.topic == dataset if place.kind is Kind.TOPIC else _joins(plan, place.name)
        if reads and any(one.dataset == dataset and one.column in new for one in _origins(walk, plan)):
            pipeline = Place(kind=Kind.PIPELINE, name=plan.name)
            how = f"reads {place.name}" if place.kind is Kind.TOPIC else f"joins {place.name}"
            walk.hits[Hit(place=pipeline, how=how)] = None
            walk.ways[place, pipeline, ""] = None
            _carry(walk, plan, pipeline, dataset, new)
    if place.kind is Kind.TOPIC:
        _promises(walk, place, datasets)


def _promises(walk: _Walk, topic: Place, datasets: Iterable[str]) -> None:
    """Contracts that rows of the topic are published under, and the services that speak those."""
    for to, criterion in (held for plan in walk.plans for held in _promised(plan)):
        promised = parse_reference(criterion, datasets)
        contract = Place(kind=Kind.CONTRACT, name=promised.contract)
        if to == topic.name and contract != walk.start:
            walk.hits[Hit(place=contract, how=f"what {topic.name} holds")] = None
            walk.ways[topic, contract, ""] = None
            _services(walk, promised, contract)


def _joins(plan: Plan, table: str) -> bool:
    return any(join["table"] == table for join in plan.spec.get("join", ()))  # type: ignore[attr-defined]


def _origins(walk: _Walk, plan: Plan) -> Iterator[Origin]:
    return (origin for held in walk.of(plan) for origin in held.origins)


def _place(held: Lineage) -> Place:
    is_table = held.output.startswith("table ")
    return Place(kind=Kind.TABLE if is_table else Kind.TOPIC, name=held.output.removeprefix("table "))


def _how(origins: Iterable[Origin]) -> str:
    """The most direct way."""
    best = min(origins, key=lambda one: not one.is_direct)
    word = "DIRECT" if best.is_direct else "INDIRECT"
    return f"{word} {best.subtype}" + (f": {best.through}" if best.through else "")


def _named(origins: Iterable[Origin]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{origin.dataset}.{origin.column}" for origin in origins))
