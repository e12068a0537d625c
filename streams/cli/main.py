"""``streams``: the command that everything else hangs on."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from streams.errors import ConfigurationError

COMMANDS = {
    "backfill": ("backfill", "Let pipelines process again what came since a time."),
    "capture": ("capture", "Changes of a PostgreSQL database into Kafka."),
    "contracts": ("contracts", "Look at the contracts in schemas/ and check them."),
    "embedded": ("embedded", "PostgreSQL and Kafka on this machine, without Docker."),
    "pipelines": ("pipelines", "What the pipelines in schemas/ do."),
    "plan": ("plan", "What the files mean, and what differs from what runs."),
    "registry": ("registry", "A schema registry over schemas/ and what clients register."),
    "reset": ("reset", "Let pipelines forget all and begin anew."),
    "tables": ("tables", "Read the live tables of running workers."),
}


class LazyGroup(click.Group):
    """Loads a command's module when the command is named; its short help is known before."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command, from its module's ``command``."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"streams.cli.{COMMANDS[name][0]}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
