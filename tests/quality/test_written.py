"""Rules that go out in a contract come back as they were."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from streams.cli.contracts import command
from streams.contracts import read_contracts
from streams.quality.book import read_quality
from streams.quality.rules import Dimension, RuleSet
from tests.contracts.builders import a_contract, a_folder, a_schema

SUBJECT = "iglu:com.acme/people/jsonschema"
TEXT = {"type": ["string", "null"]}
NUMBERS = {name: {"type": "integer"} for name in ("id", "age", "low", "high")}
MOMENT = {"type": "string", "format": "date-time"}
SCHEMA = a_schema("people", properties={**NUMBERS, "email": TEXT, "seen_at": MOMENT})
RULES = """people:
  completeness: [email]
  uniqueness: [email, [low, high]]
  validity: {email: "regex:^[^@]+@[^@]+$", age: ["range:0-150", "enum:1, 2"], seen_at: not_future}
  consistency: {low_first: low <= high}
  freshness: {max_delay: 90 seconds, measurement: seen_at}
  on_fail: {validity.age: warn}
"""


def rules_of(root: Path) -> RuleSet:
    contracts = read_contracts(root)
    book, problems = read_quality(contracts)
    assert (contracts.problems, list(problems)) == ((), [])
    return book[SUBJECT]


def facts(rules: RuleSet) -> dict[str, object]:
    return {name: (rule.columns, rule.kind, None if rule.dimension is Dimension.FRESHNESS else rules.on_fail_of(rule))
            for name, rule in rules.rules.items()}  # fmt: skip


def test_rules_of_a_file_of_their_own_are_in_the_exported_contract(tmp_path: Path) -> None:
    files = {"com.acme/people/jsonschema/1-0-0": SCHEMA, "com.acme/people/contract.yaml": a_contract(name="people")}
    a_folder(tmp_path / "before", {**files, "quality_rules.yaml": RULES})
    arguments = ["export", "people", "--as", "odcs", "--output", "json", "--schemas", str(tmp_path / "before")]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    (exported,) = json.loads(result.output)

    a_folder(tmp_path / "after", {**files, "com.acme/people/contract.yaml": exported["text"]})
    before, after = rules_of(tmp_path / "before"), rules_of(tmp_path / "after")
    assert facts(after) == facts(before)
    assert len(before.rules) == 9
