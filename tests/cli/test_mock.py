"""``streams contracts mock``: what people see, what programs read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.contracts import command

SCHEMAS = Path(__file__).parents[2] / "schemas"
AT = ("--at", "2026-03-01T11:00:00Z")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["mock", "--schemas", str(SCHEMAS), *map(str, arguments)])


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_a_table_has_the_columns_of_the_contract() -> None:
    result = run("orders", "--rows", 3, *AT)

    assert result.exit_code == 0, result.output
    assert "com.acme.shop/orders" in result.output.splitlines()[0]
    assert all(name in result.output for name in ("customer_id", "amount", "updated_at"))
    assert "breaks" not in result.output


def test_json_is_a_row_a_line_and_the_same_each_time() -> None:
    first = run("orders", "--rows", 5, "--output", "json", *AT)

    assert [row["id"] for row in lines(first)] == [1, 2, 3, 4, 5]
    assert run("com.acme.shop/orders", "--rows", 5, "--output", "json", *AT).output == first.output
    assert run("orders", "--rows", 5, "--output", "json", "--seed", 2, *AT).output != first.output


def test_several_datasets_are_told_apart() -> None:
    made = lines(run("--rows", 2, "--output", "json", *AT))

    assert {line["dataset"] for line in made} >= {"com.acme.shop/orders", "com.acme.shop/users"}
    assert all(line["row"] for line in made)


@pytest.mark.parametrize(
    ("form", "parts"),
    [("debezium-json", {"before", "after", "source", "op", "ts_ms"}), ("iglu-json", {"schema", "data"})],
)
def test_rows_come_in_the_format_of_a_source(form: str, parts: set[str]) -> None:
    assert {frozenset(line) for line in lines(run("orders", "--output", "json", "--format", form, *AT))} == {
        frozenset(parts)
    }


def test_near_misses_say_what_they_break() -> None:
    made = lines(run("users", "--near-misses", "--output", "json", *AT))

    assert {"email: format", "age: maximum", "id: required"} <= {line["breaks"] for line in made}


def test_a_share_of_the_rows_is_invalid_and_says_so() -> None:
    made = lines(run("orders", "--rows", 400, "--invalid", 0.25, "--output", "json", *AT))
    wrong = [line for line in made if line["breaks"]]

    assert 60 < len(wrong) < 140
    assert len({line["breaks"] for line in wrong}) > 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "'nothing' is no dataset; there are: com.acme.shop/orders"),
        (("--to", "cdc.orders.v1"), "--to takes the rows of one dataset: name it"),
        (("orders", "--at", "yesterday"), "write a time such as 2026-03-01T06:00:00Z"),
    ],
)
def test_wrong_use_says_what_to_do(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
