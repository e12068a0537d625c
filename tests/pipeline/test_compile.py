"""Compile: what pipelines and contracts disagree on is told at once, with file, line and place."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contracts import read_contracts
from streams.errors import ConfigurationError
from streams.pipeline.compile import compile_topology

from ..contracts.builders import a_folder
from .builders import CRITERION, TOPIC, a_pipeline, a_topology, problems_of, written

HEAD = """\
pipeline: {name}
source:
  topic: cdc.orders.v1
  format: debezium-json
  contract: iglu:com.acme/orders/jsonschema/1-*-*
"""
ROUTE = "route:\n  - {to: out.v1}\n"
MALFORMED = {
    "a": "pipeline: a\n  source: [",
    "b": HEAD + ROUTE + "filter: amonut > 1\n",
    "c": HEAD + ROUTE + "derive:\n  x: amount +\n  y: now()\n",
    "d": HEAD + "route:\n  - to: out.v1\n    key: [nothing]\n",
    "e": HEAD.replace("1-*-*", "9-*-*") + ROUTE,
    "f": HEAD + ROUTE + "join:\n  - {{table: users, by: [id]}}\n".replace("{{", "{").replace("}}", "}"),
    "g": HEAD + ROUTE + "mask:\n  amount: partial\n  mail: redact\n",
    "h": HEAD + ROUTE + "aggregate:\n  - table: sums\n    by: [code]\n    columns:\n      n: sum(code)\n",
    "i": HEAD.replace("topic: cdc", "topics: cdc") + ROUTE,
    "j": HEAD + "  event_time: code\n" + ROUTE + "deduplicate: {by: [nobody]}\n",
}
EXPECTED = [
    "pipelines/a.yaml:2: no valid YAML: mapping values are not allowed here",
    "pipelines/b.yaml:8: filter: no column 'amonut'; did you mean amount?",
    "pipelines/c.yaml:9: derive.x: incomplete: an operand or an argument is missing",
    "pipelines/c.yaml:10: derive.y: currenttimestamp: an event's result may not depend on when or where it is computed",
    "pipelines/d.yaml:8: route[0].key: no column 'nothing'; there are: amount, at, code, customer_id, email, id, note,"
    " price",
    "pipelines/e.yaml:5: source.contract: no contract iglu:com.acme/orders/jsonschema/9-*-*; there are:"
    " iglu:com.acme/orders/jsonschema/1-0-0",
    "pipelines/f.yaml:9: join[0].table: no pipeline that runs here keeps the latest rows of users;"
    " tables of rows: none",
    "pipelines/g.yaml:9: mask.amount: partial is for text; amount is numeric",
    "pipelines/g.yaml:10: mask.mail: no column 'mail'; there are: amount, at, code, customer_id, email, id, note,"
    " price",
    "pipelines/h.yaml:12: aggregate[0].columns.n: sum(code): text is no number; cast it",
    "pipelines/i.yaml:3: source.topics: unknown key 'topics'; did you mean topic?",
    "pipelines/i.yaml:2: source.topic: is required",
    "pipelines/j.yaml:6: source.event_time: code: text, not a timestamp or an integer",
    "pipelines/j.yaml:9: deduplicate.by: no column 'nobody'; there are: amount, at, code, customer_id, email, id, note,"
    " price",
]


def problems_in(root: Path, texts: dict[str, str], *, only: list[str] | None = None) -> list[str]:
    files: dict[str, str | bytes] = {f"pipelines/{name}.yaml": text for name, text in texts.items()}
    contracts = read_contracts(a_folder(written(root), files))
    with pytest.raises(ConfigurationError) as caught:
        compile_topology(contracts, app="app", only=only)
    return [str(problem) for problem in caught.value.problems]


def test_all_mistakes_of_ten_malformed_files_come_in_one_report(tmp_path: Path) -> None:
    found = problems_in(tmp_path, {name: text.replace("{name}", name) for name, text in MALFORMED.items()})

    assert sorted(found) == sorted(EXPECTED)


def test_a_broken_contract_is_reported_where_it_is_broken_and_once(tmp_path: Path) -> None:
    folder = written(tmp_path, a_pipeline())
    (folder / "com.acme/orders/contract.yaml").write_text("kind: [", "utf-8")

    with pytest.raises(ConfigurationError) as caught:
        compile_topology(read_contracts(folder), app="app")

    assert [problem.file for problem in caught.value.problems] == ["com.acme/orders/contract.yaml"]


def test_a_pipeline_that_is_not_asked_for_may_be_wrong_in_what_it_says(tmp_path: Path) -> None:
    wrong = a_pipeline("wrong", filter="amonut > 1", route=[{"to": "wrong.v1"}])
    contracts = read_contracts(written(tmp_path, a_pipeline(), wrong))

    assert [plan.name for plan in compile_topology(contracts, app="app", only=["orders"]).plans] == ["orders"]


def test_two_pipelines_may_share_a_source_and_no_table() -> None:
    first, second = (a_pipeline(name, table={"name": "latest"}) for name in ("orders", "more"))

    (problem,) = problems_of(first, second)

    assert problem.endswith("table latest belongs to pipeline more; rename it")


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ({"route": [{"to": "in.v1"}]}, "route[0].to"),
        ({"errors": {"dead_letters": "in.v1"}}, "errors.dead_letters"),
        (
            {"aggregate": [{"table": "t", "by": ["id"], "columns": {"n": "count(*)"}, "to": "in.v1"}]},
            "aggregate[0].to",
        ),
        (
            {"aggregate": [{"table": "t", "by": ["id"], "columns": {"n": "count(*)"}, "late": "in.v1"}]},
            "aggregate[0].late",
        ),
    ],
)
def test_nothing_is_written_to_what_any_pipeline_reads(parts: dict[str, object], place: str) -> None:
    reader = a_pipeline("reader", source={"topic": "in.v1"}, route=[{"to": "read.v1"}])

    (problem,) = problems_of(reader, a_pipeline(**parts))

    assert problem == f"pipelines/orders.yaml:1: {place}: in.v1 is a source here; chained pipelines arrive later"


# -- the topology


def test_pipelines_of_one_topic_are_one_task_and_others_another() -> None:
    topology = a_topology(
        a_pipeline(), a_pipeline("more", route=[{"to": "m.v1"}]), a_pipeline("other", source={"topic": "other.v1"})
    )

    assert [(sub.source_topics, [plan.name for plan in sub.plans]) for sub in topology.subtopologies] == [
        ((TOPIC,), ["more", "orders"]),
        (("other.v1",), ["other"]),
    ]
    assert topology.subtopology_of("other.v1").plans[0].name == "other"
    with pytest.raises(KeyError):
        topology.subtopology_of("nowhere.v1")


def test_every_topic_is_listed_once_with_what_it_needs() -> None:
    aggregate = {"table": "sums", "by": ["id"], "columns": {"n": "count(*)"}, "to": "sums.v1", "late": "late.v1"}
    topology = a_topology(a_pipeline(table={"name": "latest"}, aggregate=[aggregate]))
    config = {spec.name: dict(spec.config) for spec in topology.topics}

    assert {spec.name: spec.kind.value for spec in topology.topics} == {
        "cdc.orders.v1": "source",
        "orders.v1": "output",
        "sums.v1": "output",
        "late.v1": "output",
        "app-latest-changelog": "changelog",
        "app-sums-changelog": "changelog",
        "app-orders-state-changelog": "changelog",
        "cdc.orders.v1-orders-dlt": "dead_letters",
    }
    assert {spec.source for spec in topology.topics} == {TOPIC}
    largest = str(2**63 - 1)
    assert config["orders.v1"] == {"retention.ms": "-1", "message.timestamp.after.max.ms": largest}
    assert config["app-sums-changelog"]["cleanup.policy"] == "compact"
    assert config["cdc.orders.v1-orders-dlt"]["message.timestamp.type"] == "LogAppendTime"
    assert topology.subtopologies[0].changelogs == (
        ("latest", "app-latest-changelog"),
        ("sums", "app-sums-changelog"),
        ("orders-state", "app-orders-state-changelog"),
    )


def test_a_table_has_an_owner() -> None:
    topology = a_topology(a_pipeline(table={"name": "latest"}))

    assert topology.table_owner("latest")[1].name == "orders"
    with pytest.raises(KeyError):
        topology.table_owner("nothing")


SUMS = {"table": "sums", "by": ["id"], "columns": {"n": "count(*)", "avg": "avg(amount)"}}
WHOLE = a_pipeline(table={"name": "latest"}, aggregate=[SUMS])


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        (a_pipeline(table={"name": "latest"}, aggregate=[SUMS], filter="id > 1"), True),
        (a_pipeline(table={"name": "latest"}, aggregate=[SUMS], derive={"x": "1"}), True),
        (a_pipeline(table={"name": "latest"}, aggregate=[{**SUMS, "emit": "current", "to": "sums.v1"}]), True),
        (a_pipeline(table={"name": "other"}, aggregate=[SUMS]), False),
        (a_pipeline(table={"name": "latest"}, aggregate=[{**SUMS, "window": {"tumbling": "1m"}}]), False),
        (a_pipeline(table={"name": "latest"}, aggregate=[{**SUMS, "by": ["id", "code"]}]), False),
        (a_pipeline(table={"name": "latest"}, aggregate=[{**SUMS, "columns": {"n": "count(*)"}}]), False),
        (a_pipeline(table={"name": "latest"}, aggregate=[SUMS], deduplicate={"by": "none"}), False),
        (a_pipeline(table={"name": "latest"}, aggregate=[{**SUMS, "columns": {"n": "sum(id)"}}]), False),
    ],
)
def test_the_fingerprint_is_of_what_stored_state_depends_on(changed: dict[str, object], is_same: bool) -> None:
    fingerprints = {a_topology(pipeline).subtopologies[0].fingerprint for pipeline in (WHOLE, changed)}

    assert (len(fingerprints) == 1) is is_same


def test_a_sum_does_not_go_on_as_a_maximum() -> None:
    aggregates = [{**SUMS, "columns": {"x": f"{name}(amount)"}} for name in ("sum", "max", "min")]

    assert len({a_topology(a_pipeline(aggregate=[held])).subtopologies[0].fingerprint for held in aggregates}) == 3


def test_the_criterion_decides_which_versions_are_accepted() -> None:
    (plan,) = a_topology(a_pipeline(source={"contract": CRITERION})).plans

    assert [contract.version for contract in plan.contract.versions] == ["1-0-0"]
