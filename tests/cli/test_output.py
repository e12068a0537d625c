"""Output: a table shows every character of a value, JSON keeps its type."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from streams.cli.output import show_rows


def test_a_table_shows_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    values = ["[bold]red[/bold]", ":warning:", "x" * 300, "", "[1, 2]"]

    show_rows([{"value": value} for value in values], "table")

    shown = capsys.readouterr().out
    assert [value for value in values if value not in shown] == []


def test_null_is_empty_in_a_table_and_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"a": None}], "table")
    assert "None" not in capsys.readouterr().out

    show_rows([{"a": None, "b": Decimal("1.10"), "c": 2}], "json")
    assert json.loads(capsys.readouterr().out) == [{"a": None, "b": "1.10", "c": 2}]


def test_nothing_is_said_to_be_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([], "table")
    show_rows([], "json")

    assert capsys.readouterr().out == "nothing there\n[]\n"
