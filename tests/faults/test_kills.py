"""Workers killed with ``kill -9`` under load: each order has its effect once, and all goes on in time."""

from __future__ import annotations

import time

import pytest

from .arena import Arena

WORKERS = ("a", "b", "c")


@pytest.mark.fault(
    "FT01", "kill -9 of a random worker", protection="one transaction, the store written after it",
    without="atomic_outputs", short=True,
)  # fmt: skip
def test_a_worker_killed_at_random_loses_and_repeats_nothing(arena: Arena) -> None:
    arena.start_all(*arena.pick(short=WORKERS[:2], long=WORKERS))
    with arena.load(0.1):
        for _ in range(arena.pick(short=2, long=20)):
            time.sleep(arena.chance.uniform(*arena.pick(short=(0.5, 2.0), long=(5.0, 30.0))))
            name = arena.chance.choice(sorted(arena.workers))
            arena.kill(name)
            arena.count("kills")
            arena.start(name)
            arena.await_recovery()

    arena.judge()
