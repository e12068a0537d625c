"""``streams tables``: read the live tables of running workers over HTTP."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import click

from streams.settings import Settings

from .output import output_option, show_rows

F = TypeVar("F", bound=Callable[..., Any])
SECONDS = 30.0


def worker_option(function: F) -> F:
    """``--worker host:port``."""
    help_text = "Any worker of the application [default: STREAMS_WEB_HOST:STREAMS_WEB_PORT, else 127.0.0.1:6066]."
    return click.option("--worker", metavar="HOST:PORT", help=help_text)(function)


@click.group()
def command() -> None:
    """Live tables. Any worker answers for all of them: it asks the others.

    \b
      streams tables list                                 names, keys, columns
      streams tables get orders 17                        one row by its key
      streams tables get revenue_by_customer '[5, 1767322800000]'     a window: key and start in ms
      streams tables get visits '[5, 1767322800000, 1767322930000]'      a session: key, start and end
      streams tables scan customer_totals --limit 20      rows in the order of their keys
    """


@command.command(name="list")
@worker_option
@output_option
def list_tables(worker: str | None, output: str) -> None:
    """Every table with its pipeline, key and columns."""
    tables = _get(worker, "/api/tables")["tables"]
    show_rows(tables if output == "json" else map(_flat, tables), output, title="live tables")


@command.command()
@click.argument("table")
@click.argument("key")
@worker_option
@output_option
def get(table: str, key: str, worker: str | None, output: str) -> None:
    """The row of KEY: JSON such as 17, '"a"' or '[17, "a"]'. Exit code 1: there is none."""
    row = _get(worker, f"/api/tables/{quote(table)}/rows/{quote(key, safe='')}")
    show_rows([row if output == "json" else row["row"]], output, title=f"{table} {key}")


@command.command()
@click.argument("table")
@click.option("--prefix", default="", help="Only keys whose JSON text starts with this, such as '[17,'.")
@click.option("--limit", default=100, show_default=True, help="At most so many rows; 0: all.")
@worker_option
@output_option
def scan(table: str, prefix: str, limit: int, worker: str | None, output: str) -> None:
    """Rows in the order of their stored keys."""
    rows = list(_scan(worker, table, prefix, limit))
    if output == "json":
        show_rows(({"key": row["key"], "window": row["window"], "row": row["row"]} for row in rows), output)
    else:
        show_rows((_with_window(row) for row in rows), output, title=table)


def _scan(worker: str | None, table: str, prefix: str, limit: int) -> Iterator[Mapping[str, Any]]:
    """Page after page; the workers give at most 1,000 rows at once."""
    cursor, left = "", limit or sys.maxsize
    while left > 0:
        question = {"prefix": prefix, "limit": min(left, 1_000), "cursor": cursor}
        page = _get(worker, f"/api/tables/{quote(table)}/rows?{urlencode(question)}")
        yield from page["rows"]
        left -= len(page["rows"])
        cursor = page["cursor"]
        if cursor is None:
            return


def _with_window(row: Mapping[str, Any]) -> Mapping[str, object]:
    window = {} if row["window"] is None else {"window_start": row["window"][0], "window_end": row["window"][1]}
    return {**window, **row["row"]}


def _flat(table: Mapping[str, Any]) -> Mapping[str, object]:
    return {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in table.items()}


def _get(worker: str | None, path: str) -> Any:
    """JSON from a worker; its own words and exit code 1 where it refuses or does not answer."""
    settings = Settings.from_env()
    address = worker or f"{settings.web_host}:{settings.web_port}"
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=SECONDS) as response:
            return json.loads(response.read(), parse_float=Decimal)
    except urllib.error.HTTPError as error:
        raise click.ClickException(_refusal(error)) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise click.ClickException(f"no worker answers on {address} ({reason}); name one with --worker") from None


def _refusal(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        answer = json.loads(text)
    except ValueError:
        return text or str(error)
    known = answer.get("tables")
    return f"{answer['error']}; there are: {', '.join(known)}" if known else str(answer["error"])
