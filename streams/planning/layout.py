"""Layout: where each node of a graph is drawn: columns from left to right in the order in which events flow.

Columns come from the graph, so that what a general layout engine is needed for, to find them, is not. Inside a column
nodes stand in the order of their neighbours' means, which keeps lines from crossing; a line that passes a column has a
place of its own there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from .graph import Edge, Graph, Node, NodeKind

CHAR = 7.25
"""Width of a letter of 12 px."""
LINE = 17
HEAD = 28
LID = 7
"""Half the height of a table's lid."""
LONGEST = 60
"""Letters of a line; more are cut, and told when the pointer rests on the box."""
COLUMN_GAP = 150
ROW_GAP = 22
PASSING = 8
"""Height that a line takes in a column it passes."""
SWEEPS = 8
MARGIN = 24

Way = tuple[Edge, int]
"""An edge where it passes a column."""
Held = Node | Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where something stands, px."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """Of its height."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Everything placed."""

    boxes: Mapping[Node, Box]
    ways: Mapping[Edge, tuple[Box, ...]]
    """By edge, the places it passes between its ends."""
    rights: Mapping[Node, float]
    """By node, where its column ends: lines turn behind that, not over a wider neighbour."""
    width: float
    height: float


def size_of(node: Node) -> tuple[float, float]:
    """(width, height), px."""
    longest = max(len(shorten(line)) for line in (node.title, *node.lines))
    height = HEAD + LINE * len(node.lines) + (8 if node.lines else 0)
    return longest * CHAR + 28, height + (LID if node.kind is NodeKind.TABLE else 0)


def shorten(line: str) -> str:
    """A line as it is drawn."""
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def lay_out(graph: Graph) -> Layout:
    """Place all of ``graph``."""
    ranks = _ranks(graph)
    columns, links = _columns(graph, ranks)
    neighbours: dict[Held, list[Held]] = {}
    for left, right in links:
        neighbours.setdefault(left, []).append(right)
        neighbours.setdefault(right, []).append(left)
    for sweep in range(SWEEPS):
        _order(columns if sweep % 2 else columns[::-1], neighbours)
    boxes = _place(columns, neighbours)
    nodes = {held: box for held, box in boxes.items() if isinstance(held, Node)}
    ways = {edge: _way(edge, ranks, boxes) for edge in graph.edges}
    return Layout(
        boxes=nodes,
        ways=ways,
        rights={node: boxes[node].x + _widest(columns[ranks[node]]) for node in graph.nodes},
        width=max((box.x + box.width for box in nodes.values()), default=0) + MARGIN,
        height=max((box.y + box.height for box in boxes.values()), default=0) + MARGIN,
    )


def _ranks(graph: Graph) -> Mapping[Node, int]:
    """Column by node: behind all that flow into it; a source stands directly before who reads it."""
    ranks = dict.fromkeys(graph.nodes, 0)
    for _ in graph.nodes:
        for edge in graph.edges:
            ranks[edge.end] = max(ranks[edge.end], ranks[edge.start] + 1)
    entered = {edge.end for edge in graph.edges}
    for node in graph.nodes:
        if node not in entered:
            ranks[node] = min((ranks[edge.end] for edge in graph.edges if edge.start == node), default=1) - 1
    return ranks


def _columns(graph: Graph, ranks: Mapping[Node, int]) -> tuple[list[list[Held]], list[tuple[Held, Held]]]:
    """What stands in each column, passing lines too; and what is connected from one column to the next."""
    columns: list[list[Held]] = [[] for _ in range(max(ranks.values(), default=-1) + 1)]
    for node in graph.nodes:
        columns[ranks[node]].append(node)
    links: list[tuple[Held, Held]] = []
    for edge in graph.edges:
        passed: list[Held] = [(edge, rank) for rank in range(ranks[edge.start] + 1, ranks[edge.end])]
        for held in passed:
            columns[held[1]].append(held)  # type: ignore[index]  # a way, made above
        links += pairwise([edge.start, *passed, edge.end])
    return columns, links


def _order(columns: Iterable[list[Held]], neighbours: Mapping[Held, list[Held]]) -> None:
    """Each column by the mean place of what its nodes are connected to in the column before."""
    before: Mapping[Held, float] = {}
    for column in columns:
        places = {held: place / max(1, len(column)) for place, held in enumerate(column)}
        means = {held: _mean(held, before, neighbours, places[held]) for held in column}
        column.sort(key=lambda held: means[held])
        before = {held: place / max(1, len(column)) for place, held in enumerate(column)}


def _mean(
    held: Held, places: Mapping[Held, float], neighbours: Mapping[Held, list[Held]], otherwise: float
) -> float:
    known = [places[other] for other in neighbours.get(held, ()) if other in places]
    return sum(known) / len(known) if known else otherwise


def _place(columns: list[list[Held]], neighbours: Mapping[Held, list[Held]]) -> dict[Held, Box]:
    """The tallest column is stacked; the others follow what they are connected to, without touching each other."""
    boxes: dict[Held, Box] = {}
    heights = [sum(_height(held) + ROW_GAP for held in column) for column in columns]
    tallest = heights.index(max(heights)) if heights else 0
    lefts = _lefts(columns)
    for rank in (*range(tallest, len(columns)), *range(tallest - 1, -1, -1)):
        middles = {held: box.middle for held, box in boxes.items()}
        y = float(MARGIN)
        wanted = [_mean(held, middles, neighbours, 0.0) - _height(held) / 2 for held in columns[rank]]
        for held, top in zip(columns[rank], _apart(columns[rank], wanted, y), strict=True):
            width = size_of(held)[0] if isinstance(held, Node) else _widest(columns[rank])
            boxes[held] = Box(x=lefts[rank], y=top, width=width, height=_height(held))
    return boxes


def _apart(column: list[Held], wanted: list[float], first: float) -> list[float]:
    """Tops near ``wanted``, in order, none over another: pushed down, then as far up again as all of them may."""
    tops, least = [], first
    for held, top in zip(column, wanted, strict=True):
        tops.append(max(top, least))
        least = tops[-1] + _height(held) + ROW_GAP
    for index in range(len(tops) - 2, -1, -1):
        room = tops[index + 1] - ROW_GAP - _height(column[index])
        pushed = tops[index] - wanted[index]
        if pushed > 0:
            above = first if index == 0 else tops[index - 1] + _height(column[index - 1]) + ROW_GAP
            tops[index] = max(above, min(tops[index] - pushed / 2, room))
    return tops


def _lefts(columns: list[list[Held]]) -> list[float]:
    lefts, x = [], float(MARGIN)
    for column in columns:
        lefts.append(x)
        x += _widest(column) + COLUMN_GAP
    return lefts


def _widest(column: list[Held]) -> float:
    return max((size_of(held)[0] for held in column if isinstance(held, Node)), default=0.0)


def _height(held: Held) -> float:
    return size_of(held)[1] if isinstance(held, Node) else PASSING


def _way(edge: Edge, ranks: Mapping[Node, int], boxes: Mapping[Held, Box]) -> tuple[Box, ...]:
    return tuple(boxes[edge, rank] for rank in range(ranks[edge.start] + 1, ranks[edge.end]))

