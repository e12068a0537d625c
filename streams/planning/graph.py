"""Graph: a topology as what is drawn of it: topics, steps, tables, and what flows between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from streams.pipeline.joining.plan import Meeting
from streams.pipeline.joining.roles import asking_of
from streams.pipeline.plan import Aggregation, Plan
from streams.pipeline.topology import Topology

from .meaning import window_text
from .wording import step_lines

DRAWN_APART = frozenset({"source", "table", "aggregate", "route", "errors"})
"""Steps that are nodes of their own."""


class NodeKind(Enum):
    """What a node is."""

    TOPIC = "topic"
    EXCHANGE = "topic between stages"
    STEPS = "steps"
    TABLE = "table"
    DEAD_LETTERS = "dead letters"
    CONTRACT = "contract"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing, told apart by kind and title."""

    kind: NodeKind
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What flows from one node to another."""

    start: Node
    end: Node
    label: str = ""
    is_side: bool = False
    """Not the events' main way: a look at a table, what is late, what is dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes in the order in which they were met, and their edges; no edge leads back."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph_of(topology: Topology, only: Iterable[str] | None = None) -> Graph:
    """The graph of all pipelines, or of those named in ``only``; tables that they join come with them."""
    named = {plan.name for plan in topology.plans} if only is None else set(only)
    tables = {table.title: table for plan in topology.plans for table in _tables(plan)}
    steps = {plan.name: _steps(plan) for plan in topology.plans}
    edges: list[Edge] = []
    for plan in topology.plans:
        if plan.name in named:
            edges += _pipeline(plan, tables)
            edges += _paired(plan, steps)
    pipelines = {plan.name for plan in topology.plans}
    for stage in (plan for sub in topology.subtopologies for plan in sub.plans if plan.name not in pipelines):
        if stage.pipeline in named:
            edges += _stage(stage, tables)
    nodes = dict.fromkeys(node for edge in edges for node in (edge.start, edge.end))
    return Graph(nodes=tuple(nodes), edges=tuple(dict.fromkeys(edges)))


def _tables(plan: Plan) -> Iterator[Node]:
    """The tables of a whole pipeline, as its file says."""
    if plan.table is not None:
        lines = ("latest rows", f"key {', '.join(plan.table.key)}")
        yield Node(kind=NodeKind.TABLE, title=plan.table.name, lines=lines)
    for held in plan.spec.get("aggregate", ()):  # type: ignore[attr-defined]  # a list, as its schema says
        lines = (f"by {', '.join(held['by']) or 'nothing'}", _reach(held))
        columns = tuple(f"{name} = {text}" for name, text in held["columns"].items())
        yield Node(kind=NodeKind.TABLE, title=held["table"], lines=lines + columns)


def _reach(held: Mapping[str, Any]) -> str:
    """Which events or rows count in an aggregate."""
    return "rows that are there" if held.get("over") == "rows" else window_text(held.get("window")) or "since ever"


def _steps(plan: Plan) -> Node:
    steps = [f"validate {plan.contract.newest.uri.removeprefix('iglu:')}"]
    steps += [f"{step} {text}" for step, text in step_lines(plan.spec) if step not in DRAWN_APART]
    return Node(kind=NodeKind.STEPS, title=f"pipeline {plan.name}", lines=tuple(steps))


def _paired(plan: Plan, steps: Mapping[str, Node]) -> Iterator[Edge]:
    """Events of another pipeline that those of ``plan`` meet, in the same tasks or through a stage."""
    pairing = plan.pairing
    if pairing is None:
        return
    label = f"events within a time by {', '.join(pairing.by)}"
    if pairing.stage is None:
        yield Edge(start=steps[pairing.partner], end=steps[plan.name], label=label, is_side=True)
    else:
        yield Edge(start=steps[plan.name], end=_between(pairing.stage.own), label=label)
        yield Edge(start=steps[pairing.partner], end=_between(pairing.stage.partner), is_side=True)


def _inputs(here: Node, plan: Plan) -> Iterator[Edge]:
    """What a pipeline reads that does not lead back to it."""
    for topic in plan.topics:
        if plan.transactional is not None and topic == plan.transactional.ends:
            yield Edge(start=_topic(plan.transactional.topic), end=_between(topic), is_side=True)
            yield Edge(start=_between(topic), end=here, label="where transactions end", is_side=True)
        elif topic not in (*plan.answers, *asking_of(plan)) and topic != plan.truncates:
            yield Edge(start=_topic(topic), end=here)


def _pipeline(plan: Plan, tables: Mapping[str, Node]) -> Iterator[Edge]:
    here = _steps(plan)
    yield from _inputs(here, plan)
    if plan.truncates is not None:
        yield Edge(start=here, end=_between(plan.truncates), label="TRUNCATE, to all partitions", is_side=True)
    for join in plan.joins:
        yield from _looked_at(here, join.table, f"join by {', '.join(join.by)}", join.meeting, tables)
    for followed in () if plan.relation is None else plan.relation.joins:
        label = f"rows follow it by {', '.join(followed.by)}"
        yield from _looked_at(here, followed.table, label, followed.meeting, tables)
    if plan.table is not None:
        yield Edge(start=here, end=tables[plan.table.name])
    yield from _groups(here, plan.aggregations, tables)
    for exchange in plan.exchanges:
        yield Edge(start=here, end=_between(exchange.topic), label=f"key {', '.join(exchange.by)}")
    for late in dict.fromkeys(held.late_to for held in plan.judged if held.late_to):
        yield Edge(start=here, end=_topic(late), label="late", is_side=True)
    if plan.stage is not None:
        yield Edge(start=here, end=_between(plan.stage.topic), label="values to check", is_side=True)
    if plan.pairing is None or plan.pairing.stage is None:
        yield from _routes(here, plan, tables)
    dead = Node(kind=NodeKind.DEAD_LETTERS, title=plan.dead_letters)
    yield Edge(start=here, end=dead, label="dead", is_side=True)


def _looked_at(
    here: Node, table: str, label: str, meeting: Meeting | None, tables: Mapping[str, Node]
) -> Iterator[Edge]:
    """A table of the same tasks, or one that is met in a stage."""
    if meeting is None:
        yield Edge(start=tables[table], end=here, label=label, is_side=True)
    else:
        yield Edge(start=tables[table], end=_between(meeting.rows), is_side=True)
        yield Edge(start=here, end=_between(meeting.names), label=label, is_side=True)


def _stage(plan: Plan, tables: Mapping[str, Node]) -> Iterator[Edge]:
    """What reads a topic between stages."""
    if plan.settles is not None:
        rules = tuple(f"{', '.join(rule.columns)}: {rule.message}" for rule in plan.settles.rules.values())
        here = Node(kind=NodeKind.STEPS, title=f"stage {plan.name}", lines=rules)
        yield Edge(start=here, end=_topic(plan.settles.findings), label="findings")
    elif plan.meets is not None:
        what = "events and partners" if plan.meets.is_asked else "rows and partners"
        here = Node(kind=NodeKind.STEPS, title=f"stage {plan.name}", lines=(f"{what} meet in one task",))
        yield from (Edge(start=_between(topic), end=here) for topic in plan.topics)
        yield Edge(start=here, end=_between(plan.meets.answers), label=f"back to {plan.pipeline}")
    elif plan.stands_for is not None:
        here = Node(kind=NodeKind.STEPS, title=f"stage {plan.name}", lines=("events of both meet in one task",))
        yield from (Edge(start=_between(topic), end=here) for topic in plan.further_topics)
        yield from _routes(here, plan, tables)
    else:
        by = ", ".join(plan.key) or "nothing"
        here = Node(kind=NodeKind.STEPS, title=f"stage {plan.name}", lines=(f"equal {by} meet in one task",))
    yield Edge(start=_between(plan.topic), end=here)
    yield from _groups(here, plan.aggregations, tables)


def _groups(here: Node, aggregations: Iterable[Aggregation], tables: Mapping[str, Node]) -> Iterator[Edge]:
    for held in aggregations:
        yield Edge(start=here, end=tables[held.table])
        if held.to is not None:
            yield Edge(start=tables[held.table], end=_topic(held.to), label=held.emission.value)


def _routes(here: Node, plan: Plan, tables: Mapping[str, Node]) -> Iterator[Edge]:
    for route in plan.routes:
        there = _topic(route.to)
        yield Edge(start=here, end=there, label=f"key {', '.join(route.key)}" if route.key else "")
        for table in dict.fromkeys(attachment.table for attachment in route.attachments):
            yield Edge(start=tables[table], end=there, label="attach", is_side=True)


def _topic(name: str) -> Node:
    return Node(kind=NodeKind.TOPIC, title=name)


def _between(name: str) -> Node:
    return Node(kind=NodeKind.EXCHANGE, title=name)
