"""Drawing: a graph of pipelines as an SVG that any browser shows; nothing in it is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise
from xml.etree import ElementTree as Xml

from .graph import Edge, Graph, Node, NodeKind
from .layout import CHAR, HEAD, LID, LINE, MARGIN, Box, Layout, lay_out, shorten

SVG = "http://www.w3.org/2000/svg"
FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
LABEL = 10.5
"""Letters on lines, px."""
LEGEND = 46
STYLES = {
    NodeKind.TOPIC: ("#e8f1fb", "#3b7dc4"),
    NodeKind.EXCHANGE: ("#f1e9fa", "#7d4fb3"),
    NodeKind.STEPS: ("#ffffff", "#444c56"),
    NodeKind.TABLE: ("#e7f5ec", "#2f8f57"),
    NodeKind.DEAD_LETTERS: ("#fdeceb", "#c0453c"),
    NodeKind.CONTRACT: ("#fff6dd", "#a07400"),
    NodeKind.SERVICE: ("#eceff2", "#4c5a67"),
}
"""(filled with, drawn with)."""


def draw(graph: Graph, *, title: str) -> str:
    """The SVG's text."""
    layout = lay_out(graph)
    width, height = max(layout.width, 720.0), layout.height + LEGEND
    root = Xml.Element(
        "svg", xmlns=SVG, viewBox=f"0 0 {width:.0f} {height:.0f}", width=f"{width:.0f}", height=f"{height:.0f}",
        role="img", style=f"font-family: {FONT}; font-size: 12px",
    )  # fmt: skip
    Xml.SubElement(root, "title").text = title
    _arrow_heads(Xml.SubElement(root, "defs"))
    Xml.SubElement(root, "rect", width="100%", height="100%", fill="#ffffff")
    for edge in graph.edges:
        _edge(root, edge, layout)
    for node in graph.nodes:
        _node(root, node, layout.boxes[node])
    for edge in graph.edges:
        _label(root, edge, layout)
    _legend(root, layout.height + LEGEND / 2 - 6, {node.kind for node in graph.nodes})
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode") + "\n"


def _arrow_heads(defs: Xml.Element) -> None:
    for name, colour in (("main", "#444c56"), ("side", "#8a939d")):
        head = Xml.SubElement(
            defs, "marker", id=name, viewBox="0 0 8 8", refX="8", refY="4", markerWidth="7", markerHeight="7",
            orient="auto",
        )  # fmt: skip
        Xml.SubElement(head, "path", d="M0,0 L8,4 L0,8 z", fill=colour)


def _edge(root: Xml.Element, edge: Edge, layout: Layout) -> None:
    name, colour = ("side", "#8a939d") if edge.is_side else ("main", "#444c56")
    line = Xml.SubElement(
        root, "path", d=_path(edge, layout), fill="none", stroke=colour, attrib={"marker-end": f"url(#{name})"}
    )
    line.set("stroke-width", "1.3")
    if edge.is_side:
        line.set("stroke-dasharray", "4 3")


def _path(edge: Edge, layout: Layout) -> str:
    """Straight through the columns it passes, in a curve between columns."""
    start, end = layout.boxes[edge.start], layout.boxes[edge.end]
    leaves = _port(edge, layout, is_start=True)
    points = [(start.x + start.width, leaves), (layout.rights[edge.start], leaves)]
    for box in layout.ways[edge]:
        points += [(box.x, box.middle), (box.x + box.width, box.middle)]
    points.append((end.x - 1, _port(edge, layout, is_start=False)))
    parts = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x, y), (to_x, to_y) in pairwise(points):
        bend = (to_x - x) / 2
        parts.append(f"C{x + bend:.1f},{y:.1f} {to_x - bend:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}")
    return " ".join(parts)


def _port(edge: Edge, layout: Layout, *, is_start: bool) -> float:
    """Height at which an edge meets a node: its edges are spread over its side, in the order of where they lead."""
    node = edge.start if is_start else edge.end
    box = layout.boxes[node]

    def far(other: Edge) -> float:
        passed = layout.ways[other]
        if passed:
            return (passed[0] if is_start else passed[-1]).middle
        return layout.boxes[other.end if is_start else other.start].middle

    others = sorted((held for held in layout.ways if (held.start if is_start else held.end) == node), key=far)
    return box.y + box.height * (others.index(edge) + 1) / (len(others) + 1)


def _label(root: Xml.Element, edge: Edge, layout: Layout) -> None:
    """Beside the node that fewer edges meet, so that labels do not lie on each other."""
    if not edge.label:
        return
    text = shorten(edge.label)
    leaving = sum(held.start == edge.start for held in layout.ways)
    entering = sum(held.end == edge.end for held in layout.ways)
    if entering <= leaving:
        x, y, anchor = layout.boxes[edge.end].x - 10, _port(edge, layout, is_start=False), "end"
    else:
        x, y, anchor = layout.rights[edge.start] + 6, _port(edge, layout, is_start=True), "start"
    written = _text(root, x, y - 4, text, anchor=anchor, size=LABEL, fill="#57606a")
    written.set("style", "paint-order: stroke; stroke: #ffffff; stroke-width: 3px")


def _node(root: Xml.Element, node: Node, box: Box) -> None:
    group = Xml.SubElement(root, "g", attrib={"class": node.kind.name.lower().replace("_", "-")})
    Xml.SubElement(group, "title").text = "\n".join((node.title, *node.lines))
    fill, colour = STYLES[node.kind]
    _shape(group, node.kind, box, fill, colour)
    top = box.y + (LID if node.kind is NodeKind.TABLE else 0)
    title = _text(group, box.x + 14, top + 19, shorten(node.title), fill=colour)
    title.set("font-weight", "bold")
    for number, line in enumerate(node.lines):
        _text(group, box.x + 14, top + HEAD + 10 + number * LINE, shorten(line), fill="#24292f")


def _shape(group: Xml.Element, kind: NodeKind, box: Box, fill: str, colour: str) -> None:
    if kind is NodeKind.TABLE:
        right, bottom, half = box.x + box.width, box.y + box.height, box.width / 2
        lid = f"{half:.1f},{LID} 0 0"
        upper = f"M{box.x:.1f},{box.y:.1f} A{lid} 1 {right:.1f},{box.y:.1f}"
        lower = f"V{bottom:.1f} A{lid} 1 {box.x:.1f},{bottom:.1f} Z"
        Xml.SubElement(group, "path", d=f"{upper} {lower}", fill=fill, stroke=colour)
        Xml.SubElement(
            group, "path", d=f"M{box.x:.1f},{box.y:.1f} A{lid} 0 {right:.1f},{box.y:.1f}", fill="none", stroke=colour
        )
        return
    corner = "4" if kind is NodeKind.STEPS else f"{min(14.0, box.height / 2):.0f}"
    place = {"x": f"{box.x:.1f}", "y": f"{box.y:.1f}", "width": f"{box.width:.1f}", "height": f"{box.height:.1f}"}
    Xml.SubElement(group, "rect", place, rx=corner, fill=fill, stroke=colour)


def _legend(root: Xml.Element, y: float, kinds: Container[NodeKind]) -> None:
    x = float(MARGIN)
    for kind, (fill, colour) in ((kind, style) for kind, style in STYLES.items() if kind in kinds):
        _shape(root, kind, Box(x=x, y=y, width=20, height=12), fill, colour)
        _text(root, x + 27, y + 11, kind.value, size=LABEL, fill="#57606a")
        x += 27 + len(kind.value) * CHAR + 20


def _text(
    root: Xml.Element, x: float, y: float, text: str, *, fill: str, anchor: str = "start", size: float = 12
) -> Xml.Element:
    held = Xml.SubElement(
        root, "text", x=f"{x:.1f}", y=f"{y:.1f}", fill=fill, attrib={"text-anchor": anchor, "font-size": f"{size}px"}
    )
    held.text = text
    return held

