"""``streams reset``: pipelines forget all they know and begin anew."""

from __future__ import annotations

from pathlib import Path

import click

from streams.planning.rewind import Mode

from .rewinds import carry_out, rewind_options, since_of


@click.command()
@rewind_options
@click.option("--from", "time", metavar="TIME", help="Begin at the first record of that time [default: of all].")
def command(
    names: tuple[str, ...],
    time: str | None,
    offsets: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    schemas: Path | None,
    output: str,
) -> None:
    """Let pipelines forget all they know and begin at the first record, at a TIME, or at offsets.

    \b
      streams reset revenue --dry-run                     what would be forgotten and read again
      streams reset revenue                               from the first record that is still there
      streams reset revenue --from 2026-03-01T00:00:00Z   from a time on (of the records, UTC without a zone)
      streams reset orders users                          both, read in the order of event times as in a first run

    Tables, groups, windows, clocks and what was seen for deduplication are forgotten, also by stores that are away
    now; topics between stages are left behind. What was published stays and is sent once more. Afterwards a table may
    have another key or window under its old name. Other pipelines go on where they are, also on the same topic.

    No worker of the application may run. All of it is one Kafka transaction: ended in the middle, nothing has
    changed; run it again. Exit code 1: refused, nothing was changed.
    """
    since = since_of(time, offsets)
    carry_out(Mode.RESET, names, since, schemas=schemas, is_dry=dry_run, is_sure=yes, output=output)
