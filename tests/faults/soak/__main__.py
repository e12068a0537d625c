"""``make soak HOURS=1``: faults at random under load, for hours. ``--help`` tells more."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from tests.faults.results import ROOT

from .notes import FILE, Ended, read_notes
from .page import verdict_of, write_page
from .plot import draw_all
from .run import Soak

FOLDER = ROOT / ".streams" / "soak"


@click.command()
@click.option("--hours", default=1.0, show_default=True, type=click.FloatRange(min=0, min_open=True),
              help="0.1: six minutes.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="Decides which faults come, and when.")
@click.option("--rate", default=500, show_default=True, type=click.IntRange(min=100), help="Orders a second.")
@click.option("--each", is_flag=True, help="Every kind of fault once, in about 15 minutes, whatever the hours.")
@click.option("--keep", is_flag=True, help="Leave the brokers' data and the state of workers where they are.")
@click.option("--draw", "drawn", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Run nothing: draw what that run has seen so far, ended or not.")  # fmt: skip
def main(hours: float, seed: int, rate: int, each: bool, keep: bool, drawn: Path | None) -> None:
    """Three workers, three brokers, a steady load, and faults at random; what comes of it is in .streams/soak.

    Exit code 0: nothing lost, repeated, out of order or wrong; no canary missing; latency back to its base within
    2 minutes after each fault; memory and descriptors flat. Ctrl-C ends the run early, and it is judged.
    """
    console = Console(width=160, highlight=False)
    if drawn is not None:
        console.print(str(_draw(drawn)))
        return
    folder = FOLDER / time.strftime(f"%Y%m%d-%H%M%S-seed{seed}", time.gmtime())
    console.print(f"notes: {folder / FILE}")
    soak = Soak(folder, hours=0.0 if each else hours, seed=seed, rate=rate, say=partial(console.print, markup=False))
    with _clients_told_apart(folder):
        ended = soak.run()
    page = _draw(folder)
    _tell(console, ended)
    if verdict_of(ended) == "PASS" and not keep:
        shutil.rmtree(folder / "kafka")
        shutil.rmtree(folder / "work" / "data", ignore_errors=True)
    console.print(f"{verdict_of(ended)}; page: {page}")
    sys.exit(0 if verdict_of(ended) == "PASS" else 1)


@contextmanager
def _clients_told_apart(folder: Path) -> Iterator[None]:
    """What Kafka's clients say of brokers that are away goes to a file of its own."""
    before = os.dup(2)
    with (folder / "clients.log").open("wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)


def _draw(folder: Path) -> Path:
    notes = list(read_notes(folder))
    return write_page(notes, draw_all(notes, folder), folder)


def _tell(console: Console, ended: Ended) -> None:
    for what, wrong in ended.checks.items():
        console.print(f"{'WRONG' if wrong else 'ok':>5}  {what}{f': {wrong}' if wrong else ''}", markup=False)
    console.print(", ".join(f"{name} {value:,.6g}" for name, value in ended.figures.items()))


if __name__ == "__main__":
    main()
