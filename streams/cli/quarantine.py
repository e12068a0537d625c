"""``streams quarantine``: step over records of a source topic, without changing a pipeline."""

from __future__ import annotations

import getpass
import json
import re
import socket
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from confluent_kafka import KafkaException

from streams.planning.quarantining import Quarantiner, rows_of
from streams.planning.rewinding import RefusedError
from streams.settings import Settings
from streams.worker.quarantine import Note
from streams.worker.topics import BrokerAwayError

from .output import output_option, schemas_option, show_rows
from .plan import read_topology

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def command() -> None:
    """Step over records of a source topic, without changing a pipeline.

    \b
      streams quarantine add orders.v1 3 1200-1207 --why "kills the worker"    offsets, both of them included
      streams quarantine add orders.v1 3 1200 --why ... --dry-run              what it would mean, one record
      streams quarantine list                                                  ranges, who, why, what was skipped
      streams quarantine remove orders.v1 3 1200-1207                          not any more, while nobody has passed it

    For records that kill the process that reads them, or that make it stand still: what a pipeline can refuse itself
    is a dead letter. Nobody looks at what is in quarantine; it is counted as quarantined, its offsets are committed
    with all else, and it stays in its topic. Workers heed a range when they take the task of its partition, and
    within 10 s while they have it. A range that retention has removed before it was processed: the loss is accepted.
    """


def _range_options(function: F) -> F:
    for option in (
        click.argument("topic"),
        click.argument("partition", type=click.IntRange(min=0)),
        click.argument("offsets", metavar="FIRST[-LAST]"),
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        schemas_option,
        output_option,
    )[::-1]:
        function = option(function)
    return function


def _told(function: F) -> F:
    """What is refused, by us or by Kafka, is exit code 1 and no traceback."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> None:
        try:
            function(*arguments, **named)
        except (RefusedError, BrokerAwayError) as error:
            raise click.ClickException(str(error)) from None
        except KafkaException as error:
            raise click.ClickException(f"Kafka: {error.args[0].str()}; run it again") from None

    return call  # type: ignore[return-value]


def _open(schemas: Path | None) -> Quarantiner:
    settings = Settings.from_env()
    held = Quarantiner(settings.librdkafka(), read_topology(settings, schemas))
    held.wait_for_broker()
    return held


def _asked(topic: str, partition: int, offsets: str, *, who: str = "", why: str = "") -> Note:
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", offsets)
    if found is None:
        raise click.BadParameter(f"{offsets}: offsets such as 1200 or 1200-1207", param_hint="FIRST[-LAST]")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise click.BadParameter(f"{offsets}: the last before the first", param_hint="FIRST[-LAST]")
    return Note(kind="range", topic=topic, partition=partition, first=first, last=last, who=who, why=why)


@command.command("add")
@_range_options
@click.option("--why", required=True, metavar="TEXT", help="For those who come later; it is kept with the range.")
@click.option("--by", metavar="NAME", help="Who does it  [default: user@host].")
@_told
def add(
    topic: str, partition: int, offsets: str, dry_run: bool, schemas: Path | None, output: str, why: str, by: str | None
) -> None:
    """Step over the offsets FIRST to LAST of a PARTITION of a source TOPIC."""
    asked = _asked(topic, partition, offsets, who=by or f"{getpass.getuser()}@{socket.gethostname()}", why=why)
    held = _open(schemas)
    _conclude(held.look(asked) if dry_run else held.add(asked), "added", output, is_done=not dry_run)


@command.command("remove")
@_range_options
@click.option("--passed", is_flag=True, help="Also where workers are past it: it counts when they read it once more.")
@_told
def remove(
    topic: str, partition: int, offsets: str, dry_run: bool, schemas: Path | None, output: str, passed: bool
) -> None:
    """Take a range back, as it was added."""
    held = _open(schemas)
    note = held.find(_asked(topic, partition, offsets), passed=passed)
    if not dry_run:
        held.remove(note)
    _conclude(note, "removed", output, is_done=not dry_run)


@command.command("list")
@schemas_option
@output_option
@_told
def list_ranges(schemas: Path | None, output: str) -> None:
    """Ranges, who put them there and why, and how many records workers have stepped over."""
    show_rows(rows_of(_open(schemas).standings()), output, title="quarantine")


def _conclude(note: Note, verb: str, output: str, *, is_done: bool) -> None:
    if output == "json":
        place = {"topic": note.topic, "partition": note.partition, "from": note.first, "to": note.last}
        click.echo(json.dumps({**place, "who": note.who, "why": note.why, "done": is_done}))
        return
    said = verb if is_done else f"would be {verb}"
    click.echo(f"{said}: {note.topic}[{note.partition}] {note.first} to {note.last}")
