"""``streams backfill``: pipelines process once more what came since a time, on top of what they keep."""

from __future__ import annotations

from pathlib import Path

import click

from streams.planning.rewind import Mode

from .rewinds import carry_out, rewind_options, since_of


@click.command()
@rewind_options
@click.option("--from", "time", metavar="TIME", help="The first record of that time or later is the first.")
def command(
    names: tuple[str, ...],
    time: str | None,
    offsets: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    schemas: Path | None,
    output: str,
) -> None:
    """Let pipelines process once more what came since a TIME, such as after a mistake in derive was mended.

    \b
      streams backfill orders --from 2026-03-01T06:00:00Z --dry-run
      streams backfill orders --from 2026-03-01T06:00:00Z
      streams backfill orders --offset 0=1200 --offset 1=900

    TIME is that of the records (UTC without a zone). Rows that are stored stay until their changes come by again; what
    was seen since is forgotten, so that nothing of it counts as a duplicate. It begins where a checkpoint ended, at or
    before TIME. Aggregates over rows and rules about several rows go back with the rows and come forward again;
    pipelines with aggregates over changes would count twice and are refused: streams reset is for them.

    What was published stays and is sent once more. Other pipelines go on where they are, also on the same topic. No
    worker may run; it is one Kafka transaction, as with streams reset.
    """
    if time is None and not offsets:
        raise click.UsageError("from where? --from TIME, or --offset PARTITION=N")
    since = since_of(time, offsets)
    carry_out(Mode.BACKFILL, names, since, schemas=schemas, is_dry=dry_run, is_sure=yes, output=output)
