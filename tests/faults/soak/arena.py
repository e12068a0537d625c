"""The arena of a soak: an arena whose every wait lets time pass for whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from streams.worker.stop import ExitCode
from tests.faults import kafkalog, oracle
from tests.faults.arena import Arena
from tests.faults.test_source import MOST

from .notes import Notes, Restarted

WORKERS = ("a", "b", "c")
GUEST = "j"


class SoakArena(Arena):
    """Workers, their supervisor, and the disk that they have their state on."""

    notes: Notes
    look: Callable[[], None] = staticmethod(lambda: None)
    """Called several times a second, whatever is waited for."""
    slow_flag: Path | None = None
    """While it is there the disk is slow; ``None``: that cannot be done here."""
    disk: Path | None = None
    """A file system that can be filled."""

    def begin(self, notes: Notes, slow_library: Path | None) -> None:
        """Start the workers."""
        self.notes = notes
        self.restartable.add(ExitCode.STORE_FAILED)  # a full disk, and stores that are broken
        self.is_apart = True
        environment = {"STREAMS_MAX_RECORD_BYTES": str(MOST)}
        if slow_library is not None:
            self.slow_flag = self.folder / "is-slow"
            environment |= {"LD_PRELOAD": str(slow_library), "SLOW_FOLDER": str(self.folder / "data"),
                            "SLOW_FLAG": str(self.slow_flag)}  # fmt: skip
        self.start_all(*WORKERS, **environment)

    def restart(self, name: str) -> None:
        """Start a worker as all were started."""
        self.start(name, **self._environment)

    def revive(self) -> None:
        self.look()
        before = dict(self.workers)
        super().revive()
        for name, worker in before.items():
            if self.workers[name] is not worker:
                self.notes.add(Restarted(at_s=self.notes.clock(), worker=name, code=worker.returncode))

    def let_pass(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Time goes by, or something happens; the supervisor is at work."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not until():
            self.revive()
            time.sleep(0.2)

    def compare_stores(self, stores: list[tuple[int, Path]]) -> int:
        """Entries in which stores are not what their changelogs say; one partition after the other is in memory."""
        wrong = 0
        topics = self.topics().changelogs
        for number, folder in stores:
            wanted: dict[bytes, bytes] = {}
            for short, topic in topics.items():
                with kafkalog.client(self.brokers) as reader:
                    records, _ = kafkalog.read_on(reader, topic, number, 0)
                wanted |= oracle.replay_changelog(records, short).get(number, {})
            wrong += oracle.compare_store(folder, wanted)
        return wrong
