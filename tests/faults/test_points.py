"""Workers that are killed at a named point of a checkpoint, a restore, a rebalance: what chance meets too seldom."""

from __future__ import annotations

import shutil

import pytest

from tests.bench.jobs import W2
from tests.bench.oracle import differing_totals, expected_totals, published_totals

from .arena import Arena
from .points import POINTS

STAGES = {
    "of a checkpoint": (
        "before_changelog", "after_changelog", "before_offsets", "after_offsets", "before_commit", "after_commit",
    ),
    "of a store": ("before_store", "in_store", "after_store"),
    "of a change of hands": ("mid_send", "mid_restore", "mid_revoke", "mid_assign"),
}  # fmt: skip
SEVERAL = {"mid_restore": 2, "mid_revoke": 1, "mid_assign": 2, "mid_send": 400, "before_store": 40, "in_store": 40}
"""Up to which pass of a point a worker lives; others: some checkpoints."""


def test_every_named_point_is_in_one_stage() -> None:
    assert sorted(point for points in STAGES.values() for point in points) == sorted(POINTS)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.fault(
    "FT02", "kill -9 at named points", protection="one transaction, the store written after it",
    without=dict(zip(STAGES, ("store_last", "store_last", "atomic_outputs"), strict=True)),
)  # fmt: skip
def test_a_worker_killed_at_a_named_point_loses_and_repeats_nothing(arena: Arena, stage: str) -> None:
    arena.start_all("a", "b")
    with arena.load(0.1):
        for point in STAGES[stage]:
            for number in range(arena.pick(short=1, long=4)):
                _kill_at(arena, point, f"{point}-{number}")

    arena.judge()


def _kill_at(arena: Arena, point: str, newcomer: str) -> None:
    """``a`` comes to ``point``, is dead, and comes back."""
    arena.kill("a")
    if point == "mid_restore":
        shutil.rmtree(arena.folder / "data" / arena.app / "a")
    arena.start("a", SABOTAGE=f"{point}:{arena.chance.randint(1, SEVERAL.get(point, 12))}")
    if point == "mid_revoke":
        dying = arena.workers["a"]
        arena.await_that(lambda: arena.has_tasks("a") or dying.poll() is not None, "tasks to give up", revives=False)
        arena.start(newcomer)
    arena.await_death("a")
    arena.count(point)
    arena.start("a")
    arena.await_recovery()
    arena.retire(newcomer)


@pytest.mark.fault(
    "FT02", "kill -9 while a repartition topic is written", protection="one transaction for all stages",
    without="atomic_outputs",
)  # fmt: skip
def test_a_worker_killed_in_the_middle_of_a_repartition_changes_no_total(arena: Arena) -> None:
    stamp = arena.source.removesuffix(".orders.v1")
    arena.pipeline.write_text(W2.pipelines[0].read_text().replace("bench.", f"{stamp}."))
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
    arena.await_that(lambda: arena.is_caught_up("a", "b"), "the second stage")
    arena.stop_all()
    sent = arena.read(arena.source)
    found = differing_totals(expected_totals(sent), published_totals(arena.read(f"{stamp}.products.v1")))
    arena.figures |= {"records": len(sent), **found}
    assert found == dict.fromkeys(found, 0)
