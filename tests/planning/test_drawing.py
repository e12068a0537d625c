"""Drawing: what a topology looks like, checked as a graph, as places, and as the SVG that a browser reads."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from streams.contracts import read_contracts
from streams.contracts.registry import MemoryRegistry
from streams.pipeline.compile import compile_topology
from streams.pipeline.topology import Topology
from streams.planning.drawing import SVG, draw
from streams.planning.graph import Graph, NodeKind, graph_of
from streams.planning.layout import LONGEST, Box, lay_out
from streams.planning.wording import flow_text
from tests.contracts.builders import a_folder

SCHEMAS = Path(__file__).parents[2] / "schemas"
ENRICHED = """
pipeline: enriched
source:
  topic: cdc.orders.v1
  format: debezium-json
  contract: iglu:com.acme.shop/orders/jsonschema/1-*-*
  key: [customer_id]
filter: "op = 'INSERT'"
quality: {rules: {uniqueness: [status]}}
join:
  - {table: users, by: [customer_id], columns: {age: customer_age}, missing: keep, same_keys: true}
aggregate:
  - {table: by_status, by: [status], window: {tumbling: 1m}, columns: {n: "count(*)"}, to: by_status.v1, late: late.v1}
  - {table: per_customer, by: [customer_id], columns: {n: "count(*)"}}
route:
  - {to: orders.joined.v1, key: [customer_id], attach: {so_far: per_customer.n}}
"""


def a_topology(folder: Path) -> Topology:
    contracts = read_contracts(folder)
    return compile_topology(contracts, app="streams", mask_key=b"any", registry=MemoryRegistry())


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    there = (path for path in SCHEMAS.rglob("*") if path.is_file())
    files = {path.relative_to(SCHEMAS).as_posix(): path.read_text("utf-8") for path in there}
    return a_topology(a_folder(tmp_path, {**files, "pipelines/enriched.yaml": ENRICHED}))


def told(graph: Graph) -> set[tuple[str, str, str]]:
    return {(edge.start.title, edge.label, edge.end.title) for edge in graph.edges}


def test_topics_steps_tables_joins_and_topics_between_stages_are_in_the_graph(topology: Topology) -> None:
    assert told(graph_of(topology, ["enriched"])) == {
        ("cdc.orders.v1", "", "pipeline enriched"),
        ("users", "join by customer_id", "pipeline enriched"),
        ("pipeline enriched", "", "per_customer"),
        ("pipeline enriched", "key status", "streams-enriched-by-status-repartition"),
        ("streams-enriched-by-status-repartition", "", "stage enriched-by-status"),
        ("stage enriched-by-status", "", "by_status"),
        ("by_status", "current", "by_status.v1"),
        ("pipeline enriched", "late", "late.v1"),
        ("pipeline enriched", "TRUNCATE, to all partitions", "streams-enriched-truncates-repartition"),
        ("pipeline enriched", "values to check", "streams-enriched-quality-repartition"),
        ("streams-enriched-quality-repartition", "", "stage enriched-quality"),
        ("stage enriched-quality", "findings", "streams-enriched-quality"),
        ("pipeline enriched", "key customer_id", "orders.joined.v1"),
        ("per_customer", "attach", "orders.joined.v1"),
        ("pipeline enriched", "dead", "cdc.orders.v1-enriched-dlt"),
    }


def test_rows_and_partners_that_meet_in_a_stage_are_drawn_around_it(tmp_path: Path) -> None:
    there = (path for path in SCHEMAS.rglob("*") if path.is_file())
    files = {path.relative_to(SCHEMAS).as_posix(): path.read_text("utf-8") for path in there}
    apart = """
pipeline: apart
source:
  topic: cdc.orders.v1
  format: debezium-json
  contract: iglu:com.acme.shop/orders/jsonschema/1-*-*
  key: [id]
join:
  - {type: table, table: users, by: [customer_id], columns: {age: customer_age}}
route:
  - {to: apart.v1}
"""
    graph = graph_of(a_topology(a_folder(tmp_path, {**files, "pipelines/apart.yaml": apart})), ["apart"])

    between = {part: f"streams-apart-join0-users-{part}-repartition" for part in ("names", "rows", "answers")}
    assert {
        ("users", "", between["rows"]),
        ("pipeline apart", "rows follow it by customer_id", between["names"]),
        (between["names"], "", "stage apart-join0-users"),
        (between["rows"], "", "stage apart-join0-users"),
        ("stage apart-join0-users", "back to apart", between["answers"]),
    } <= told(graph)
    assert "back to apart" in draw(graph, title="apart")


@pytest.mark.parametrize("key", ["customer_id", "id"])
def test_streams_that_are_joined_are_drawn_with_an_edge_or_around_their_stage(tmp_path: Path, key: str) -> None:
    there = (path for path in SCHEMAS.rglob("*") if path.is_file())
    files = {path.relative_to(SCHEMAS).as_posix(): path.read_text("utf-8") for path in there}
    twins = f"""
pipeline: twins
source:
  topic: cdc.orders.v1
  format: debezium-json
  contract: iglu:com.acme.shop/orders/jsonschema/1-*-*
  key: [{key}]
join:
  - {{type: interval, with: others, by: [customer_id], within: 1m, columns: {{id: other}}}}
route:
  - {{to: twins.v1}}
"""
    others = twins.replace("twins", "others").replace("[id]", "[customer_id]")
    others = "\n".join(line for line in others.splitlines() if "join" not in line and "interval" not in line)
    files |= {"pipelines/twins.yaml": twins, "pipelines/others.yaml": others}
    graph = graph_of(a_topology(a_folder(tmp_path, files)), ["twins"])

    label = "events within a time by customer_id"
    own, theirs = (f"streams-twins-with-others-{side}-repartition" for side in ("own", "partner"))
    wanted = {
        "customer_id": {
            ("pipeline others", label, "pipeline twins"),
            ("pipeline twins", "key id", "twins.v1"),
        },
        "id": {
            ("pipeline twins", label, own),
            ("pipeline others", "", theirs),
            (own, "", "stage twins-with-others"),
            (theirs, "", "stage twins-with-others"),
            ("stage twins-with-others", "key id", "twins.v1"),
        },
    }
    assert wanted[key] <= told(graph)
    assert ("pipeline twins", "key id", "twins.v1") not in told(graph) or key == "customer_id"
    assert "twins" in draw(graph, title="twins")


def test_every_pipeline_and_table_is_drawn_once(topology: Topology) -> None:
    graph = graph_of(topology)

    titles = [node.title for node in graph.nodes]
    assert len(titles) == len(set(titles))
    assert {plan.name for plan in topology.plans} == {
        title.removeprefix("pipeline ") for title in titles if title.startswith("pipeline ")
    }


def overlap(one: Box, other: Box) -> bool:
    apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
    return not (apart_x or one.y + one.height <= other.y or other.y + other.height <= one.y)


def test_nothing_lies_on_something_else_and_everything_flows_to_the_right(topology: Topology) -> None:
    graph = graph_of(topology)
    layout = lay_out(graph)

    assert [pair for pair in combinations(layout.boxes, 2) if overlap(*map(layout.boxes.__getitem__, pair))] == []
    assert [edge for edge in graph.edges if layout.rights[edge.start] >= layout.boxes[edge.end].x] == []
    passed = [(box, node) for ways in layout.ways.values() for box in ways for node in layout.boxes.items()]
    assert [node[0].title for box, node in passed if overlap(box, node[1])] == []
    assert max(box.x + box.width for box in layout.boxes.values()) <= layout.width
    assert max(box.y + box.height for box in layout.boxes.values()) <= layout.height


def test_the_svg_says_whole_what_its_lines_cut_off(topology: Topology) -> None:
    root = Xml.fromstring(draw(graph_of(topology), title="All"))

    texts = [held.text or "" for held in root.iter(f"{{{SVG}}}text")]
    titles = [held.text or "" for held in root.iter(f"{{{SVG}}}title")]
    join = next(text for text in texts if text.startswith("join table: users"))
    assert (len(join), join[-1]) == (LONGEST, "…")
    assert any("columns: {age: customer_age}, missing: keep, same_keys: True" in title for title in titles)
    legend = {kind.value for kind in NodeKind} & set(texts)
    assert legend == {node.kind.value for node in graph_of(topology).nodes}


def test_the_example_pipelines_are_drawn_whole() -> None:
    text = draw(graph_of(a_topology(SCHEMAS)), title="All")

    shown = {held.text for held in Xml.fromstring(text).iter(f"{{{SVG}}}text")}
    assert {"pipeline orders", "revenue_by_customer", "tumbling 10s, grace 10s", "filter op = 'INSERT'"} <= shown


def test_one_line_of_a_file_is_as_yaml_writes_it() -> None:
    assert flow_text({"by": ["a", "b"], "window": {"tumbling": "1m"}}) == "by: [a, b], window: {tumbling: 1m}"
