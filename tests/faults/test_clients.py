"""Kafka's clients inside a worker fail it: a task dies unseen, commits are always refused, sends fail."""

from __future__ import annotations

import pytest

from .arena import Arena

EXIT_S = 60.0
"""Within it a worker ends that cannot go on."""


@pytest.mark.parametrize("trouble", ["coordinator_dies", "always_rebalanced"])
@pytest.mark.fault(
    "FT11", "the membership dies inside the client", protection="check of the coordination; watchdog; crash only",
    without={"coordinator_dies": "membership_checks", "always_rebalanced": "watchdog"},
)  # fmt: skip
def test_a_worker_without_a_membership_ends_instead_of_doing_nothing(arena: Arena, trouble: str) -> None:
    arena.start_all("a", "b")
    with arena.load(0.1):
        arena.kill("a")
        worker = arena.start("a", SABOTAGE=f"{trouble}:8")
        arena.await_struck(
            lambda: "the coordination ends" in arena.log("a") or "moved on, it says" in arena.log("a"), "the trouble"
        )
        took = arena.await_that(lambda: worker.poll() is not None, "its end", patience_s=120, revives=False)
        arena.note_most("trouble to exit s", took)
        assert worker.returncode in arena.restartable | {5}
        arena.start("a")
        arena.await_recovery()

    arena.judge()


@pytest.mark.fault("FT28", "every 1,000th send fails for good", protection="a commit fails where a send has",
                   without="failed_sends")  # fmt: skip
def test_a_send_that_fails_ends_in_no_commit(arena: Arena) -> None:
    arena.start_all("a", "b")
    with arena.load(0.1):
        for name in "ab":
            arena.kill(name)
        arena.revive_with(SABOTAGE="fail_sends:1000")
        wanted = arena.pick(short=2, long=20)
        arena.await_that(lambda: _failed(arena) >= wanted, "failed sends", patience_s=600)
        for name in "ab":
            arena.kill(name)
        arena.revive_with()
    arena.judge()


def _failed(arena: Arena) -> int:
    return sum(arena.log(name).count("a send fails") for name in "ab")
