"""Sharing: what two workers are compared with, and that no wrong result is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import click
import pytest

from tests.bench.jobs import Job, W
from tests.bench.measure import Bench, Measurement, Sources

from .sharing import Shared, study_workers


class Rehearsed:
    """A bench whose runs cost what they are said to, in turn."""

    def __init__(self, *cpu_us: float, lost: int = 0) -> None:
        self._cpu_us = iter(cpu_us)
        self._lost = lost
        self.ran: list[int] = []

    def preload(self, job: Job, count: int) -> Sources:
        return {}

    def time_workers(self, job: Job, sources: Sources, count: int) -> tuple[Measurement, Callable[[], dict[str, int]]]:
        self.ran.append(len(job.workers))
        cpu_s = next(self._cpu_us) * count / 1e6
        return Measurement(events=count, wall_s=1.0, cpu_s=cpu_s, peak_mb=1.0), lambda: {"lost": self._lost}


def study(bench: Rehearsed, runs: int) -> list[Shared]:
    return study_workers(cast(Bench, bench), 1_000, runs)


def test_each_run_of_two_is_compared_with_the_runs_of_one_before_and_after_it() -> None:
    bench = Rehearsed(4.0, 5.0, 6.0, 8.0, 10.0)

    found = study(bench, 2)

    assert bench.ran == [len(W.workers), 2, 1, 2, 1]
    assert [(round(of.before), round(of.shared), round(of.after)) for of in found] == [(4, 5, 6), (6, 8, 10)]
    assert [round(of.times, 6) for of in found] == [2.0, 2.0]


def test_a_wrong_result_is_told_instead_of_its_time() -> None:
    with pytest.raises(click.ClickException, match="lost"):
        study(Rehearsed(4.0, 5.0, 6.0, lost=1), 1)
