"""The pytest plugin, in a project of another team that has contracts and a service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.testing.contract import ContractBrokenError, ContractUnderTest
from tests.contracts.builders import a_contract, a_folder, a_schema

PLACE = "com.acme/orders"
PROPERTIES = {
    "id": {"type": "integer", "minimum": 1},
    "state": {"enum": ["new", "paid"]},
    "at": {"type": "string", "format": "date-time"},
}
QUALITY = "- {type: custom, engine: streams, name: small, implementation: {condition: 'total < 100'}}"
FILES = {
    f"{PLACE}/jsonschema/1-0-0": a_schema("orders", properties=PROPERTIES, required=("id", "state")),
    f"{PLACE}/jsonschema/1-0-1": a_schema("orders", "1-0-1", properties={**PROPERTIES, "total": {"type": "integer"}},
                                          required=("id", "state")),
    f"{PLACE}/contract.yaml": a_contract(
        "{name: id, logicalType: integer, primaryKey: true}", name="orders",
        more=f"    quality:\n      {QUALITY}",
    ),
}  # fmt: skip
SERVICE = '''
import json
import pytest

def order_sent(**more):
    return json.dumps({"id": 7, "state": "new", "at": "2026-03-01T10:00:00Z", **more})

def read_order(row):
    if not isinstance(row.get("id"), int) or row["id"] < 1 or row.get("state") not in ("new", "paid"):
        raise ValueError
'''


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    return a_folder(tmp_path / "schemas", FILES)


def outcome(folder: Path, tests: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_service.py").write_text(SERVICE + tests)
    command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTEST_ADDOPTS": ""}, check=False
    )


def test_a_producer_proves_what_it_sends_and_is_told_where_it_does_not(schemas: Path) -> None:
    done = outcome(
        schemas.parent,
        """
@pytest.mark.contract("com.acme/orders/1-0-0")
def test_sent(contract):
    contract.check(order_sent())

@pytest.mark.contract("orders")
def test_wrong(contract):
    contract.check(order_sent(id=0, state="SECRET"))

@pytest.mark.contract("orders")
def test_rule(contract):
    contract.check(order_sent(total=100))
""",
    )

    assert "1 passed" in done.stdout
    assert "2 failed" in done.stdout
    assert "does not honour com.acme/orders/1-0-1:" in done.stdout
    assert "  id: minimum" in done.stdout
    assert "  state: enum" in done.stdout
    assert "consistency.small" in done.stdout


def test_a_consumer_gets_rows_and_near_misses(schemas: Path) -> None:
    done = outcome(
        schemas.parent,
        """
@pytest.mark.contract("com.acme/orders", rows=7)
def test_rows(contract_row, contract):
    read_order(contract_row)
    assert contract.faults(contract.record(contract_row)) == ()
    assert contract.faults(contract.record(contract_row, "debezium-json"), format="debezium-json") == ()

@pytest.mark.contract("com.acme/orders")
def test_misses(contract_near_miss, contract):
    assert contract.faults(contract_near_miss.rows[0])
    if contract_near_miss.path in ("id", "state"):
        with pytest.raises(ValueError):
            read_order(contract_near_miss.rows[0])
""",
        "-rA",
    )

    assert done.returncode == 0, done.stdout
    assert "test_rows[row6]" in done.stdout
    assert "test_rows[row7]" not in done.stdout
    for miss in ("id-minimum", "id-required", "state-enum", "at-format"):
        assert f"test_misses[{miss}]" in done.stdout, done.stdout


def test_who_names_no_contract_or_one_that_is_not_there_is_told_so(schemas: Path) -> None:
    done = outcome(schemas.parent, '@pytest.mark.contract("nothing")\ndef test_it(contract): pass\n')
    assert "'nothing' is no dataset; there are: com.acme/orders" in done.stdout
    done = outcome(schemas.parent, "def test_it(contract_row): pass\n")
    assert "name the contract" in done.stdout + done.stderr
    elsewhere = outcome(
        schemas.parent, '@pytest.mark.contract("orders")\ndef test_it(contract): pass\n', "--streams-schemas", "nowhere"
    )
    assert "no such folder" in elsewhere.stdout


def test_a_project_without_contracts_notices_nothing(tmp_path: Path) -> None:
    done = outcome(tmp_path, "def test_it(): assert 'streams.contracts' not in __import__('sys').modules\n")

    assert done.returncode == 0, done.stdout


def test_records_of_each_format_are_checked_and_what_holds_no_row_is_no_proof(schemas: Path) -> None:
    held = ContractUnderTest("com.acme/orders/1-0-0", schemas)
    row = {"id": 1, "state": "new"}

    assert held.faults({"schema": "iglu:com.acme/orders/jsonschema/1-0-0", "data": row}, format="iglu-json") == ()
    (other,) = held.faults({"schema": "iglu:com.acme/orders/jsonschema/1-0-1", "data": row}, format="iglu-json")
    assert (other.path, other.code) == ("", "contract_unknown")
    (nothing,) = held.faults({"op": "d", "before": row, "after": None, "source": {}}, format="debezium-json")
    assert nothing.code == "no_row"
    with pytest.raises(ContractBrokenError) as broken:
        held.check(b"nonsense")
    assert [fault.code for fault in broken.value.faults] == ["decode_failed"]
    with pytest.raises(ValueError, match="newest version only"):
        held.rows()
