"""``make bench PEERS=1``: a workload through the floor, the worker and its peers, in turn. ``--help`` tells more."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console

from tests.bench.jobs import JOBS, Job
from tests.bench.measure import Bench, Sources, a_broker

from .report import FLOOR, WORKER, Run, Sitting, save, table
from .run import PeerFailedError, run_peer
from .spec import PEERS, PYTHON, ROOT, Peer

QUICK_EVENTS = 50_000


@click.command()
@click.option("--only", "name", type=click.Choice(list(JOBS), case_sensitive=False), default="W", show_default=True)
@click.option("--peer", "chosen", type=click.Choice(list(PEERS)), multiple=True, help="These peers; all where none.")
@click.option("--events", default=300_000, show_default=True, help="Orders; slow peers get their share of them.")
@click.option("--runs", default=3, show_default=True, help="Runs of each, in turn.")
@click.option("--quick", is_flag=True, help=f"{QUICK_EVENTS:,} events, one run.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--save", "folder", type=click.Path(path_type=Path), default=ROOT / ".streams" / "bench",
              help="Where results.json and a plot go; .streams/bench if not said.")  # fmt: skip
def main(name: str, chosen: tuple[str, ...], events: int, runs: int, quick: bool, output: str, folder: Path) -> None:
    """A workload through the worker, its peers and the floor, each alone on one core, the broker on the other.

    CPU is that of the whole process from its first record to its last commit. Each result is compared with an
    independent recomputation: exit code 1 if the worker's, or that of a peer who promises exactly once, differs.
    """
    events, runs = (QUICK_EVENTS, 1) if quick else (events, runs)
    job = JOBS[name]
    peers = [PEERS[peer] for peer in chosen or PEERS if job.name in PEERS[peer].jobs]
    if missing := [peer.title for peer in peers if not peer.needs.exists()]:
        raise click.UsageError(f"not installed: {', '.join(missing)}; make bench PEERS=1 does that")
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[1:2] or cores))
    console = Console(stderr=output == "json", width=160)
    with tempfile.TemporaryDirectory(prefix="streams-bench-") as place, a_broker(Path(place)) as kafka:
        bench = Bench(kafka.bootstrap, Path(place), core=cores[0])
        sitting = Sitting(job=job.name, title=job.title, runs=[])
        for line in sit(bench, sitting, peers, (events, runs)):
            console.print(line, markup=False)
            # A sitting takes long, and what ends it early should not take what was measured.
            results = save(sitting, folder)
    subprocess.run([str(PYTHON), "-m", "tests.bench.peers.plot", str(results)], cwd=ROOT, check=True)
    print(results.read_text()) if output == "json" else console.print(table(sitting))
    console.print(f"{results} and {results.with_suffix('.svg')}")
    sys.exit(1 if sitting.broken else 0)


def sit(bench: Bench, sitting: Sitting, peers: list[Peer], size: tuple[int, int]) -> Iterator[str]:
    """All runs, with a line after each: ``size`` is (events, runs)."""
    events, runs = size
    job = JOBS[sitting.job]
    counts = {peer.name: max(int(events * peer.share), 10_000) for peer in peers}
    yield f"{job.name}: {job.title}; filling topics"
    filled = {count: bench.preload(job, count) for count in sorted({events, *counts.values()})}
    for number in range(1, runs + 1):
        say = f"  run {number} of {runs}  "
        for engine in (FLOOR, WORKER, *counts):
            try:
                run = _run(bench, job, engine, filled, counts.get(engine, events), number)
            except (PeerFailedError, AssertionError) as error:  # a worker's end fails the wait for it
                sitting.failed.append(engine)
                yield f"{say}{engine} failed: {str(error)[-2_000:]}"
            else:
                sitting.runs.append(run)
                yield say + run.line


def _run(bench: Bench, job: Job, engine: str, filled: dict[int, Sources], count: int, number: int) -> Run:
    """One engine once, in round ``number``."""
    later, wrong = 0.0, dict[str, int]()
    if engine == FLOOR:
        measured = bench.run_floor(job, filled[count], count)
    elif engine == WORKER:
        measured, wrong = bench.run_workers(job, filled[count], count)
    else:
        peer = run_peer(bench, job, PEERS[engine], filled[count], count)
        measured, later, wrong = peer.measured, peer.later_cpu_us, dict(peer.wrong)
    return Run(
        engine=engine, round=number, events=measured.events, wall_s=measured.wall_s, cpu_us=measured.cpu_us,
        later_cpu_us=later, peak_mb=measured.peak_mb, wrong=wrong,
    )  # fmt: skip


if __name__ == "__main__":
    main()
