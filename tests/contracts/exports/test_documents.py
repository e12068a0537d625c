"""JSON Schema, ODCS, SQL and the languages: what their own tools say of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import sqlglot
from open_data_contract_standard.model import OpenDataContractStandard
from ruamel.yaml import YAML

from streams.contracts import Contracts
from streams.contracts.documents import parse_yaml
from streams.contracts.exports import FORMATS, export_dataset
from streams.contracts.exports.rules import plain_pattern
from streams.contracts.exports.sql import DIALECTS
from streams.contracts.odcs import read_terms
from streams.errors import Problem

from ..builders import a_contract, a_schema
from .builders import WIDE, a_tree, contracts_of, newest, the_shop, wide_things
from .tools import run_tsc

SUBJECTS = sorted(the_shop().families)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    return wide_things(tmp_path_factory.mktemp("wide"))


@pytest.fixture(params=[*SUBJECTS, WIDE])
def dataset(request: pytest.FixtureRequest, wide: Contracts) -> tuple[Contracts, str]:
    return (wide if request.param == WIDE else the_shop()), request.param


def test_odcs_is_valid_by_its_own_schema_and_complete(dataset: tuple[Contracts, str]) -> None:
    contracts, subject = dataset
    text = export_dataset(newest(contracts, subject), contracts, "odcs").text
    contract = YAML(typ="safe").load(text)
    standard = json.loads(OpenDataContractStandard.json_schema())  # type: ignore[no-untyped-call]
    problems: list[Problem] = []

    assert list(jsonschema_rs.validator_for(standard).iter_errors(contract)) == []
    OpenDataContractStandard(**contract)
    terms = read_terms(parse_yaml(text, "contract.yaml"), problems)
    assert problems == []
    assert list(terms.properties) == list(newest(contracts, subject).columns)
    assert terms.key == newest(contracts, subject).key
    assert {one["property"]: one["value"] for one in contract["customProperties"]}["iglu.uri"].startswith(subject)


def test_odcs_keeps_what_its_file_says(tmp_path: Path) -> None:
    more = "slaProperties: [{property: latency, value: 1, unit: h}]\ntags: [books]"
    column = "{name: id, logicalType: integer, description: Which.}"
    contracts = contracts_of(
        tmp_path,
        {"com.acme/things/jsonschema/1-0-0": a_schema(properties={"id": {"type": "integer", "minimum": 3}}),
         "com.acme/things/contract.yaml": a_contract(column, more=more)},
    )  # fmt: skip
    text = export_dataset(newest(contracts, "iglu:com.acme/things/jsonschema"), contracts, "odcs").text
    contract = YAML(typ="safe").load(text)

    assert contract["tags"] == ["books"]
    assert contract["slaProperties"] == [{"property": "latency", "value": 1, "unit": "h"}]
    assert contract["schema"][0]["properties"] == [
        {"name": "id", "description": "Which.", "required": True, "logicalType": "integer",
         "logicalTypeOptions": {"minimum": 3}}
    ]  # fmt: skip


@pytest.mark.parametrize("draft", ["http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema#"])
def test_schemas_of_old_drafts_and_other_files_are_one_new_document(draft: str, tmp_path: Path) -> None:
    is_fourth = "draft-04" in draft
    contracts = a_tree(tmp_path, draft) if is_fourth else a_tree(tmp_path)
    for name, row, wrong in (
        ("tree", {"root": {"label": "a", "weight": 1}}, {"root": {"label": "a", "weight": 0}}),
        ("forest", {"id": 1, "first": {"label": "a", "children": [{"label": "b"}]}},
         {"id": 1, "first": {"label": "a", "children": [{"weight": 1}]}}),
    ):  # fmt: skip
        contract = newest(contracts, f"iglu:com.acme/{name}/jsonschema")
        schema = json.loads(export_dataset(contract, contracts, "jsonschema").text)
        validator = jsonschema_rs.Draft202012Validator(schema)

        assert schema["$schema"].endswith("2020-12/schema")
        assert (validator.is_valid(row), validator.is_valid(wrong)) == (True, False)
        assert (contract.validator.is_valid(row), contract.validator.is_valid(wrong)) == (True, False)


@pytest.mark.integration
def test_typescript_of_rings_and_of_all_datasets_is_strict(tmp_path: Path, wide: Contracts) -> None:
    held = [(one, the_shop()) for one in SUBJECTS] + [(WIDE, wide)]
    trees = a_tree(tmp_path / "trees")
    held += [(f"iglu:com.acme/{name}/jsonschema", trees) for name in ("tree", "forest")]
    names = []
    for number, (subject, contracts) in enumerate(held):
        names.append(f"m{number}.ts")
        (tmp_path / names[-1]).write_text(export_dataset(newest(contracts, subject), contracts, "typescript").text)

    assert run_tsc(tmp_path, *names) == []


@pytest.mark.integration
def test_pydantic_models_pass_mypy_strict_and_bear_rings(tmp_path: Path, wide: Contracts) -> None:
    trees = a_tree(tmp_path / "trees")
    for name, contracts in (("wide", wide), ("tree", trees), ("forest", trees)):
        text = export_dataset(newest(contracts, f"iglu:com.acme/{name}/jsonschema"), contracts, "pydantic").text
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
    code = (
        "import tree\nheld = tree.Tree.model_validate({'root': {'label': 'a', 'children': [{'label': 'b'}]}})\n"
        "assert held.root.children is not None and held.root.children[0].label == 'b'\n"
    )
    (tmp_path / "use.py").write_text(code)

    def run(*arguments: str) -> str:
        done = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr if done.returncode else ""

    assert run("use.py") == ""
    assert run("-m", "mypy", "--strict", "--config-file=", "--cache-dir=none", "wide.py", "forest.py", "use.py") == ""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sql_is_sql(dialect: str, dataset: tuple[Contracts, str]) -> None:
    contracts, subject = dataset
    text = export_dataset(newest(contracts, subject), contracts, "sql", dialect=dialect).text
    statements = [one for one in sqlglot.parse(text, dialect=dialect) if one is not None]

    assert {type(one).__name__ for one in statements} <= {"Create", "Comment"}
    columns = statements[0].find_all(sqlglot.exp.ColumnDef)
    assert [column.name for column in columns] == list(newest(contracts, subject).columns)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_an_export_is_the_same_each_time_and_has_a_place(form: str, dataset: tuple[Contracts, str]) -> None:
    contracts, subject = dataset
    first, second = (export_dataset(newest(contracts, subject), contracts, form) for _ in range(2))

    assert first == second
    assert not Path(first.path).is_absolute() and ".." not in Path(first.path).parts


@pytest.mark.parametrize(
    ("pattern", "read"),
    [
        (r"^\d{3}-[\w.]+$", "^[0-9]{3}-[A-Za-z0-9_.]+$"), (r"^\D\W$", "^[^0-9][^A-Za-z0-9_]$"), (r"a\.b", r"a\.b"),
        (r"(?=a)b", None), (r"(?i)a", None), (r"\s", None), (r"[\D]", None), (r"[a&&b]", None), (r"\1", None),
        ("[é]", None),
    ],
)  # fmt: skip
def test_only_patterns_that_all_read_alike_are_told(pattern: str, read: str | None) -> None:
    assert plain_pattern(pattern) == read
