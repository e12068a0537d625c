"""Notes: what a soak has seen, a line of JSON each, written at once: what a killed run has seen can be drawn, too.

All times are seconds since the run began.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec


class Note(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A line."""


class Began(Note, frozen=True, kw_only=True):
    """What is run."""

    hours: float
    seed: int
    rate: int
    """Orders a second."""
    commit: str
    began: str
    """UTC."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker's process holds."""

    pid: int
    rss_mib: float
    descriptors: int


class Sample(Note, frozen=True, kw_only=True):
    """One look at everything."""

    at_s: float
    workers: dict[str, Held]
    lag: int | None
    """Orders behind the committed offsets; ``None``: no broker to ask."""
    events_per_s: float | None
    """Committed since the look before."""
    load: float
    """Of the whole machine: processes that run or would like to."""
    p50_s: float | None
    """Latency of the canaries of the last minute."""
    p99_s: float | None


class Beat(Note, frozen=True, kw_only=True):
    """A canary that came through."""

    partition: int
    sent_s: float
    latency_s: float


class Struck(Note, frozen=True, kw_only=True):
    """A fault."""

    number: int
    name: str
    detail: str
    """Whom it struck, for how long."""
    begun_s: float
    healed_s: float
    back_s: float | None
    """When the canaries' latency was back to its base for good; ``None``: not in time."""


class Alarm(Note, frozen=True, kw_only=True):
    """What should not happen."""

    at_s: float
    text: str


class Restarted(Note, frozen=True, kw_only=True):
    """The supervisor started a worker again that had ended by itself."""

    at_s: float
    worker: str
    code: int


class Ended(Note, frozen=True, kw_only=True):
    """The verdict."""

    at_s: float
    checks: dict[str, str]
    """What was asked, and what is wrong; empty: nothing."""
    figures: dict[str, float]


AnyNote = Began | Sample | Beat | Struck | Alarm | Restarted | Ended
_decode = msgspec.json.Decoder(AnyNote).decode
FILE = "run.jsonl"


class Notes:
    """The file of a run; any thread may write."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / FILE).open("ab", buffering=0)
        self._lock = threading.Lock()
        self.clock = clock
        """Seconds since the run began."""

    def add(self, note: Note) -> None:
        with self._lock:
            self._file.write(msgspec.json.encode(note) + b"\n")

    def close(self) -> None:
        self._file.close()


def read_notes(folder: Path) -> Iterator[AnyNote]:
    """What was noted; a line that a kill cut off is left out."""
    with (folder / FILE).open("rb") as file:
        for line in file:
            try:
                yield _decode(line)
            except msgspec.DecodeError:
                continue
