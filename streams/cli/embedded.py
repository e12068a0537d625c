"""``streams embedded``: PostgreSQL, Kafka and, if asked for, Redis on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import click

from streams.embedded import EmbeddedServices, MissingToolError, ServicesState, read_state
from streams.settings import Settings

from .output import output_option, show_rows

PATIENCE_SECONDS = 900
"""Kafka's jars may have to be downloaded; servers have a patience of their own."""


def _folder(data: Path | None) -> Path:
    return (data or Settings.from_env().data / "embedded").absolute()


data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Their data folder [default: embedded in STREAMS_DATA].",
)


@click.group()
def command() -> None:
    """PostgreSQL 18 and Apache Kafka 4.3 without Docker (Java 17 and Maven are needed).

    \b
      streams embedded up                  start both; prints their addresses
      streams embedded up --with redis     and a Valkey, for STREAMS_STORE
      streams embedded status              where they are
      streams embedded down                stop them; their data stays
    """


@command.command()
@data_option
@output_option
@click.option("--foreground", is_flag=True, help="Stay, and stop them on Ctrl-C.")
@click.option(
    "--brokers",
    type=click.Choice(["1", "3"]),
    default="1",
    show_default=True,
    help="How many Kafka brokers; three keep everything thrice. Each number has data of its own.",
)
@click.option("--with", "more", type=click.Choice(["redis"]), multiple=True, help="Start this, too.")
def up(data: Path | None, output: str, foreground: bool, brokers: str, more: tuple[str, ...]) -> None:
    """Start both on free ports; they run until ``streams embedded down``."""
    folder = _folder(data)
    state = read_state(folder)
    if state is not None:
        _show(state, output, "they run already")
    elif foreground:
        _keep(folder, output, int(brokers), with_redis="redis" in more)
    else:
        asked = ["--brokers", brokers, *(part for name in more for part in ("--with", name))]
        _show(_start_keeper(folder, asked), output, "they are up")


def _keep(folder: Path, output: str, brokers: int, *, with_redis: bool) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        click.echo(f"starting PostgreSQL and Kafka on {folder}", err=True)
        say = partial(click.echo, err=True)
        with EmbeddedServices(folder, brokers=brokers, with_redis=with_redis, say=say):
            state = read_state(folder)
            if state is not None:
                _show(state, output, "they are up; Ctrl-C stops them")
            stop.wait()
    except (MissingToolError, RuntimeError) as error:
        raise click.ClickException(str(error)) from None


def _start_keeper(folder: Path, options: list[str]) -> ServicesState:
    """A process of its own that keeps them; returns when they answer, and passes on what it says until then."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "keeper.log"
    command = [sys.executable, "-m", "streams", "embedded", "up", "--foreground", "--data", str(folder)]
    with log.open("wb") as out, log.open() as said:
        keeper = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=out,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            is_ended = keeper.poll() is not None
            click.echo(said.read(), err=True, nl=False)
            if (state := read_state(folder)) is not None:
                return state
            if is_ended:
                sys.exit(1)
            time.sleep(0.1)
    raise click.ClickException(f"they did not come up in {PATIENCE_SECONDS} s; see {log}")


@command.command()
@data_option
@output_option
def down(data: Path | None, output: str) -> None:
    """Stop them; their data stays."""
    state = read_state(_folder(data))
    if state is None:
        _tell("nothing runs there", output)
        return
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while state.is_alive and time.monotonic() < deadline:
        time.sleep(0.1)
    if state.is_alive:
        raise click.ClickException(f"process {state.pid} does not end")
    _tell("stopped", output)


def _tell(what: str, output: str) -> None:
    click.echo(json.dumps({"result": what}) if output == "json" else what)


@command.command()
@data_option
@output_option
def status(data: Path | None, output: str) -> None:
    """Where they are; exit code 1 when nothing runs."""
    state = read_state(_folder(data))
    if state is None:
        click.echo("nothing runs there; streams embedded up starts them", err=True)
        sys.exit(1)
    _show(state, output, "they run")


def _show(state: ServicesState, output: str, title: str) -> None:
    rows = [{"service": "kafka", "address": state.brokers}, {"service": "postgresql", "address": state.database}]
    rows += [{"service": "redis", "address": state.store}] if state.store else []
    show_rows(rows, output, title=title)
    if output == "table":
        store = f"\nexport STREAMS_STORE={state.store}" if state.store else ""
        click.echo(f"\nexport STREAMS_BROKERS={state.brokers}{store}")
        click.echo(f"streams capture --database {state.database} --tables …")
