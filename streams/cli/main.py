"""``streams``: the command that everything else hangs on."""

from __future__ import annotations

import sys

import click

from streams.errors import ConfigurationError

from .lazy import Lazy, LazyGroup

COMMANDS = {
    "backfill": Lazy("backfill", "Let pipelines process again what came since a time."),
    "capture": Lazy("capture", "Changes of a PostgreSQL database into Kafka."),
    "contracts": Lazy("contracts", "Look at the contracts in schemas/ and check them."),
    "embedded": Lazy("embedded", "PostgreSQL and Kafka on this machine, without Docker."),
    "pipelines": Lazy("pipelines", "What the pipelines in schemas/ do."),
    "plan": Lazy("plan", "What the files mean, and what differs from what runs."),
    "quarantine": Lazy("quarantine", "Step over records of a topic without changing a pipeline."),
    "registry": Lazy("registry", "A schema registry over schemas/ and what clients register."),
    "reset": Lazy("reset", "Let pipelines forget all and begin anew."),
    "tables": Lazy("tables", "Read the live tables of running workers."),
}


@click.group(
    cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="contract-streams")
def cli() -> None:
    """Contract-first CDC streams on Faust.

    \b
    A first tour, on this machine alone:
      streams embedded up                              PostgreSQL and Kafka; prints their addresses
      export STREAMS_BROKERS=127.0.0.1:PORT            the address of Kafka
      streams contracts check                          every mistake in schemas/, with file and line
      streams plan                                     topics, tables, tasks; and what differs from what runs
      streams capture --database URL --tables users    changes of a table into cdc.users.v1
      faust -A streams.app worker -l info              run the pipelines in schemas/pipelines
      streams tables get users 1                       look at a row of a live table

    Settings are environment variables, STREAMS_*. Every command takes --output table|json.
    Exit codes: 0 fine, 1 found problems, 2 wrong use.
    """


def main() -> None:
    """Entry point: mistakes in files and settings are printed whole, with exit code 2."""
    try:
        cli()
    except ConfigurationError as error:
        click.echo(f"cannot start: {error}", err=True)
        sys.exit(2)
