"""Sharing: what does an event cost where two workers have the partitions of one?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import click

from tests.bench.jobs import W
from tests.bench.measure import Bench

TWO = replace(W, workers=("one", "two"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """CPU microseconds an event: of two workers together, and of one alone before and after them."""

    before: float
    shared: float
    after: float

    @property
    def times(self) -> float:
        """So many times the work of one do two workers, each with a core."""
        return (self.before + self.after) / self.shared


def study_workers(bench: Bench, events: int, runs: int) -> list[Shared]:
    """One, two, one, two, … one; all of them are judged when the last has ended: that takes longer than a run."""
    sources = bench.preload(W, events)
    alone, shared, judges = [], [], []
    turns = [W, *[TWO, W] * runs]
    for number, job in enumerate(turns, 1):
        measured, judge = bench.time_workers(job, sources, events)
        (alone if job is W else shared).append(measured.cpu_us)
        judges.append(judge)
        workers = len(job.workers)
        click.echo(f"  run {number} of {len(turns)}, workers: {workers}, {measured.cpu_us:.1f} CPU µs an event")
    for number, judge in enumerate(judges, 1):
        click.echo(f"  result {number} of {len(judges)} is judged")
        if any((found := judge()).values()):
            raise click.ClickException(f"wrong results: {found}")
    return [
        Shared(before=before, shared=together, after=after)
        for (before, after), together in zip(pairwise(alone), shared, strict=True)
    ]
