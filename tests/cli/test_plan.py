"""``streams plan``: the static half needs no broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.plan import command
from streams.planning.widths import row_width
from tests.pipeline.builders import a_topology

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker listens there."""
    monkeypatch.setenv("STREAMS_BROKERS", "127.0.0.1:1")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--schemas", str(SCHEMAS)])


def test_without_a_broker_the_static_half_is_told_and_says_so() -> None:
    result = run("--offline", "--output", "json")
    plan = json.loads(result.output)

    assert (result.exit_code, plan["compared"], plan["differences"]) == (0, False, [])
    assert {topic["is"] for topic in plan["topics"]} == {"unknown"}
    tables = {table["table"]: (table["kind"], table["key"], table["window"]) for table in plan["tables"]}
    assert tables["revenue_by_customer"] == ("windows", ["customer_id"], "tumbling 10s, grace 10s")
    assert tables["orders"] == ("latest rows", ["id"], "")
    assert plan["tasks"][0]["pipelines"] == ["orders", "revenue"]


def test_a_broker_that_does_not_answer_is_said_and_is_no_problem() -> None:
    result = run()

    assert result.exit_code == 0
    assert "not compared with what runs: no Kafka broker answers on 127.0.0.1:1" in result.output


def test_rows_become_bytes_by_table() -> None:
    plan = json.loads(run("--offline", "--output", "json", "--rows", "10", "--rows", "orders=1000").output)
    tables = {table["table"]: table for table in plan["tables"]}

    assert tables["orders"]["bytes"] == 1_000 * tables["orders"]["entry_bytes"]
    assert tables["users"]["entries"] == 10
    assert tables["orders-state"]["entries"] is None


@pytest.mark.parametrize("rows", ["nothing=1", "orders=many"])
def test_an_estimate_of_nothing_known_is_wrong_use(rows: str) -> None:
    assert run("--offline", "--rows", rows).exit_code == 2


def test_what_asks_a_broker_does_not_go_without_one() -> None:
    assert run("--offline", "--apply").exit_code == 2
    assert run("--apply").exit_code == 1


def test_the_guess_of_a_row_is_within_a_factor_of_two() -> None:
    newest = a_topology().plans[0].contract.newest
    row = {"id": 17, "customer_id": 1234, "amount": "123.45", "code": "abcd", "note": "a note of some length"}

    guess = row_width({name: newest.columns[name] for name in row if name in newest.columns}, newest.schema)
    length = len(json.dumps({name: value for name, value in row.items() if name in newest.columns}))

    assert length / 2 < guess < length * 2
