"""Watching: how far a group has come while something is broken, and how much memory its workers take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException, TopicPartition

from . import kafkalog
from .arena import Arena

LOOK_S = 0.2


class Progress:
    """Committed orders, looked at five times a second in a thread; a context manager."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self.committed = 0
        self.worst_s = 0.0
        """The longest time without any progress that has been seen, seconds."""

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        self._thread.join()
        self._arena.note_most("unavailable s", self.worst_s)

    def _run(self) -> None:
        with kafkalog.client(self._arena.brokers, group=self._arena.app) as reader:
            places = [TopicPartition(self._arena.source, number) for number in range(4)]
            moved_s = time.monotonic()
            while not self._is_over.wait(LOOK_S):
                try:
                    committed = sum(max(0, place.offset) for place in reader.committed(places, 2))
                except KafkaException:
                    committed = self.committed  # nobody to ask: no progress that anybody could see
                now_s = time.monotonic()
                if committed > self.committed:
                    self.committed, moved_s = committed, now_s
                self.worst_s = max(self.worst_s, now_s - moved_s)

    def await_more(self, records: int, what: str, *, patience_s: float = 60.0) -> None:
        """Wait until so many more are committed than now."""
        wanted = self.committed + records
        self._arena.await_that(lambda: self.committed >= wanted, f"progress with {what}", patience_s=patience_s)


def let_pass(arena: Arena, seconds: float, look: Callable[[], None] = lambda: None) -> None:
    """Time goes by; a supervisor looks after the workers, and ``look`` at whatever it wants to see."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        arena.revive()
        look()
        time.sleep(0.2)


class Memory:
    """The most memory that workers have had so far, MiB."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self.most: dict[str, float] = {}

    def look(self) -> None:
        """What each has now; who has just ended has none."""
        for name, worker in self._arena.workers.items():
            now = resident_mib(worker.pid)
            self.most[name] = max(self.most.get(name, 0.0), now)


def resident_mib(pid: int) -> float:
    """Resident memory of a process, MiB; 0: it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / (1 << 20)
    except (OSError, IndexError):
        return 0.0


@contextmanager
def time_at_work(arena: Arena) -> Iterator[None]:
    """Of the seconds that the block lasts, the share in which something was committed is a figure."""
    seen: list[int] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(1.0):
            with suppress(KafkaException):
                seen.append(sum(kafkalog.committed(arena.brokers, arena.app, arena.source).values()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
        moved = sum(before < after for before, after in pairwise(seen))
        arena.figures["time at work %"] = round(100 * moved / max(1, len(seen) - 1))
