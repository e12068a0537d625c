"""Output: a table for people, JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 10_000
F = TypeVar("F", bound=Callable[..., Any])


def output_option(function: F) -> F:
    """``--output table|json``."""
    option = click.option(
        "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Form of the result."
    )
    return option(function)


def schemas_option(function: F) -> F:
    """``--schemas FOLDER``."""
    option = click.option(
        "--schemas",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder with contracts and pipelines [default: STREAMS_SCHEMAS, else schemas].",
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
    table = Table(title=title or None)
    for name in listed[0]:
        table.add_column(str(name), overflow="fold")
    for row in listed:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    # Nothing is cut off: a terminal folds, and a line of a file or a pipe is as long as it must be.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


class JsonLines(logging.Formatter):
    """A log line as one JSON object; what a record has as ``facts`` are fields of it."""

    def format(self, record: logging.LogRecord) -> str:
        """``time`` in UTC, ``level``, ``message``, and the facts."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": record.levelname.lower(), "message": record.getMessage()}
        return json.dumps({**line, **getattr(record, "facts", {})}, default=_plain)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Decimal) else repr(value)
