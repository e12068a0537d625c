"""A worker that sleeps past its session and wakes up believing that its tasks are its own."""

from __future__ import annotations

import signal
import time

import pytest

from .arena import SESSION_S, Arena


@pytest.mark.fault("FT05", "SIGSTOP for two sessions, then SIGCONT", protection="generation and member in each commit",
                   without="fencing")  # fmt: skip
def test_a_worker_that_slept_past_its_session_writes_nothing_that_counts(arena: Arena) -> None:
    arena.start_all("a", "b")
    for _ in range(arena.pick(short=1, long=4)):
        with arena.load(0.1):
            sleep_and_wake(arena, arena.chance.choice("ab"))

    arena.judge()


def sleep_and_wake(arena: Arena, name: str) -> None:
    """SIGSTOP with work in hand; when the others have done it, SIGCONT."""
    arena.await_that(lambda: arena.has_tasks(name), "tasks to sleep on")
    time.sleep(arena.chance.uniform(0.5, 2.0))
    sleeper = arena.workers[name]
    sleeper.send_signal(signal.SIGSTOP)
    time.sleep(arena.pick(short=1.2, long=2.0) * SESSION_S)
    arena.await_recovery()  # the other has all tasks
    said = len(arena.log(name))
    sleeper.send_signal(signal.SIGCONT)
    arena.count("sleeps")
    took = arena.await_that(
        lambda: arena.workers[name] is not sleeper or "begins at" in arena.log(name)[said:], "it ends or joins again"
    )
    arena.note_most("awake to work s", took)
    arena.await_recovery()
