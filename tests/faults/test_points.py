"""Workers that are killed at a named point of a checkpoint, a restore, a rebalance: what chance meets too seldom."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

import pytest

from tests.bench.jobs import W2
from tests.bench.oracle import differing_totals, expected_totals, published_totals

from .arena import Arena
from .points import POINTS

Provoke = Callable[[Arena, int], None]


def _by_itself(arena: Arena, number: int) -> None:
    """Checkpoints come by themselves."""


def _by_a_newcomer(arena: Arena, number: int) -> None:
    """Somebody else joins, and the tasks are shared anew."""
    arena.wait_ready("a")
    arena.start(f"c{number}")


PROVOKED: dict[str, Provoke] = {"mid_revoke": _by_a_newcomer}
SEVERAL = {"mid_restore": 2, "mid_revoke": 1, "mid_assign": 2, "mid_send": 400, "before_store": 40, "in_store": 40}
"""Up to which pass a worker lives; others: some checkpoints."""


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.fault("FT02", "kill -9 at a named point", protection="one transaction, the store written after it")
def test_a_worker_killed_at_a_named_point_loses_and_repeats_nothing(arena: Arena, point: str) -> None:
    arena.start_all("a", "b")
    with arena.load(0.1):
        for number in range(arena.pick(short=1, long=4)):
            arena.kill("a")
            if point == "mid_restore":
                shutil.rmtree(arena.folder / "data" / arena.app / "a")
            passes = arena.chance.randint(1, SEVERAL.get(point, 12))
            arena.start("a", SABOTAGE=f"{point}:{passes}")
            PROVOKED.get(point, _by_itself)(arena, number)
            arena.await_death("a")
            arena.count("kills")
            arena.start("a")
            arena.await_recovery()
            arena.retire(f"c{number}")

    arena.judge()


@pytest.mark.fault("FT02", "kill -9 while a repartition topic is written", protection="one transaction for all stages")
def test_a_worker_killed_in_the_middle_of_a_repartition_changes_no_total(arena: Arena) -> None:
    stamp = arena.source.removesuffix(".orders.v1")
    arena.pipeline.write_text(W2.pipelines[0].read_text().replace("bench.", f"{stamp}."))
    between = f"{arena.app}-{W2.between}"
    arena.start_all("a", "b")
    with arena.load(0.05):
        for _ in range(arena.pick(short=1, long=4)):
            arena.kill("a")
            arena.start("a", SABOTAGE=f"mid_send:{arena.chance.randint(1, 400)}")
            arena.await_death("a")
            arena.count("kills")
            arena.start("a")
            arena.await_recovery()

    arena.await_done()
    arena.await_that(lambda: arena.lag(between) == 0, "the second stage")
    time.sleep(1.0)  # results of the last batch come with the next checkpoint
    arena.stop_all()
    sent = arena.read(arena.source)
    found = differing_totals(expected_totals(sent), published_totals(arena.read(f"{stamp}.products.v1")))
    arena.figures |= {"records": len(sent), **found}
    assert found == dict.fromkeys(found, 0)
