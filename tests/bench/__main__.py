"""``make bench``: workloads through workers beside the floor, in one run. ``--help`` tells the rest."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from .jobs import JOBS, Job
from .latency import Latency, measure_latency
from .measure import Bench, Measurement, a_broker

QUICK_EVENTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """All runs of one workload."""

    job: Job
    floors: list[Measurement]
    workers: list[Measurement]
    wrong: list[dict[str, int]]
    """What the oracle found, run by run."""
    latencies: list[Latency] = field(default_factory=list)
    """Of W."""

    @property
    def ratios(self) -> list[float]:
        """CPU of the workers by that of the floor, run by run."""
        return [worker.cpu_us / floor.cpu_us for worker, floor in zip(self.workers, self.floors, strict=True)]


@click.command()
@click.option("--only", type=click.Choice(list(JOBS), case_sensitive=False), multiple=True, help="These workloads.")
@click.option("--events", default=300_000, show_default=True, help="Orders, duplicates included.")
@click.option("--runs", default=3, show_default=True, help="Runs of the floor and of the workers, in turn.")
@click.option("--quick", is_flag=True, help=f"{QUICK_EVENTS:,} events, one run.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(only: tuple[str, ...], events: int, runs: int, quick: bool, output: str) -> None:
    """Workloads, exactly once: events a second, CPU an event, memory, and of W the latency at half load.

    W sums by the topic's key (WR with its tables in Redis), W2 by another column (two workers, a repartition topic),
    W3 joins to a table. The workers and the floor (consume, decode, produce, nothing else) are pinned to one core in
    turn; the broker and everything else run on the other. Every result is compared with an independent recomputation:
    exit code 1 if one differs.
    """
    events, runs = (QUICK_EVENTS, 1) if quick else (events, runs)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[1:2] or cores))
    console = Console(stderr=output == "json")
    with tempfile.TemporaryDirectory(prefix="streams-bench-") as folder, a_broker(Path(folder)) as kafka:
        bench = Bench(kafka.bootstrap, Path(folder), core=cores[0])
        jobs = [JOBS[name] for name in only or JOBS]
        sittings = [run_job(bench, job, (events, runs), console, quick=quick) for job in jobs]
    report(sittings, output)
    sys.exit(1 if any(any(found.values()) for sitting in sittings for found in sitting.wrong) else 0)


def run_job(bench: Bench, job: Job, size: tuple[int, int], console: Console, *, quick: bool) -> Sitting:
    """All runs of one workload: ``size`` is (events, runs)."""
    events, runs = size
    console.print(f"{job.name}: {job.title}; filling topics with {events + job.further_events:,} events")
    sitting = run_in_turn(bench, job, events, runs, console)
    if job.name != "W":
        return sitting
    rate = events / median(run.wall_s for run in sitting.workers) / 2
    console.print(f"latency at half load, {rate:,.0f} events a second")
    for number in range(1, runs + 1):
        latency, _ = measure_latency(bench, rate, 8.0 if quick else 20.0)
        sitting.latencies.append(latency)
        console.print(f"  run {number} of {runs}   p50 {latency.p50_ms:.0f} ms, p99 {latency.p99_ms:.0f} ms")
    return sitting


def run_in_turn(bench: Bench, job: Job, events: int, runs: int, console: Console) -> Sitting:
    """``runs`` runs of floor and workers side by side."""
    sitting = Sitting(job=job, floors=[], workers=[], wrong=[])
    sources = bench.preload(job, events)
    for number in range(1, runs + 1):
        sitting.floors.append(bench.run_floor(job, sources, events))
        console.print(f"  run {number} of {runs}   floor   {_line(sitting.floors[-1])}")
        measured, found = bench.run_workers(job, sources, events)
        sitting.workers.append(measured)
        sitting.wrong.append(found)
        verdict = "correct" if not any(found.values()) else f"WRONG: {found}"
        console.print(f"  run {number} of {runs}   worker  {_line(measured)}   {verdict}")
    return sitting


def _line(run: Measurement) -> str:
    return f"{run.events_per_s:>9,.0f} events/s   {run.cpu_us:5.1f} CPU µs an event   {run.peak_mb:,.0f} MB"


def report(sittings: list[Sitting], output: str) -> None:
    """The figures of all runs: the median, and the least and greatest beside it."""
    if output == "json":
        print(json.dumps({sitting.job.name: _facts(sitting) for sitting in sittings}, indent=2))
        return
    for sitting in sittings:
        _print_table(sitting)
        if latencies := sitting.latencies:
            p50, p99 = (_spread([getattr(of, name) for of in latencies], ".0f") for name in ("p50_ms", "p99_ms"))
            print(f"latency at {latencies[0].rate:,.0f} events/s: p50 {p50} ms, p99 {p99} ms")


def _facts(sitting: Sitting) -> dict[str, object]:
    return {
        "floor": [asdict(run) for run in sitting.floors],
        "worker": [asdict(run) for run in sitting.workers],
        "ratio": sitting.ratios,
        "latencies": [asdict(latency) for latency in sitting.latencies],
        "wrong": sitting.wrong,
    }


def _print_table(sitting: Sitting) -> None:
    job, workers = sitting.job, sitting.workers
    title = f"{job.name}: {job.title}\n{workers[0].events:,} events, {len(workers)} runs: median (least – greatest)"
    table = Table(title=title)
    for column in ("", "events/s", "CPU µs an event", "peak MB"):
        table.add_column(column, justify="left" if not column else "right")
    name = "worker" if len(job.workers) == 1 else f"{len(job.workers)} workers on one core"
    for told, runs in (("floor", sitting.floors), (f"{name}, exactly once", workers)):
        table.add_row(
            told,
            _spread([run.events_per_s for run in runs], ",.0f"),
            _spread([run.cpu_us for run in runs], ".1f"),
            _spread([run.peak_mb for run in runs], ",.0f"),
        )
    table.add_row("worker ÷ floor", "", _spread(sitting.ratios, ".2f"), "")
    Console().print(table)
    if job.is_on_redis:
        spent = [run.store_cpu_s / run.events * 1e6 for run in workers]
        print(f"the Redis: {_spread(spent, '.1f')} CPU µs an event, {max(run.store_mb for run in workers):,.0f} MB")
    grown = max(run.peak_mb - run.idle_mb for run in workers)
    print(f"memory grows by at most {grown:,.0f} MB while {workers[0].events:,} events wait")


def _spread(values: list[float], form: str) -> str:
    middle = format(median(values), form)
    return middle if len(values) == 1 else f"{middle} ({format(min(values), form)} – {format(max(values), form)})"


if __name__ == "__main__":
    main()
