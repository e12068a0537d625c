"""Watchdog: a thread that ends the process when the process lies.

Heartbeats of the group run in the consumer's own thread and go on while the loop is blocked; so a worker that does
nothing would keep its partitions for ever. What is watched: the loop, the transaction, progress where records wait,
the group membership, the disk.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from .engine import Engine
from .owned import OwnedTask
from .stop import ExitCode, stop_for, stop_process
from .transactions import TRANSACTION_TIMEOUT_MS

logger = logging.getLogger("streams.worker")

PERIOD_SECONDS = 1.0
TRANSACTION_SECONDS = 2 * TRANSACTION_TIMEOUT_MS / 1000
LOOP_SECONDS = 20.0
STALL_SECONDS = 60.0
JOIN_SECONDS = 50.0
"""A rebalance takes 30 s at most, after a last checkpoint of 20 s."""
RESTORE_SECONDS = 180.0
"""Longer than a restore itself waits for a changelog that does not move."""
LEAST_FREE_BYTES = 256 << 20
LEAST_SHARE = 20
"""Or this part of a disk that is small."""
PAUSE_AT, RESUME_AT = 2, 3
"""Times what must be free."""


class Watchdog:
    """Looks every second; the first thing that is wrong ends the process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._moved: dict[tuple[str, int], tuple[tuple[Mapping[str, int], int], float]] = {}
        self._joined_at = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self.begin(time.monotonic())
        self._thread.start()

    def begin(self, now: float) -> None:
        """What was before ``now`` does not count: start-up may have waited for topics, and the loop beat for nobody."""
        self._engine.beat = self._joined_at = now

    def _watch(self) -> None:
        while True:
            time.sleep(PERIOD_SECONDS)
            try:
                self.look(time.monotonic())
            except Exception as error:  # a watchdog that died unseen would watch nothing
                stop_for(error, "watchdog")

    def look(self, now: float) -> None:
        """Check everything once; ``now`` in monotonic seconds."""
        engine = self._engine
        transactions = engine.transactions
        busy_since = None if transactions is None else transactions.busy_since
        if busy_since is not None and now - busy_since > TRANSACTION_SECONDS:
            stop_process(ExitCode.OVERDUE, f"a transaction call runs for {now - busy_since:.0f} s")
        if now - engine.beat > LOOP_SECONDS and busy_since is None:
            said = engine.batches.in_hand.said()
            stop_process(ExitCode.OVERDUE, f"the event loop is blocked for {now - engine.beat:.0f} s{said}")
        if engine.is_joined:
            self._joined_at = now
            if engine.port is not None and not engine.port.is_member():
                stop_process(ExitCode.OVERDUE, "the client has given up its place in the group, and no record comes")
        elif now - self._joined_at > JOIN_SECONDS:
            stop_process(ExitCode.OVERDUE, f"no assignment for {now - self._joined_at:.0f} s")
        self._check_restores(now)
        self._check_progress(now)
        self._check_disk(engine.settings.data)

    def _check_restores(self, now: float) -> None:
        """What was assigned is restored, and a restore moves; but for tasks that wait for somebody's decision."""
        engine, taking = self._engine, self._engine.taking
        if taking is None or not engine.is_joined or now - taking.moved_s < RESTORE_SECONDS:
            return
        if waiting := sorted(engine.expected - engine.tasks.keys() - taking.undecided):
            at = ", ".join(f"{topic}[{number}]" for topic, number in waiting)
            stop_process(ExitCode.OVERDUE, f"to take {at} stands still for {now - taking.moved_s:.0f} s")

    def _check_progress(self, now: float) -> None:
        """A partition whose records wait in our own buffer must move."""
        for place, owned in list(self._engine.tasks.items()):
            positions = owned.task.positions()
            # A batch may wait for its look-ups: for each round of answers a bounded time.
            moved = positions, owned.held.rounds
            last, since = self._moved.get(place, (({}, 0), now))
            # One input may wait for another that has much to catch up.
            if moved != last or not any(self._is_waiting(owned, topic, place[1]) for topic in positions):
                self._moved[place] = (moved, now)
            elif now - since > STALL_SECONDS:
                at = ", ".join(f"{topic}[{place[1]}] stands at {position}" for topic, position in positions.items())
                stop_process(ExitCode.OVERDUE, f"{at} while records wait")

    def _is_waiting(self, owned: OwnedTask, topic: str, number: int) -> bool:
        return self._engine.fetched.is_waiting(topic, number) and not owned.is_resting(topic)

    def _check_disk(self, folder: Path) -> None:
        """Nothing more is fetched while the disk is getting full; a store that cannot write is lost."""
        if not folder.exists():
            return
        disk = shutil.disk_usage(folder)
        least = min(LEAST_FREE_BYTES, disk.total // LEAST_SHARE)
        if disk.free < least:
            stop_process(
                ExitCode.STORE_FAILED, f"less than {least >> 20} MiB are free for {folder}; free some, start again"
            )
        fetched, metrics = self._engine.fetched, self._engine.metrics
        if fetched.is_paused and disk.free > RESUME_AT * least:
            fetched.is_paused = False
            logger.warning("%d MiB are free for %s again: go on", disk.free >> 20, folder)
        elif not fetched.is_paused and disk.free < PAUSE_AT * least:
            fetched.is_paused = True
            logger.error(
                "only %d MiB are free for %s: nothing more is fetched until %d MiB are, and at %d MiB this worker ends",
                disk.free >> 20, folder, RESUME_AT * least >> 20, least >> 20,
            )  # fmt: skip
        metrics.paused.set(fetched.is_paused)
