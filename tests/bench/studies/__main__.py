"""``make bench STUDY=growth``: what the figures of W leave open. ``--help`` tells the rest."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from tests.bench.latency import measure_latency
from tests.bench.measure import Bench, a_broker

from .growth import study_growth
from .load import study_load
from .sharing import study_workers

CHECKPOINTS_MS = (20, 50, 100, 200, 500, 1_000, 2_000)


@click.group()
def main() -> None:
    """Studies of a worker on W: with grown state, beside a second one, with other checkpoints, for half an hour."""


@contextmanager
def _bench() -> Iterator[Bench]:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[1:2] or cores))
    with tempfile.TemporaryDirectory(prefix="streams-bench-") as place, a_broker(Path(place)) as kafka:
        yield Bench(kafka.bootstrap, Path(place), core=cores[0])


def _print(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)


@main.command()
@click.option("--events", "sizes", multiple=True, type=int, default=(0, 1_000_000), show_default=True,
              help="How many events to remember; 10000000 takes five minutes and 10 GB.")  # fmt: skip
@click.option("--slice", "slice_", default=3_500_000, show_default=True,
              help="Events that are measured after these. RocksDB merges its files about once in so many, for as long "
                   "as 200,000 events take: in a shorter slice that is all or nothing.")  # fmt: skip
@click.option("--step-ms", default=1, show_default=True,
              help="Event time from one to the next; at 9, ten million are a day of windows of a minute.")  # fmt: skip
def growth(sizes: tuple[int, ...], slice_: int, step_ms: int) -> None:
    """CPU an event over a state that has grown, and the rate at which it comes back when the disk is lost."""
    with _bench() as bench:
        found = study_growth(bench, sizes, slice_, step_ms)
    empty = found.stretch_by_events[min(sizes)].cpu_us
    _print(
        f"W after so many events, {slice_:,} more",
        ("events before", "hours", "events/s", "CPU µs an event", "÷ the first", "memory MB"),
        [
            (f"{size:,}", f"{size * step_ms / 3_600_000:.1f}", f"{part.events_per_s:,.0f}", f"{part.cpu_us:.1f}",
             f"{part.cpu_us / empty:.2f}", f"{part.last.memory_mb:,.0f}")
            for size, part in found.stretch_by_events.items()
        ],
    )  # fmt: skip
    back = found.restore
    click.echo(f"restore of {back.records:,} records of changelogs: {back.records / back.wall_s:,.0f} a second, "
               f"{back.cpu_s / back.records * 1e6:.1f} CPU µs each; a consumer that throws them away: "
               f"{back.records / back.plain_s:,.0f} a second")  # fmt: skip


@main.command()
@click.option("--events", default=500_000, show_default=True)
@click.option("--runs", default=5, show_default=True)
def workers(events: int, runs: int) -> None:
    """CPU an event of one worker and of two that share the topic's partitions, on one core, in turn.

    The machine's own pace changes: each run of two is compared with the runs of one before and after it.
    """
    with _bench() as bench:
        found = study_workers(bench, events, runs)
    _print(
        f"W, {events:,} events: what a second worker adds to what an event costs",
        ("one before, CPU µs", "two, CPU µs", "one after, CPU µs", "two cores do so many times one's work"),
        [(f"{of.before:.1f}", f"{of.shared:.1f}", f"{of.after:.1f}", f"{of.times:.2f}") for of in found],
    )
    times = sorted(of.times for of in found)
    click.echo(f"median: {median(times):.2f} ({times[0]:.2f} – {times[-1]:.2f})")


@main.command()
@click.option("--rate", default=10_000.0, show_default=True, help="Events a second.")
@click.option("--seconds", default=10.0, show_default=True, help="How long each, after the broker's warm-up of 10 s.")
@click.option("--interval", "intervals", multiple=True, type=int, default=CHECKPOINTS_MS, show_default=True)
def checkpoints(rate: float, seconds: float, intervals: tuple[int, ...]) -> None:
    """CPU an event and latency by the time between checkpoints: how much goes into one transaction and one write.

    Events come at a steady rate: of a backlog, checkpoints take up to a second whatever the setting. A run before the
    first one warms the broker up and does not count.
    """
    rows = []
    with _bench() as bench:
        measure_latency(bench, rate, seconds)
        for interval in intervals:
            found, judge = measure_latency(bench, rate, seconds, STREAMS_CHECKPOINT_INTERVAL=str(interval))
            click.echo(f"  {interval} ms: {found.cpu_us:.1f} CPU µs an event, p50 {found.p50_ms:.0f} ms")
            verdict = "correct" if not any((wrong := judge()).values()) else f"WRONG: {wrong}"
            rows.append((str(interval), f"{found.cpu_us:.1f}", f"{found.p50_ms:.0f}", f"{found.p99_ms:.0f}", verdict))
    _print(f"W, {rate:,.0f} events a second", ("checkpoint, ms", "CPU µs an event", "p50, ms", "p99, ms", ""), rows)


@main.command()
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--rate", default=15_000.0, show_default=True, help="Events a second.")
def drift(minutes: float, rate: float) -> None:
    """A worker under the same load for a long time: CPU an event and memory, minute by minute."""
    with _bench() as bench:
        course = study_load(bench, rate, minutes * 60)
    parts = list(course.every(60.0 if minutes >= 5 else 10.0))
    _print(
        f"W at {rate:,.0f} events a second for {minutes:g} minutes",
        ("minute", "events/s", "CPU µs an event", "memory MB"),
        [
            (f"{(part.last.at_s - course.points[0].at_s) / 60:.1f}", f"{part.events_per_s:,.0f}", f"{part.cpu_us:.1f}",
             f"{part.last.memory_mb:,.0f}")
            for part in parts
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
