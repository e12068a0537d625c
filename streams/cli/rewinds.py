"""Rewinds: what ``streams reset`` and ``streams backfill`` have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import Progress

from streams.pipeline.plan import Plan
from streams.pipeline.topology import Topology
from streams.planning.changelog_keys import ChangelogStuckError
from streams.planning.offsets import Since
from streams.planning.rewind import Mode, Rewind, obstacles
from streams.planning.rewinding import Done, RefusedError, Rewinder
from streams.settings import Settings
from streams.worker.topics import BrokerAwayError

from .output import output_option, schemas_option, show_rows
from .plan import read_topology

F = TypeVar("F", bound=Callable[..., Any])


def rewind_options(function: F) -> F:
    """Arguments and options of both commands."""
    for option in (
        click.argument("names", nargs=-1, required=True, metavar="PIPELINE..."),
        click.option("--offset", "offsets", multiple=True, metavar="PARTITION=N", help="By number; all partitions."),
        click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        schemas_option,
        output_option,
    )[::-1]:
        function = option(function)
    return function


def carry_out(
    mode: Mode, names: tuple[str, ...], since: Since, *, schemas: Path | None, is_dry: bool, is_sure: bool, output: str
) -> None:
    """Show what is to be done, ask, do it, and say what was done."""
    settings = Settings.from_env()
    topology = read_topology(settings, schemas)
    _check(mode, names, topology, since)
    try:
        rewinder = Rewinder(settings.librdkafka(), topology)
        rewind = rewinder.look(mode, names, since)
        if output == "table" or is_dry:
            _show(rewind, output)
        if is_dry:
            return
        if members := rewinder.members():
            click.echo(f"waiting for workers to leave: {', '.join(sorted(members))}", err=True)
        if not is_sure:
            click.confirm("go on?", abort=True, err=True)
        done = _with_progress(rewinder, mode, names, since, settings.max_record_bytes)
    except (RefusedError, BrokerAwayError, ChangelogStuckError) as error:
        raise click.ClickException(str(error)) from None
    except KafkaException as error:
        raise click.ClickException(f"Kafka: {error.args[0].str()}; nothing was changed, run it again") from None
    _conclude(done, output)


def since_of(time: str | None, offsets: tuple[str, ...]) -> Since:
    """The place that was asked for; raises ``click.BadParameter``."""
    if time is not None and offsets:
        raise click.UsageError("--from or --offset, not both")
    if time is not None:
        return Since(time_ms=time_ms_of(time))
    numbers = {}
    for text in offsets:
        partition, _, offset = text.partition("=")
        if not (partition.isdigit() and offset.isdigit()):
            raise click.BadParameter(f"{text}: PARTITION=N, such as 0=1200", param_hint="--offset")
        numbers[int(partition)] = int(offset)
    return Since(by_partition=numbers)


def time_ms_of(text: str) -> int:
    """ISO 8601 as ms since the epoch; UTC where it names no zone.

    >>> time_ms_of("2026-03-01T00:00:00Z") == time_ms_of("2026-03-01") == 1772323200000
    True
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text}: a time such as 2026-03-01T12:00:00Z"
        raise click.BadParameter(message, param_hint="--from") from None
    return int((time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp() * 1_000)


def _check(mode: Mode, names: tuple[str, ...], topology: Topology, since: Since) -> None:
    plans = {plan.name: plan for plan in topology.plans}
    if unknown := [name for name in names if name not in plans]:
        message = f"no pipeline {', '.join(unknown)}; there are: {', '.join(sorted(plans))}"
        raise click.BadParameter(message, param_hint="PIPELINE")
    chosen = [plans[name] for name in names]
    why = list(obstacles(chosen, mode))
    if why and mode is Mode.RESET:
        raise click.UsageError("; ".join(why))
    if why:
        asked = f"streams reset {' '.join(names)}"
        raise click.UsageError(f"a backfill keeps what is stored. {'; '.join(why)}: {asked} --from TIME forgets it")
    _check_offsets(chosen, since)


def _check_offsets(chosen: list[Plan], since: Since) -> None:
    topics = {plan.topic for plan in chosen}
    if since.by_partition and len(topics) > 1:
        raise click.UsageError(f"--offset is of one topic, these pipelines read {', '.join(sorted(topics))}")


def _with_progress(
    rewinder: Rewinder, mode: Mode, names: tuple[str, ...], since: Since, max_record_bytes: int
) -> Done:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        reading = progress.add_task("reading changelogs", total=1.0)
        return rewinder.carry_out(
            mode,
            names,
            since,
            max_record_bytes=max_record_bytes,
            progress=lambda share: progress.update(reading, completed=share),
        )


# -- what is shown


def _rows(rewind: Rewind) -> Iterator[Mapping[str, object]]:
    for (topic, number), then in sorted(rewind.begins.items()):
        now = rewind.committed[topic, number]
        again = max(0, now - then)
        yield {"topic": topic, "partition": number, "now": now, "begins": then, "again": again}


def _forgets(rewind: Rewind) -> list[str]:
    if rewind.mode is Mode.BACKFILL:
        return [f"what {plan.name} has seen since" for share in rewind.shares for plan in share.plans]
    return [short for share in rewind.shares for short in share.changelogs]


def _show(rewind: Rewind, output: str) -> None:
    rows = list(_rows(rewind))
    if output == "json":
        told = {"mode": rewind.mode.value, "pipelines": list(rewind.names), "topics": rows}
        click.echo(json.dumps({**told, "forgets": _forgets(rewind), "notes": list(rewind.notes), "done": False}))
        return
    show_rows(rows, output, title=f"{rewind.mode.value} {' '.join(rewind.names)}")
    click.echo(f"forgets: {', '.join(_forgets(rewind))}")
    for note in rewind.notes:
        click.echo(note)


def _conclude(done: Done, output: str) -> None:
    rewind = done.rewind
    if output == "json":
        told = {"mode": rewind.mode.value, "pipelines": list(rewind.names), "topics": list(_rows(rewind))}
        click.echo(json.dumps({**told, "forgotten": done.forgotten, "notes": list(rewind.notes), "done": True}))
        return
    count = sum(done.forgotten.values())
    click.echo(f"done: {count} records forgotten; start workers: faust -A streams.app worker")


__all__ = ["carry_out", "rewind_options", "since_of", "time_ms_of"]
