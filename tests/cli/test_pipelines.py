"""``streams pipelines``: what people and programs see of ``schemas/pipelines``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.contracts import command as check_contracts
from streams.cli.pipelines import command
from streams.errors import ConfigurationError
from tests.contracts.builders import a_folder

SCHEMAS = Path(__file__).parents[2] / "schemas"


def run(*arguments: str, schemas: Path = SCHEMAS) -> Result:
    return CliRunner().invoke(command, [*arguments, "--schemas", str(schemas)])


def test_the_list_names_sources_tables_and_topics() -> None:
    rows = {row["pipeline"]: row for row in json.loads(run("list", "--output", "json").output)}

    assert rows["revenue"] == {
        "pipeline": "revenue",
        "source": "cdc.orders.v1",
        "tables": ["revenue_by_customer", "customer_totals"],
        "publishes": ["revenue_by_customer.v1", "customer_totals.v1"],
        "dead_letters": "cdc.orders.v1-revenue-dlt",
    }


def test_a_pipeline_is_described_step_by_step_in_the_order_of_its_steps() -> None:
    shown = run("describe", "orders").output

    steps = ["source", "deduplicate", "derive", "table", "route"]
    places = [shown.index(f"│ {step} ") for step in steps]
    assert places == sorted(places)
    assert "key: [customer_id]" in shown
    assert "by: identity, keep: 24h" in shown


def test_a_description_names_every_topic_that_a_worker_creates() -> None:
    (described,) = json.loads(run("describe", "users", "--output", "json").output)

    assert described["steps"]["mask"] == {"email": "hash", "ssn": "redact", "credit_card": "partial"}
    assert described["topics"] == [
        {"topic": "cdc.users.v1", "kind": "source"},
        {"topic": "users.masked.v1", "kind": "output"},
        {"topic": "streams-users-changelog", "kind": "changelog"},
        {"topic": "streams-users-state-changelog", "kind": "changelog"},
        {"topic": "cdc.users.v1-users-dlt", "kind": "dead letters"},
        {"topic": "streams-users-truncates-repartition", "kind": "repartition"},
    ]


def test_a_drawing_is_written_of_one_pipeline_or_of_all(tmp_path: Path) -> None:
    one, every = tmp_path / "one.svg", tmp_path / "all.svg"

    results = [run("describe", "users", "--svg", str(one)), run("describe", "--svg", str(every))]

    assert [result.exit_code for result in results] == [0, 0]
    assert ("pipeline users" in one.read_text(), "pipeline orders" in one.read_text()) == (True, False)
    assert {"pipeline users", "pipeline orders"} <= set(re.findall(r"pipeline \w+", every.read_text()))


def test_pipelines_written_in_python_stand_beside_those_of_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "shop_pipelines.py").write_text(
        "from streams.dsl import stream\n"
        "again = stream('cdc.users.v1', pipeline='again', format='debezium-json',\n"
        "               contract='iglu:com.acme.shop/users/jsonschema/1-*-*').table('again').build()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("STREAMS_PIPELINE_MODULES", "shop_pipelines")

    listed = {row["pipeline"] for row in json.loads(run("list", "--output", "json").output)}
    (described,) = json.loads(run("describe", "again", "--output", "json").output)
    checked = CliRunner().invoke(check_contracts, ["check", "--schemas", str(SCHEMAS)])

    assert listed == {"orders", "products", "revenue", "users", "again"}
    assert described["steps"]["table"] == {"name": "again"}
    assert (checked.exit_code, "5 pipelines" in checked.output) == (0, True)

    monkeypatch.setenv("STREAMS_PIPELINE_MODULES", "no_such_module")
    wrong = CliRunner().invoke(check_contracts, ["check", "--schemas", str(SCHEMAS)])
    assert (wrong.exit_code, "no_such_module cannot be imported" in wrong.output) == (1, True)


def test_to_describe_without_a_name_or_a_file_is_wrong_use(tmp_path: Path) -> None:
    results = [run("describe"), run("describe", "--svg", str(tmp_path / "no" / "folder.svg"))]

    assert [result.exit_code for result in results] == [2, 2]


def test_a_pipeline_that_is_not_there_is_wrong_use_and_the_others_are_named() -> None:
    result = run("describe", "nothing")

    assert (result.exit_code, "orders, products, revenue, users" in result.output) == (2, True)


def test_broken_files_are_told_whole(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, {"pipelines/a.yaml": "pipeline: a\nsauce: {}\n", "pipelines/b.yaml": "pipeline: [\n"})

    result = run("list", schemas=folder)

    assert isinstance(result.exception, ConfigurationError)
    with pytest.raises(ConfigurationError, match=r"pipelines/a\.yaml:2[\s\S]*pipelines/b\.yaml"):
        raise result.exception


def test_lineage_tells_what_a_column_is_computed_from_and_that_it_is_masked() -> None:
    derived = run("lineage", "orders", "--column", "amount_gross").output
    masked = run("lineage", "users", "--column", "email").output

    assert "cdc.orders.v1.amount " in derived and "derive: round(amount * 1.19, 2)" in derived
    assert "mask: hash" in masked and "(masked)" in masked


def test_lineage_as_json_is_openlineages_facet_by_output() -> None:
    told = json.loads(run("lineage", "revenue", "--output", "json").output)

    assert {(one["job"], one["name"]) for one in told} >= {("revenue", "revenue_by_customer.v1")}
    fields = next(one for one in told if one["name"] == "revenue_by_customer.v1")["facets"]["columnLineage"]["fields"]
    assert {origin["field"] for origin in fields["revenue"]["inputFields"]} >= {"amount", "customer_id"}


def test_lineage_of_a_column_that_nobody_publishes_is_wrong_use() -> None:
    result = run("lineage", "--column", "nothing")

    assert (result.exit_code, "--column" in result.output) == (2, True)
