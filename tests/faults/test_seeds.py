"""Whatever happens to workers, at random: each order has its effect once. ``ONLY=MIX ROUNDS=10 make faults``."""

from __future__ import annotations

import shutil
import signal
import time

import pytest

from .arena import SESSION_S, Arena

WORKERS = ("a", "b", "c")


class Chaos:
    """What may happen to workers; each leaves all of them running."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena

    def strike(self) -> None:
        """One fault."""
        chance = self._arena.chance
        names = chance.sample(WORKERS, 3)
        fault = chance.choice((self.kill, self.kill, self.kill_two, self.stop, self.sleep, self.lose_state))
        self._arena.count(fault.__name__)
        fault(names)

    def kill(self, names: list[str]) -> None:
        self._arena.kill(names[0])
        self._arena.start(names[0])

    def kill_two(self, names: list[str]) -> None:
        self.kill(names)
        self.kill(names[1:])

    def stop(self, names: list[str]) -> None:
        # A worker that has just been started does not know SIGTERM yet, and ends by it.
        self._arena.stop_one(names[0])
        assert self._arena.workers[names[0]].returncode in (0, -signal.SIGTERM)
        self._arena.start(names[0])

    def sleep(self, names: list[str]) -> None:
        worker = self._arena.workers[names[0]]
        worker.send_signal(signal.SIGSTOP)
        time.sleep(1.3 * SESSION_S)  # the group gives the sleeper's tasks to others
        worker.send_signal(signal.SIGCONT)

    def lose_state(self, names: list[str]) -> None:
        self._arena.kill(names[0])
        shutil.rmtree(self._arena.folder / "data" / self._arena.app / names[0], ignore_errors=True)
        self._arena.start(names[0])


@pytest.mark.fault("MIX", "kills, sleeps, stops and lost state at random", protection="all of them",
                   without="atomic_outputs")  # fmt: skip
def test_whatever_happens_to_workers_each_event_has_its_effect_once(arena: Arena) -> None:
    arena.start_all(*WORKERS)
    chaos = Chaos(arena)
    with arena.load(0.2):
        for _ in range(arena.pick(short=2, long=12)):
            time.sleep(arena.chance.uniform(0.5, 4.0))
            arena.revive()
            chaos.strike()
        arena.await_recovery(patience_s=180)

    arena.judge()
