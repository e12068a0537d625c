"""``make bench``: workload W through a worker beside the floor, in one run. ``--help`` tells the rest."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from streams.embedded import EmbeddedKafka

from .latency import Latency, measure_latency
from .measure import Bench, Measurement


@click.command()
@click.option("--events", default=1_000_000, show_default=True, help="Events of workload W, duplicates included.")
@click.option("--runs", default=3, show_default=True, help="Runs of the floor and of the worker, in turn.")
@click.option("--quick", is_flag=True, help="200,000 events, one run.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(events: int, runs: int, quick: bool, output: str) -> None:
    """Workload W, exactly once: events a second, CPU an event, memory, and latency at half load.

    The worker and the floor (consume, decode, produce, nothing else) are pinned to one core each in turn; the broker
    and everything else run on the other. Every result is compared with an independent recomputation: exit code 1 if
    one differs.
    """
    events, runs = (200_000, 1) if quick else (events, runs)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[1:2] or cores))
    console = Console(stderr=output == "json")
    with tempfile.TemporaryDirectory(prefix="streams-bench-") as folder, EmbeddedKafka(Path(folder) / "kafka") as kafka:
        bench = Bench(kafka.bootstrap, Path(folder), core=cores[0])
        console.print(f"filling a topic with {events:,} events")
        source = bench.preload(events)
        floors, workers, wrong = run_in_turn(bench, source, events, runs, console)
        rate = events / median(run.wall_s for run in workers) / 2
        console.print(f"latency at half load, {rate:,.0f} events a second")
        latency = measure_latency(bench, rate, 8.0 if quick else 20.0)
    report(floors, workers, latency, wrong, output)
    sys.exit(1 if any(any(found.values()) for found in wrong) else 0)


def run_in_turn(
    bench: Bench, source: str, events: int, runs: int, console: Console
) -> tuple[list[Measurement], list[Measurement], list[dict[str, int]]]:
    """(floors, workers, what the oracle found) of ``runs`` runs side by side."""
    floors, workers, wrong = [], [], []
    for number in range(1, runs + 1):
        floors.append(bench.run_floor(source, events))
        console.print(f"  run {number} of {runs}   floor   {_line(floors[-1])}")
        measured, found = bench.run_worker(source, events)
        workers.append(measured)
        wrong.append(found)
        verdict = "correct" if not any(found.values()) else f"WRONG: {found}"
        console.print(f"  run {number} of {runs}   worker  {_line(measured)}   {verdict}")
    return floors, workers, wrong


def _line(run: Measurement) -> str:
    return f"{run.events_per_s:>9,.0f} events/s   {run.cpu_us:5.1f} CPU µs an event   {run.peak_mb:,.0f} MB"


def report(
    floors: list[Measurement], workers: list[Measurement], latency: Latency, wrong: list[dict[str, int]], output: str
) -> None:
    """The figures of all runs: the median, and the least and greatest beside it."""
    ratios = [worker.cpu_us / floor.cpu_us for worker, floor in zip(workers, floors, strict=True)]
    if output == "json":
        facts = {
            "floor": [asdict(run) for run in floors],
            "worker": [asdict(run) for run in workers],
            "ratio": ratios,
            "latency": asdict(latency),
            "wrong": wrong,
        }
        print(json.dumps(facts, indent=2))
        return
    table = Table(title=f"workload W, {workers[0].events:,} events, {len(workers)} runs: median (least – greatest)")
    for column in ("", "events/s", "CPU µs an event", "peak MB"):
        table.add_column(column, justify="left" if not column else "right")
    for name, runs in (("floor", floors), ("worker, exactly once", workers)):
        table.add_row(
            name,
            _spread([run.events_per_s for run in runs], ",.0f"),
            _spread([run.cpu_us for run in runs], ".1f"),
            _spread([run.peak_mb for run in runs], ",.0f"),
        )
    table.add_row("worker ÷ floor", "", _spread(ratios, ".2f"), "")
    Console().print(table)
    grown = max(run.peak_mb - run.idle_mb for run in workers)
    print(f"memory grows by at most {grown:,.0f} MB while {workers[0].events:,} events wait")
    print(f"latency at {latency.rate:,.0f} events/s, {latency.results:,} results: "
          f"p50 {latency.p50_ms:.0f} ms, p99 {latency.p99_ms:.0f} ms")  # fmt: skip


def _spread(values: list[float], form: str) -> str:
    middle = format(median(values), form)
    return middle if len(values) == 1 else f"{middle} ({format(min(values), form)} – {format(max(values), form)})"


if __name__ == "__main__":
    main()
