"""Reach: what a change of a contract hits, through pipelines, tables, topics and services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner, Result

from streams.cli.contracts import command
from streams.planning.drawing import SVG
from tests.contracts.builders import a_contract, a_folder, a_schema

ID = {"type": "integer"}
TEXT = {"type": "string"}
KEY = "{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}"


def a_dataset(name: str, versions: dict[str, dict[str, object]]) -> dict[str, str]:
    files = {
        f"com.acme/{name}/jsonschema/{version}": a_schema(name, version, properties={"id": ID, **columns})
        for version, columns in versions.items()
    }
    return {**files, f"com.acme/{name}/contract.yaml": a_contract(KEY, name=name)}


PIPELINES = {
    "pipelines/users.yaml": """pipeline: users
source: {topic: users.v1, format: debezium-json, contract: "iglu:com.acme/users/jsonschema/1-*-*"}
table: {name: users}
route: [{to: people.v1, contract: "iglu:com.acme/people/jsonschema/1-0-0"}]
""",
    "pipelines/orders.yaml": """pipeline: orders
source: {topic: orders.v1, format: debezium-json, contract: "iglu:com.acme/orders/jsonschema/1-0-*"}
filter: "status = 'new'"
join: [{table: users, by: [id], columns: {country: land}, missing: keep}]
aggregate: [{table: lands, by: [id], columns: {lands: "max(land)"}, to: lands.v1}]
route: [{to: enriched.v1}]
""",
}
MATRIX = """
database: {produces: [users/v1, orders/v1]}
crm: {consumes: [people/v1]}
legacy: {consumes: [users/v2]}
"""
FILES = {
    **a_dataset("users", {"1-0-0": {"name": TEXT, "country": TEXT}}),
    **a_dataset("people", {"1-0-0": {"name": TEXT, "country": TEXT}}),
    **a_dataset(
        "orders", {"1-0-0": {"status": TEXT}, "1-0-1": {"status": TEXT, "note": TEXT}, "2-0-0": {"status": ID}}
    ),
    **PIPELINES,
    "matrix.yaml": MATRIX,
}


def run(folder: Path, *arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments), "--schemas", str(folder)], catch_exceptions=False)


def hits(folder: Path, *arguments: object) -> list[tuple[str, str, str, str]]:
    result = run(folder, "impact", *arguments, "--output", "json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["hits"]
    return [(hit["kind"], hit["name"], hit["column"], hit["how"]) for hit in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return a_folder(tmp_path / "schemas", FILES)


def test_a_column_is_followed_through_tables_joins_topics_and_contracts_to_services(folder: Path) -> None:
    assert hits(folder, "com.acme/users", "--column", "country") == [
        ("service", "database", "", "produces com.acme/users 1-*-*"),
        ("service", "legacy", "", "consumes com.acme/users 2-*-*"),
        ("pipeline", "users", "", "reads users.v1 as 1-*-*"),
        ("table", "users", "country", "DIRECT IDENTITY"),
        ("topic", "people.v1", "country", "DIRECT IDENTITY"),
        ("pipeline", "orders", "", "joins users"),
        ("table", "lands", "lands", "DIRECT AGGREGATION: join → max(land)"),
        ("topic", "lands.v1", "lands", "DIRECT AGGREGATION: join → max(land)"),
        ("topic", "enriched.v1", "land", "DIRECT IDENTITY: join"),
        ("contract", "com.acme/people", "", "what people.v1 holds"),
        ("service", "crm", "", "consumes com.acme/people 1-*-*"),
    ]


def test_a_column_that_only_decides_is_indirect_and_one_that_goes_nowhere_hits_who_reads_it(folder: Path) -> None:
    decided = [hit for hit in hits(folder, "com.acme/orders", "--column", "status") if hit[0] == "topic"]

    assert ("topic", "enriched.v1", "status", "DIRECT IDENTITY") in decided
    assert ("topic", "lands.v1", "lands", "INDIRECT FILTER: filter: status = 'new'") in decided


def test_a_version_hits_by_the_columns_that_it_changed(folder: Path) -> None:
    report = json.loads(run(folder, "impact", "com.acme/orders@1-0-1", "--output", "json").output)

    assert (report["version"], report["columns"]) == ("1-0-1", ["note"])
    assert ("pipeline", "orders", "", "reads orders.v1 as 1-0-*") in hits(folder, "com.acme/orders@1-0-1")


def test_a_pipeline_that_does_not_admit_the_version_is_told_and_not_followed(folder: Path) -> None:
    assert hits(folder, "com.acme/orders@2-0-0") == [
        ("service", "database", "", "produces com.acme/orders 1-*-*, not this version"),
        ("pipeline", "orders", "", "admits 1-0-*: rows that name 2-0-0 are dead (contract_unknown)"),
    ]


def test_who_publishes_under_a_contract_is_reached_by_its_change(folder: Path) -> None:
    assert hits(folder, "com.acme/people") == [
        ("service", "crm", "", "consumes com.acme/people 1-*-*"),
        ("pipeline", "users", "", "publishes people.v1 under 1-0-0"),
    ]


def test_a_pipeline_that_reads_and_publishes_under_one_contract_makes_no_circle(folder: Path, tmp_path: Path) -> None:
    text = PIPELINES["pipelines/users.yaml"].replace("com.acme/people/", "com.acme/users/")
    matrix = "crm: {produces: [users/v1], consumes: [users/v1]}"
    a_folder(folder, {"pipelines/users.yaml": text, "matrix.yaml": matrix})

    found = hits(folder, "com.acme/users", "--column", "name")

    assert ("pipeline", "users", "", "publishes people.v1 under 1-0-0") in found
    assert run(folder, "impact", "com.acme/users", "--svg", tmp_path / "circle.svg").exit_code == 0
    assert float(str(Xml.parse(tmp_path / "circle.svg").getroot().get("width"))) < 2_000


def test_what_is_reached_is_drawn(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "reach.svg"

    assert run(folder, "impact", "com.acme/users", "--column", "country", "--svg", file).exit_code == 0

    shown = {held.text for held in Xml.parse(file).iter(f"{{{SVG}}}text")}
    assert {"com.acme/users", "database", "pipeline orders", "lands: direct aggregation", "crm", "service"} <= shown
    assert "dead letters" not in shown


def test_a_contract_that_nobody_speaks_reaches_nobody_and_is_drawn_alone(folder: Path, tmp_path: Path) -> None:
    a_folder(folder, a_dataset("alone", {"1-0-0": {}}))

    assert hits(folder, "com.acme/alone", "--svg", tmp_path / "alone.svg") == []
    assert "com.acme/alone" in (tmp_path / "alone.svg").read_text()


def test_names_that_are_not_there_are_wrong_use(folder: Path) -> None:
    for arguments in (["com.acme/nobody"], ["com.acme/users@9-0-0"], ["com.acme/users", "--column", "colour"]):
        assert run(folder, "impact", *arguments).exit_code == 2


def test_the_matrix_is_drawn_with_who_produces_left_and_who_consumes_right(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "matrix.svg"

    run(folder, "matrix", "--svg", file)

    titles = [held.text or "" for held in Xml.parse(file).iter(f"{{{SVG}}}title")]
    assert "pipeline users\nproduces" in titles
    assert "pipeline users\nconsumes" in titles
    assert "com.acme/users\n1-*-*: ok\n2-*-*: unknown version" in titles


def test_the_matrix_fails_where_somebody_waits_for_nobody(folder: Path) -> None:
    result = run(folder, "matrix", "--output", "json")

    report = json.loads(result.output)
    assert result.exit_code == 1
    assert [row["version"] for row in report["unknown_versions"]] == ["2-*-*"]
    assert (report["missing_producers"], report["version_conflicts"]) == ([], [])

    a_folder(folder, {"matrix.yaml": MATRIX.replace("users/v2", "users/v1")})
    assert run(folder, "matrix").exit_code == 0
