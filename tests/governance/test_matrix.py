"""Matrix: who produces and consumes what, also as a Python file says it, and where that clashes."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contracts import read_contracts
from streams.errors import Problem
from streams.governance.files import read_files
from streams.governance.matrix import Use, pipeline_uses, read_matrix, rows_of
from streams.governance.references import parse_reference
from streams.pipeline.grammar import read_pipelines
from tests.contracts.builders import a_folder, a_schema

from .builders import findings, told

LITERAL = (Path(__file__).parents[1] / "fixtures" / "contract_matrix.py").read_text("utf-8")
"""As a customer has it."""
YAML = LITERAL.replace("contract_matrix =", "contract_matrix:")
THINGS = {
    "com.acme/things/jsonschema/1-0-0": a_schema(),
    "com.acme/order_events/jsonschema/1-0-0": a_schema("order_events"),
}
PIPELINE = """pipeline: things
source: {topic: t.v1, format: json, contract: "iglu:com.acme/things/jsonschema/1-*-*"}
route: [{to: out.v1, key: [id], contract: "iglu:com.acme/order_events/jsonschema/1-0-0"}]
"""


def read(root: Path, files: dict[str, str]) -> tuple[tuple[Use, ...], list[Problem]]:
    folder = a_folder(root, {**THINGS, **files})
    problems: list[Problem] = []
    return read_matrix(read_files(folder), read_contracts(folder), problems), problems


def rows(root: Path, files: dict[str, str]) -> list[tuple[str, tuple[str, ...], tuple[str, ...], str]]:
    uses, problems = read(root, files)
    assert problems == []
    contracts = read_contracts(root)
    pipelines, _ = read_pipelines(contracts.pipeline_texts)
    found = rows_of((*uses, *pipeline_uses(pipelines, contracts)), contracts)
    return [(str(row.reference), row.producers, row.consumers, row.state) for row in found]


@pytest.mark.parametrize(
    "files",
    [{"contract_matrix.py": LITERAL}, {"matrix.yaml": YAML}, {"matrix.yaml": LITERAL}, {"matrix.yaml": LITERAL[17:]}],
)
def test_the_customers_example_is_read_as_written(tmp_path: Path, files: dict[str, str]) -> None:
    assert rows(tmp_path, files) == [
        ("analytics-events 1-*-*", ("frontend",), (), "no consumer"),
        ("auth-api 1-*-*", (), ("backend",), "no producer"),
        ("com.acme/order_events 1-*-*", ("backend",), ("ml-service",), "ok"),
        ("feature-store 1-*-*", (), ("ml-service",), "no producer"),
        ("payment-api 2-*-*", (), ("backend",), "no producer"),
        ("predictions-api 1-*-*", ("ml-service",), (), "no consumer"),
        ("product-api 1-*-*", (), ("frontend",), "no producer"),
        ("user-api 2-*-*", ("backend",), ("frontend",), "ok"),
    ]


def test_a_version_that_nobody_produces_is_a_conflict_where_another_is_produced(tmp_path: Path) -> None:
    text = "a: {produces: [user-api/v2]}\nb: {consumes: [user-api/v1]}\nc: {consumes: [user-api/v2.1]}\n"

    assert rows(tmp_path, {"matrix.yaml": text}) == [
        ("user-api 1-*-*", (), ("b",), "version conflict"),
        ("user-api 2-*-*", ("a",), ("c",), "ok"),
        ("user-api 2-1-*", ("a",), ("c",), "ok"),
    ]


def test_pipelines_take_part_without_being_listed(tmp_path: Path) -> None:
    files = {
        "pipelines/things.yaml": PIPELINE,
        "matrix.yaml": "a: {produces: [things/v1], consumes: [order-events/v1]}",
    }

    assert rows(tmp_path, files) == [
        ("com.acme/order_events 1-*-*", ("pipeline things",), ("a",), "ok"),
        ("com.acme/order_events 1-0-0", ("pipeline things",), ("a",), "ok"),
        ("com.acme/things 1-*-*", ("a",), ("pipeline things",), "ok"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  consumes: [user-api]\n", [(2, "a.consumes[0]", "write it as")]),
        ("a:\n  consums: []\n", [(2, "a.consums", "unknown key 'consums';")]),
        ("a:\n  consumes:\n    - things/v2\n", [(3, "a.consumes[0]", "no version com.acme/things")]),
        ("a: {produces: [com.acme/nothing/v1]}\n", [(1, "a.produces[0]", "no version com.acme/nothing")]),
        ("a: [", [(1, "", "no valid YAML:")]),
        ("- a\n", [(1, "", "must be object")]),
    ],
)
def test_mistakes_are_told_with_line_and_path(tmp_path: Path, text: str, expected: list[tuple[int, str, str]]) -> None:
    found = told(findings(a_folder(tmp_path, {**THINGS, "matrix.yaml": text})))

    assert found == [("matrix.yaml", *place) for place in expected]


def test_who_waits_for_nobody_is_a_warning_of_check(tmp_path: Path) -> None:
    found = findings(a_folder(tmp_path, {**THINGS, "matrix.yaml": "a: {consumes: [x/v1]}\nb: {produces: [x/v2]}\n"}))

    assert (found.problems, [str(one) for one in found.warnings]) == (
        (), ["matrix.yaml:1: a.consumes[0]: version conflict: nobody produces x 1-*-*, but x 2-*-*"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("orders/v1", "b.c/orders 1-*-*"),
        ("orders/v1.2", "b.c/orders 1-2-*"),
        ("b.c/orders/1-0-0", "b.c/orders 1-0-0"),
        ("iglu:b.c/orders/jsonschema/1-*-*", "b.c/orders 1-*-*"),
        ("order-lines/v1", "b.c/order_lines 1-*-*"),
        ("else/v3", "else 3-*-*"),
    ],
)
def test_names_without_a_vendor_are_datasets_where_one_has_them(text: str, expected: str) -> None:
    assert str(parse_reference(text, ["b.c/orders", "b.c/order_lines"])) == expected


def test_a_name_that_two_vendors_have_must_be_whole() -> None:
    with pytest.raises(ValueError, match="in several places"):
        parse_reference("orders/v1", ["a/orders", "b/orders"])
