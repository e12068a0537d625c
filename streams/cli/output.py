"""Output: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

F = TypeVar("F", bound=Callable[..., Any])


def output_option(function: F) -> F:
    """``--output table|json``."""
    option = click.option(
        "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Form of the result."
    )
    return option(function)


def show_rows(rows: Iterable[Mapping[str, object]], output: str, *, title: str = "") -> None:
    """Print ``rows``: one JSON array, or a table with the keys of the first row as its columns."""
    listed = list(rows)
    if output == "json":
        click.echo(json.dumps(listed, default=_plain))
        return
    if not listed:
        click.echo("nothing there")
        return
    table = Table(*map(str, listed[0]), title=title or None)
    for row in listed:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console().print(table)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else repr(value)
