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
    for number in range(2 * runs + 1):
        measured, judge = bench.time_workers(TWO if number % 2 else W, sources, events)
        (shared if number % 2 else alone).append(measured.cpu_us)
        judges.append(judge)
    for found in (judge() for judge in judges):
        if any(found.values()):
            raise click.ClickException(f"wrong results: {found}")
    return [
        Shared(before=before, shared=together, after=after)
        for (before, after), together in zip(pairwise(alone), shared, strict=True)
    ]
