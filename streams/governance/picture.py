"""Picture: what a change reaches, as a graph that is drawn as pipelines are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.planning.graph import Edge, Graph, Node, NodeKind

from .matrix import Row
from .reach import Kind, Place, Reach
from .references import EVERY_VERSION

MOST_COLUMNS = 12
"""Lines of a box."""
KINDS: Mapping[Kind, NodeKind] = {
    Kind.CONTRACT: NodeKind.CONTRACT,
    Kind.PIPELINE: NodeKind.STEPS,
    Kind.TABLE: NodeKind.TABLE,
    Kind.TOPIC: NodeKind.TOPIC,
    Kind.SERVICE: NodeKind.SERVICE,
}


def picture_of(reach: Reach) -> Graph:
    """Places with the columns that are reached, from left to right as the change goes."""
    start = Place(kind=Kind.CONTRACT, name=reach.start.contract)
    version = [] if reach.start.version == EVERY_VERSION else [f"version {reach.start.version}"]
    lines: dict[Place, list[str]] = {start: [*version, *reach.columns]}
    for hit in reach.hits:
        told = [f"{hit.column}: {hit.how.partition(':')[0].lower()}"] if hit.column else hit.how.split("; ")
        lines.setdefault(hit.place, []).extend(told)
    nodes = {place: _node(place, held) for place, held in lines.items()}
    edges = tuple(
        Edge(start=nodes[begin], end=nodes[end], label=label)
        for begin, end, label in reach.ways
        if begin in nodes and end in nodes
    )
    met = dict.fromkeys(node for edge in edges for node in (edge.start, edge.end))
    return Graph(nodes=tuple(met) or (nodes[start],), edges=edges)


def picture_of_matrix(rows: Iterable[Row]) -> Graph:
    """Who produces on the left, contracts with their versions, who consumes on the right."""
    listed = list(rows)
    versions: dict[str, list[str]] = {}
    for row in listed:
        versions.setdefault(row.reference.contract, []).append(f"{row.reference.version}: {row.state}")
    contracts = {name: Node(kind=NodeKind.CONTRACT, title=name, lines=tuple(told)) for name, told in versions.items()}
    edges: dict[Edge, None] = {}
    for row in listed:
        contract = contracts[row.reference.contract]
        edges |= {Edge(start=_speaker(who, "produces"), end=contract): None for who in row.producers}
        edges |= {Edge(start=contract, end=_speaker(who, "consumes")): None for who in row.consumers}
    met = (node for edge in edges for node in (edge.start, edge.end))
    return Graph(nodes=tuple(dict.fromkeys((*met, *contracts.values()))), edges=tuple(edges))


def _speaker(who: str, does: str) -> Node:
    kind = NodeKind.STEPS if who.startswith("pipeline ") else NodeKind.SERVICE
    return Node(kind=kind, title=who, lines=(does,))


def _node(place: Place, lines: list[str]) -> Node:
    shown = list(dict.fromkeys(lines))
    more = [f"and {len(shown) - MOST_COLUMNS} more"] if len(shown) > MOST_COLUMNS else []
    title = f"pipeline {place.name}" if place.kind is Kind.PIPELINE else place.name
    return Node(kind=KINDS[place.kind], title=title, lines=(*shown[:MOST_COLUMNS], *more))
