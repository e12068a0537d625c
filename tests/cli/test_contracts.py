"""``streams contracts``: what people and programs see."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from streams.cli.contracts import command
from tests.contracts.builders import a_contract, a_folder, a_schema

SCHEMAS = Path(__file__).parents[2] / "schemas"
COLUMN = "{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}"


def run(*arguments: str, schemas: Path = SCHEMAS) -> Result:
    # As on anybody's machine: in GitHub's workflows problems are annotated, too.
    return CliRunner(env={"GITHUB_ACTIONS": None}).invoke(command, [*arguments, "--schemas", str(schemas)])


def test_the_projects_own_files_are_fine() -> None:
    result = run("check")

    assert (result.exit_code, "is fine" in result.output) == (0, True), result.output


def test_every_mistake_of_contracts_and_pipelines_is_told_at_once(tmp_path: Path) -> None:
    files = {
        "com.acme/broken/jsonschema/1-0-0": "{",
        "com.acme/things/jsonschema/1-0-0": a_schema(),
        "com.acme/things/contract.yaml": a_contract(COLUMN),
        "pipelines/unreadable.yaml": "pipeline: [",
        "pipelines/misspelt.yaml": "pipeline: misspelt\nsource: {topik: a}\n",
        "pipelines/lost.yaml": a_pipeline("lost", "com.acme/nobody"),
        "pipelines/column.yaml": a_pipeline("column", "com.acme/things", derive="{more: colour + 1}"),
        "pipelines/follows.yaml": a_pipeline("follows", "com.acme/broken"),
    }

    result = run("check", "--output", "json", schemas=a_folder(tmp_path, files))

    report = json.loads(result.output)
    assert result.exit_code == 1
    assert {problem["file"] for problem in report["problems"]} == {
        "com.acme/broken/jsonschema/1-0-0",
        "pipelines/unreadable.yaml",
        "pipelines/misspelt.yaml",
        "pipelines/lost.yaml",
        "pipelines/column.yaml",
    }


def test_the_list_names_key_and_classified_columns() -> None:
    rows = {row["dataset"]: row for row in json.loads(run("list", "--output", "json").output)}

    assert rows["com.acme.shop/users"] == {
        "dataset": "com.acme.shop/users",
        "format": "jsonschema",
        "newest": "1-0-0",
        "versions": 1,
        "key": "id",
        "columns": 7,
        "classified": "email, name, ssn, credit_card, age",
    }


def test_one_contract_is_shown_column_by_column() -> None:
    shown = json.loads(run("show", "com.acme.shop/orders", "--output", "json").output)

    assert (shown["uri"], shown["key"]) == ("iglu:com.acme.shop/orders/jsonschema/1-0-0", ["id"])
    assert next(column for column in shown["columns"] if column["column"] == "amount") == {
        "column": "amount",
        "type": "numeric",
        "json": "string",
        "format": None,
        "nullable": False,
        "source": "numeric(12,2)",
        "class": None,
        "scale": 2,
        "unit": None,
    }


def test_a_dataset_that_is_not_there_is_wrong_use() -> None:
    result = run("show", "com.acme.shop/nothing")

    assert (result.exit_code, "com.acme.shop/orders" in result.output) == (2, True)


def a_pipeline(name: str, dataset: str, *, derive: str = "{more: id + 1}") -> str:
    """A pipeline over ``dataset``."""
    return f"""pipeline: {name}
source: {{topic: cdc.{name}.v1, format: debezium-json, contract: "iglu:{dataset}/jsonschema/1-*-*"}}
derive: {derive}
route: [{{to: {name}.rows.v1}}]
"""


def test_rules_are_checked_and_shown_with_where_they_are_written(tmp_path: Path) -> None:
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(),
        "com.acme/things/contract.yaml": a_contract(COLUMN),
        "quality.yaml": "things:\n  completeness: [note]\n  uniqueness: [note]\n  on_fail: warn\n",
    }
    folder = a_folder(tmp_path, files)

    assert run("check", schemas=folder).exit_code == 0
    shown = json.loads(run("show", "com.acme/things", "--output", "json", schemas=folder).output)["quality"]
    assert [list(rule.values()) for rule in shown] == [
        ["completeness.note", "note", "not null", "warn", "quality.yaml:2"],
        ["uniqueness.note", "note", "unique", "finding", "quality.yaml:3"],
    ]
    assert "completeness.note" in run("show", "com.acme/things", schemas=folder).output

    (folder / "quality.yaml").write_text("things:\n  validity: {id: regex:^1}\n")
    result = run("check", schemas=folder)
    assert result.exit_code == 1
    assert "quality.yaml:2: things.validity.id: regex is for text; id is integer" in result.output


def test_files_that_need_a_registry_are_checked_without_one(tmp_path: Path) -> None:
    pipeline = a_pipeline("avro", "com.acme/things").replace("debezium-json", "debezium-avro")
    files = {
        "com.acme/things/jsonschema/1-0-0": a_schema(),
        "com.acme/things/contract.yaml": a_contract(COLUMN),
        "pipelines/avro.yaml": pipeline,
    }

    result = run("check", schemas=a_folder(tmp_path, files))

    assert (result.exit_code, "debezium-avro" in pipeline) == (0, True), result.output
