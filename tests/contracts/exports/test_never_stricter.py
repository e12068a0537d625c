"""Models against the contract: what it admits they admit, and what else they admit is what the table says."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import jsonschema_rs
import msgspec
import pytest
from pydantic import ValidationError

from streams.contracts import Contracts
from streams.contracts.exports import export_dataset

from .builders import WIDE, a_mock, newest, the_shop, wide_things
from .tools import run_tsc

TOLD = Path(__file__).parents[3] / "streams" / "contracts" / "exports" / "README.md"
SUBJECTS = sorted(the_shop().families)
encode = msgspec.json.Encoder(decimal_format="number").encode
Judge = Callable[[list[Any]], list[bool]]
"""Of rows, in JSON's types, which the model admits."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    return wide_things(tmp_path_factory.mktemp("wide"))


@pytest.fixture(params=[*SUBJECTS, WIDE])
def dataset(request: pytest.FixtureRequest, wide: Contracts) -> tuple[Contracts, str]:
    return (wide if request.param == WIDE else the_shop()), request.param


def is_told(form: str, code: str, path: str) -> bool:
    """Whether the table says that ``form`` refuses what breaks the keyword there."""
    head, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.findall(r"^\|.*\|$", TOLD.read_text("utf-8"), re.M)
        if not line.startswith("| ---")
    ]
    (said,) = [row[head.index(form)] for row in rows if code in re.findall(r"`(\w+)", row[0])]
    return said == "yes" or (said == "columns" and "." not in path and "[" not in path)


def plain(row: object) -> Any:
    return json.loads(encode(row))


def judge_json_schema(contracts: Contracts, subject: str, folder: Path) -> Judge:
    text = export_dataset(newest(contracts, subject), contracts, "jsonschema").text
    validator = jsonschema_rs.Draft202012Validator(json.loads(text), validate_formats=True)
    return lambda rows: [validator.is_valid(row) for row in rows]


def judge_pydantic(contracts: Contracts, subject: str, folder: Path) -> Judge:
    model = load_model(contracts, subject, folder)

    def admits(row: Any) -> bool:
        try:
            held = model.model_validate(row)
        except ValidationError:
            return False
        # What is read goes out again as it came.
        assert held.model_dump(mode="json", exclude_unset=True) == row
        return True

    return lambda rows: [admits(row) for row in rows]


def load_model(contracts: Contracts, subject: str, folder: Path) -> Any:
    held = export_dataset(newest(contracts, subject), contracts, "pydantic")
    file = folder / "model.py"
    file.write_text(held.text, "utf-8")
    name = "exported_" + re.sub(r"\W", "_", subject)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return list(vars(module).values())[-1]


def judge_typescript(contracts: Contracts, subject: str, folder: Path) -> Judge:
    held = export_dataset(newest(contracts, subject), contracts, "typescript")
    (folder / "row.ts").write_text(held.text, "utf-8")
    name = re.findall(r"export interface (\w+)", held.text)[0]

    def admits(rows: list[Any]) -> list[bool]:
        lines = [f'import type {{ {name} }} from "./row";']
        # Through a constant: an interface has nothing against more columns, only its literals have.
        lines += [f"const c{number} = {json.dumps(row)} as const; const r{number}: Frozen<{name}> = c{number};"
                  for number, row in enumerate(rows)]  # fmt: skip
        lines.append("type Frozen<T> = T extends readonly (infer I)[] ? readonly Frozen<I>[] : "
                     "T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;")  # fmt: skip
        (folder / "rows.ts").write_text("\n".join(lines), "utf-8")
        errors = run_tsc(folder, "rows.ts")
        wrong = {int(found[1]) - 2 for line in errors if (found := re.match(r"rows\.ts\((\d+),", line))}
        assert len(errors) >= len(wrong) and all(line.startswith("rows.ts") for line in errors), errors
        return [number not in wrong for number in range(len(rows))]

    return admits


def judge_sql(contracts: Contracts, subject: str, folder: Path) -> Judge:
    contract = newest(contracts, subject)
    text = export_dataset(contract, contracts, "sql", dialect="duckdb").text
    table = re.findall(r'CREATE TABLE ("\w+")', text)[0]

    def admits(row: dict[str, Any]) -> bool:
        connection = duckdb.connect()
        connection.execute(text)
        kinds = dict(connection.execute("SELECT column_name, data_type FROM duckdb_columns()").fetchall())
        known = {name: sql_value(held, kinds[name]) for name, held in row.items() if name in kinds}
        names = ", ".join('"' + name + '"' for name in known)
        marks = ", ".join("?" for _ in known)
        try:
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(known.values()))
        except duckdb.Error:
            return False
        finally:
            connection.close()
        return True

    return lambda rows: [admits(row) for row in rows]


def sql_value(value: Any, kind: str) -> Any:
    if kind.startswith("TIMESTAMP") and isinstance(value, int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1_000, UTC)
    return json.dumps(value) if kind == "JSON" else value


ANOTHER_LANGUAGE = pytest.param("typescript", marks=pytest.mark.integration)
JUDGES = {"jsonschema": judge_json_schema, "pydantic": judge_pydantic, "typescript": judge_typescript, "sql": judge_sql}


@pytest.mark.parametrize("form", [form if form != "typescript" else ANOTHER_LANGUAGE for form in JUDGES])
def test_a_model_admits_every_row_and_misses_only_what_the_table_says(
    form: str, dataset: tuple[Contracts, str], tmp_path: Path
) -> None:
    contracts, subject = dataset
    mock = a_mock(contracts)
    rows = [plain(row) for row in mock.rows(subject, 40)]
    misses = [miss for miss in mock.misses(subject) if miss.reason == "contract_violation"]
    judge = JUDGES[form](contracts, subject, tmp_path)

    verdicts = judge([*rows, *(plain(miss.rows[-1]) for miss in misses)])

    assert verdicts[: len(rows)] == [True] * len(rows)
    pairs = zip(misses, verdicts[len(rows) :], strict=True)
    passed = [(miss.code, miss.path) for miss, is_admitted in pairs if is_admitted]
    assert [(code, path) for code, path in passed if is_told(form, code, path)] == []
    assert {code for code, _ in passed} >= ({"uniqueItems"} if form != "jsonschema" and subject == WIDE else set())
    assert len(misses) > 15
