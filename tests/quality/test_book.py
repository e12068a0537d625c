"""Book: rules are found in files of rules and in contracts; each mistake is told with its line and the nearest word."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.contracts import read_contracts
from streams.pipeline.grammar import grammar_schema
from streams.quality.book import read_quality
from streams.quality.grammar import quality_schema
from streams.quality.rules import Dimension, Fresh, OnFail, RuleSet, Unique

from ..contracts.builders import a_contract, a_folder, a_schema
from .builders import RULES_AS_WRITTEN, files

USERS = "iglu:com.acme/users/jsonschema"


def rules_of(root: Path, more: Mapping[str, str]) -> tuple[RuleSet, list[str]]:
    """The rules of ``users``, and what is wrong."""
    contracts = read_contracts(a_folder(root, files(more)))
    assert contracts.problems == ()
    book, problems = read_quality(contracts)
    return book.get(USERS, RuleSet()), [str(problem) for problem in problems]


def said_by(rules: RuleSet) -> dict[str, str]:
    return {name: rule.text for name, rule in rules.rules.items()}


AS_WRITTEN = {
    "completeness.id": "not null",
    "completeness.email": "not null",
    "completeness.created_at": "not null",
    "uniqueness.id": "unique",
    "uniqueness.email": "unique",
    "validity.email.regex": r"regex:^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$",
    "validity.age.range": "range:0-150",
    "validity.created_at.not_future": "not_future",
    "freshness": "younger than 1 hour",
}


def test_the_customers_rules_are_read_as_written(tmp_path: Path) -> None:
    rules, problems = rules_of(tmp_path, {"quality_rules.py": RULES_AS_WRITTEN})

    assert problems == []
    assert said_by(rules) == AS_WRITTEN
    assert rules.rules["freshness"].kind == Fresh(max_delay_ms=3_600_000)
    assert rules.rules["freshness"].columns == ("created_at",)
    assert rules.rules["uniqueness.email"].kind == Unique()
    assert {rules.on_fail_of(rule) for rule in rules.rules.values()} == {OnFail.DEAD}


@pytest.mark.parametrize("is_wrapped", [True, False])
@pytest.mark.parametrize("name", ["quality.yaml", "quality_rules.yml", "quality.json"])
def test_json_and_yaml_say_the_same(tmp_path: Path, name: str, is_wrapped: bool) -> None:
    value: object = json.loads(RULES_AS_WRITTEN.partition("=")[2])
    text = json.dumps({"quality_rules": value} if is_wrapped else value, indent=1)

    rules, problems = rules_of(tmp_path, {name: text})

    assert problems == []
    assert said_by(rules) == AS_WRITTEN


def test_a_python_file_is_read_and_never_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for text in (
        f"open({str(ran)!r}, 'w')\nquality_rules = {{}}",
        f"quality_rules = {{'users': open({str(ran)!r}, 'w')}}",
        "import os\nquality_rules = {}",
        "quality_rules = {**{}}",
        "quality_rules = {1: {}}",
        "quality_rules = {'users': {}, 'users': {}}",
        "quality_rules = [",
        "",
        "quality_rules = " + "[" * 5_000 + "]" * 5_000,
    ):
        rules, problems = rules_of(tmp_path / str(hash(text)), {"quality.py": text})
        assert (rules, len(problems)) == (RuleSet(), 1), text
        assert problems[0].startswith("quality.py"), text
    assert not ran.exists()


def test_every_mistake_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = """
users:
  completeness: [id, id]
  validity:
    email: regxe:^a
    age: [range:0-150, {enum: []}]
  freshness: {max_delay: 1 huor}
orders: {completeness: [id]}
things:
  complete: [id]
"""
    more = {"com.acme/things/jsonschema/1-0-0": a_schema("things"), "quality.yaml": text}

    assert rules_of(tmp_path, more)[1] == [
        "quality.yaml:6: users.validity.age: has none of the shapes that the schema allows",
        "quality.yaml:8: orders: no dataset 'orders'; there are: com.acme/things, com.acme/users",
        "quality.yaml:10: things.complete: unknown key 'complete'; did you mean completeness?",
    ]
    assert rules_of(tmp_path, {"quality.yaml": text.replace(", {enum: []}", "")})[1][:3] == [
        "quality.yaml:3: users.completeness[1]: completeness.id is there already; remove one",
        "quality.yaml:5: users.validity.email: no rule 'regxe'; did you mean regex?",
        "quality.yaml:7: users.freshness.max_delay: no unit 'huor'; did you mean hour?",
    ]


def test_a_name_that_two_vendors_have_wants_the_vendor(tmp_path: Path) -> None:
    other = {
        "org.other/users/jsonschema/1-0-0": a_schema("users").replace("com.acme", "org.other"),
        "org.other/users/contract.yaml": a_contract(name="other-users"),
    }
    text = 'quality_rules = {\n "users": {"completeness": ["id"]}}'

    assert rules_of(tmp_path / "a", {**other, "quality.py": text}) == (
        RuleSet(),
        ["quality.py:2: users: 'users' can be com.acme/users, org.other/users; write the vendor, too"],
    )
    rules, problems = rules_of(tmp_path / "b", {**other, "quality.py": text.replace("users", "com.acme/users")})
    assert (list(rules.rules), problems) == (["completeness.id"], [])


def test_what_breaks_a_rule_is_said_for_all_for_a_dimension_or_for_one(tmp_path: Path) -> None:
    text = """
users:
  completeness: [id, email]
  validity: {age: [range:0-150, enum:1], email: length:1-}
  uniqueness: [email]
  on_fail: {validity: warn, validity.age.enum: dead}
"""
    rules, problems = rules_of(tmp_path, {"quality.yaml": text})

    assert problems == []
    assert {name: rules.on_fail_of(rule).value for name, rule in rules.rules.items()} == {
        "completeness.id": "dead",
        "completeness.email": "dead",
        "validity.age.range": "warn",
        "validity.age.enum": "dead",
        "validity.email.length": "warn",
        "uniqueness.email": "dead",
    }
    wrong = text.replace("{validity: warn, ", "{validty: warn, uniqueness: dead, ")
    assert rules_of(tmp_path, {"quality.yaml": wrong})[1] == [
        "quality.yaml:6: users.on_fail.validty: no rule 'validty'; did you mean validity?",
        "quality.yaml:6: users.on_fail.uniqueness: is a finding about several rows; no one event is to blame, so none"
        " can be dead for it",
    ]


def test_a_rule_may_be_said_twice_and_not_in_two_ways(tmp_path: Path) -> None:
    same = {"quality.yaml": "users: {validity: {age: range:0-150}}", "quality_rules.py": RULES_AS_WRITTEN}
    assert rules_of(tmp_path, same)[1] == []

    other = {**same, "quality.yaml": "users: {validity: {age: range:0-99}}"}
    assert rules_of(tmp_path, other)[1] == [
        "quality_rules.py:7: users.validity.age: quality.yaml:1 says 'range:0-99' of validity.age.range; remove one of"
        " them"
    ]


# -- contract.yaml


def a_contract_with(*quality: str, table: str = "", sla: str = "") -> dict[str, str]:
    """The contract of ``users``, with these entries in ``quality`` of ``email`` (the first is on line 14)."""
    checks = "".join(f"\n          - {check}" for check in quality)
    email = f"name: email\n        logicalType: string\n        quality:{checks}" if checks else "name: email"
    columns = ("{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}", email)
    more = (f"    quality:\n      - {table}\n" if table else "") + (f"slaProperties:\n  - {sla}\n" if sla else "")
    return {"com.acme/users/contract.yaml": a_contract(*columns, name="users", more=more)}


@pytest.mark.parametrize(
    ("check", "name", "text"),
    [
        ("{metric: nullValues, mustBe: 0}", "completeness.email", "not null"),
        ("{metric: missingValues, arguments: {missingValues: ['', n/a]}, mustBe: 0}", "completeness.email",
         "not one of '', 'n/a'"),
        ("{metric: invalidValues, arguments: {pattern: '^a'}, mustBe: 0}", "validity.email.regex", "regex:^a"),
        ("{metric: invalidValues, arguments: {validValues: [a, b]}, mustBe: 0}", "validity.email.enum", "enum:a, b"),
        ("{metric: duplicateValues, mustBe: 0}", "uniqueness.email", "unique"),
        ("{type: custom, engine: streams, implementation: 'length:1-9'}", "validity.email.length", "length:1-9"),
        ("{type: sql, name: has at, query: \"SELECT COUNT(*) FROM ${object} WHERE ${property} NOT LIKE '%@%'\","
         " mustBe: 0}", "consistency.has_at", "(\"email\" NOT LIKE '%@%') IS NOT TRUE"),
    ],
)  # fmt: skip
def test_checks_of_a_contract_become_rules(tmp_path: Path, check: str, name: str, text: str) -> None:
    rules, problems = rules_of(tmp_path, a_contract_with(check))

    assert problems == []
    assert said_by(rules) == {name: text}


def test_a_contract_says_what_is_unique_together_how_fresh_and_how_bad(tmp_path: Path) -> None:
    together = "{metric: duplicateValues, arguments: {properties: [email, age]}, mustBe: 0, severity: error}"
    contract = a_contract_with(
        "{metric: nullValues, mustBe: 0, severity: warning}",
        "{type: text, description: An address that somebody reads.}",
        table=together,
        sla="{property: latency, value: 4, unit: h, element: users.created_at}",
    )

    rules, problems = rules_of(tmp_path, contract)

    assert problems == []
    assert said_by(rules) == {
        "uniqueness.email+age": "unique",
        "completeness.email": "not null",
        "freshness": "younger than 4 h",
    }
    assert rules.on_fail_of(rules.rules["completeness.email"]) is OnFail.WARN
    assert rules.rules["uniqueness.email+age"].on_fail is None
    assert rules.rules["freshness"].columns == ("created_at",)


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("{metric: rowCount, mustBeGreaterThan: 5}", "metric rowCount counts a whole table"),
        ("{metric: nullValues, mustBeLessThan: 5, unit: percent}", "mustBeLessThan: a share of rows"),
        ("{type: custom, engine: soda, implementation: 'checks'}", "engine soda is not run here"),
        ("{type: sql, query: SELECT MAX(id) FROM users, mustBe: 0}", "of SQL only SELECT COUNT"),
        ("{type: sql, query: SELECT COUNT(*) FROM a JOIN b ON true WHERE x, mustBe: 0}", "of SQL only SELECT COUNT"),
        ("{type: sql, name: a, query: SELECT COUNT(*) FROM a WHERE x, mustBe: 1}", "mustBe: a share of rows"),
        ("{metric: invalidValues, arguments: {pattern: '('}, mustBe: 0}", "no pattern of RE2"),
        ("{metric: invalidValues, mustBe: 0}", "takes one argument"),
        ("{metric: nullValues, arguments: {where: x}, mustBe: 0}", "takes no argument where"),
    ],
)
def test_what_does_not_run_is_refused_by_name(tmp_path: Path, check: str, says: str) -> None:
    rules, (problem,) = rules_of(tmp_path, a_contract_with(check))

    assert rules == RuleSet()
    assert problem.startswith("com.acme/users/contract.yaml:14: schema[0].properties[1].quality[0]: ")
    assert says in problem


def test_the_schema_for_editors_knows_every_dimension_and_is_that_of_pipelines() -> None:
    rules = quality_schema()["additionalProperties"]["properties"]
    inline = grammar_schema()["properties"]["quality"]["properties"]

    assert set(rules) == {dimension.value for dimension in Dimension} | {"on_fail"}
    assert {**inline["rules"]["properties"], "on_fail": inline["on_fail"]} == rules
