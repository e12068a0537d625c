"""Bench: make the load, let every reader read it, and judge what is in Kafka then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg2

from tests.capture.process import CapturedDatabase

from .oracle import History, differences, read_history, read_told
from .readers import KillEvery, OurCapture, Outcome, RealDebezium, ReceiveIntoFile, Topics

READERS = ("pg_recvlogical", "debezium", "capture", "killed")
LANES = 2
"""Sessions that write at once: their transactions interleave in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much, and how rough."""

    changes: int
    largest: int
    """Rows of the largest transaction."""
    kill_every: KillEvery


FULL = Profile(changes=1_000_000, largest=200_000, kill_every=KillEvery(seconds=20.0, records=120_000))
QUICK = Profile(changes=50_000, largest=10_000, kill_every=KillEvery(seconds=5.0, records=9_000))


class Reader(Protocol):
    """Reads the log from a slot of its own."""

    @property
    def topics(self) -> Topics | None:
        """``None``: it writes no records."""

    def prepare(self) -> None:
        """Make what it needs, its slot above all, before the load."""

    def run(self, changes: int, deletes: int) -> Outcome:
        """Read that many changes, that many of them deletes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One reader's run and what the oracle says of it."""

    reader: str
    outcome: Outcome
    wrong: Mapping[str, int] = field(default_factory=dict)
    """Empty: it wrote no records."""


class Bench:
    """One database with one load, and its readers."""

    def __init__(
        self, database: CapturedDatabase, folder: Path, profile: Profile, say: Callable[[str], object]
    ) -> None:
        self._database = database
        self._folder = folder
        self._profile = profile
        self._say = say

    def run(self, readers: Iterable[str] = READERS) -> tuple[History, list[Result]]:
        """What happened, and what each reader in turn made of it."""
        self._database.sql(Path(__file__).with_name("load.sql").read_text())
        prepared = {name: self._prepare(name) for name in readers}
        history = self._load()
        return history, [self._told(name, reader, history) for name, reader in prepared.items()]

    def _prepare(self, name: str) -> Reader:
        reader: Reader
        own = f"{self._database.name}_{name}"
        match name:
            case "pg_recvlogical":
                reader = ReceiveIntoFile(self._database, self._folder, own)
            case "debezium":
                reader = RealDebezium(self._database, self._folder, own)
            case "capture":
                reader = OurCapture(self._database, own)
            case "killed":
                reader = OurCapture(self._database, own, kill_every=self._profile.kill_every)
            case _:
                raise ValueError(f"no reader {name}; there are {', '.join(READERS)}")
        reader.prepare()
        return reader

    def _load(self) -> History:
        """The changes, made by the server; one lane has the largest transaction."""
        self._say(f"making {self._profile.changes:,} changes, one transaction of {self._profile.largest:,}")
        share = self._profile.changes // LANES
        with ThreadPoolExecutor(LANES) as pool:
            list(pool.map(lambda lane: self._write(lane, share, 0 if lane else self._profile.largest), range(LANES)))
        return read_history(self._database.dsn)

    def _write(self, lane: int, changes: int, largest: int) -> None:
        with closing(psycopg2.connect(self._database.dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("CALL load_changes(%s, %s, %s)", (lane, changes, largest))

    def _told(self, name: str, reader: Reader, history: History) -> Result:
        outcome = reader.run(history.count, history.deletes)
        wrong: dict[str, int] = {}
        if reader.topics is not None:
            wrong = differences(history, read_told(self._database.kafka.bootstrap, reader.topics.by_table))
        run = outcome.measured
        verdict = "" if not wrong else "correct" if not any(wrong.values()) else f"WRONG: {wrong}"
        self._say(f"  {name:14} {run.events_per_s:>9,.0f} changes/s {run.cpu_us:6.1f} CPU µs a change "
                  f"{run.peak_mb:5,.0f} MB {outcome.kills:3} kills  {verdict}")  # fmt: skip
        return Result(reader=name, outcome=outcome, wrong=wrong)
