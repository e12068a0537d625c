"""The contracts' own examples: what each of them lets through, and what it refuses and why."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from streams.contracts import Contract, load_contracts

EXAMPLES = Path(__file__).parent / "examples"
CONTRACTS = load_contracts(Path(__file__).parents[2] / "schemas")
VERSIONS = [version for family in CONTRACTS.families.values() for version in family.versions]


def examples_of(contract: Contract) -> dict[str, Any]:
    place = contract.uri.removeprefix("iglu:").replace("/jsonschema", "").replace("/", "-")
    found: dict[str, Any] = json.loads((EXAMPLES / f"{place}.json").read_text("utf-8"), parse_float=Decimal)
    return found


def wrong(contract: Contract) -> list[Any]:
    return [
        pytest.param(contract, case, id=f"{contract.uri}: {case['because']}")
        for case in examples_of(contract)["invalid"]
    ]


@pytest.mark.parametrize("contract", VERSIONS, ids=lambda contract: contract.uri)
def test_valid_examples_are_valid(contract: Contract) -> None:
    rows = examples_of(contract)["valid"]

    assert [contract.validator.violations(row) for row in rows] == [()] * len(rows)
    assert all(contract.validator.is_valid(row) for row in rows)


@pytest.mark.parametrize(("contract", "case"), [case for contract in VERSIONS for case in wrong(contract)])
def test_invalid_examples_are_refused_for_their_reason(contract: Contract, case: dict[str, Any]) -> None:
    row = {**examples_of(contract)["valid"][0], **case.get("change", {})}
    row = {name: value for name, value in row.items() if name not in case.get("without", ())}

    assert not contract.validator.is_valid(row)
    found = {violation.path: violation.code for violation in contract.validator.violations(row)}
    assert found == case["violations"]


def test_every_personal_column_has_a_class() -> None:
    classes = {
        column.name: column.classification
        for column in CONTRACTS.resolve("iglu:com.acme.shop/users/jsonschema/1-*-*").newest.columns.values()
    }

    assert {name for name, kind in classes.items() if kind} == {"email", "name", "ssn", "credit_card", "age"}
