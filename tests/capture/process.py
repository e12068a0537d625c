"""A capture as users run it: a process on a database of its own, that can be killed, and what it has told Kafka."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.capture.outgoing.envelope import UNAVAILABLE
from streams.embedded import EmbeddedKafka, EmbeddedPostgres

from ..integration.cluster import read_committed

PATIENCE_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One committed record of a table's topic."""

    partition: int
    key: Any
    value: Any

    @property
    def op(self) -> str | None:
        """``None`` for a tombstone."""
        return None if self.value is None else self.value["op"]


@dataclass(slots=True, kw_only=True)
class CapturedDatabase:
    """A fresh database, and captures of it; a context manager that leaves neither process nor slot behind."""

    postgres: EmbeddedPostgres
    kafka: EmbeddedKafka
    name: str
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        return self.postgres.dsn.rsplit("/", 1)[0] + "/" + self.name

    @property
    def log(self) -> str:
        """What captures have said so far."""
        path = self.folder / "capture.log"
        return path.read_text() if path.exists() else ""

    def __enter__(self) -> CapturedDatabase:
        self._admin(f"CREATE DATABASE {self.name}")
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self._admin(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")
        slots = f"FROM pg_replication_slots WHERE database = '{self.name}'"
        self.wait_until(lambda: not self._admin(f"SELECT 1 {slots} AND active"), "the slot is free")
        self._admin(f"SELECT pg_drop_replication_slot(slot_name) {slots}")
        self._admin(f"DROP DATABASE {self.name} WITH (FORCE)")

    def _admin(self, statement: str) -> list[Any]:
        return self._run(self.postgres.dsn, statement)

    def sql(self, *statements: str) -> list[Any]:
        """Each statement a transaction of its own; rows of the last."""
        return [self._run(self.dsn, statement) for statement in statements][-1]

    def _run(self, dsn: str, statement: str) -> list[Any]:
        with closing(psycopg2.connect(dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def open_transaction(self, statement: str) -> Iterator[Any]:
        """A session that has run ``statement`` and not ended its transaction; gives its cursor."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            yield cursor

    def start(
        self, tables: str, *options: str, app: str = "", slot: str = "", publication: str = "streams"
    ) -> subprocess.Popen[bytes]:
        """``streams capture`` with slot, application and prefix named after the database."""
        command = [sys.executable, "-m", "streams", "capture", "--database", self.dsn, "--tables", tables,
                   "--topic-prefix", self.name, "--slot", slot or self.name, "--publication", publication,
                   "--heartbeat", "0.2", *options]  # fmt: skip
        environment = {
            "STREAMS_BROKERS": self.kafka.bootstrap,
            "STREAMS_APP": app or self.name,
            "STREAMS_DATA": str(self.folder / "data"),
        }
        with (self.folder / "capture.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment}
            )
        self.processes.append(process)
        return process

    def started(self, tables: str, *options: str, **names: str) -> subprocess.Popen[bytes]:
        """The same, once it follows the log."""
        before = self.log.count("following the log")
        process = self.start(tables, *options, **names)
        self.wait_until(lambda: self.log.count("following the log") > before, "it follows the log", process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM; the exit code."""
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE_SECONDS)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9."""
        process.kill()
        process.wait()

    def wait_until(
        self, is_so: Callable[[], object], what: str, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        """Wait for a condition; fails with the end of the log when it does not come or ``process`` ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            is_ended = process is not None and process.poll() is not None
            assert time.monotonic() < deadline and not is_ended, f"not so: {what}\n{self.log[-3_000:]}"
            time.sleep(0.05)

    # -- what Kafka has

    def topic(self, table: str) -> str:
        return f"{self.name}.{table}.v1"

    def committed(self, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
        """(partition, key, value) of all committed records of a topic."""
        return list(read_committed(self.kafka.bootstrap, topic))

    def told(self, table: str) -> list[Told]:
        """All committed records of a table, partition by partition."""
        return [
            Told(partition=partition, key=_loads(key), value=_loads(value))
            for partition, key, value in self.committed(self.topic(table))
        ]

    def size(self, table: str) -> int:
        """Places of a topic that no open transaction holds back, markers among them; 0: there is no topic yet."""
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": "tests", "log_level": 0})
        try:
            known = consumer.list_topics(self.topic(table), timeout=30).topics[self.topic(table)]
            places = [TopicPartition(self.topic(table), number) for number in known.partitions]
            return sum(consumer.get_watermark_offsets(place, timeout=30)[1] for place in places)
        except KafkaException:
            return 0  # the topic is being made
        finally:
            consumer.close()

    def flush(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until everything that was committed before is in Kafka: the slot has come by."""
        self.wait_until(self._has_come_by(), "everything is captured", process)

    def flush_or_end(self, process: subprocess.Popen[bytes]) -> None:
        """The same, or until the process has ended."""
        has_come_by = self._has_come_by()
        self.wait_until(lambda: process.poll() is not None or has_come_by(), "everything is captured")

    def _has_come_by(self) -> Callable[[], object]:
        ((now,),) = self.sql("SELECT pg_current_wal_lsn()")
        slot = f"FROM pg_replication_slots WHERE slot_name = '{self.name}' AND confirmed_flush_lsn >= '{now}'"
        return lambda: self.sql(f"SELECT 1 {slot}")


def _loads(text: bytes | None) -> Any:
    return None if text is None else json.loads(text)


def table_of(told: Iterable[Told]) -> dict[str, Mapping[str, Any]]:
    """The rows that a consumer of a table's topic ends with, by key."""
    rows: dict[str, Mapping[str, Any]] = {}
    for record in told:
        key = json.dumps(record.key)
        if record.value is None or record.op == "d":
            rows.pop(key, None)
        else:
            rows[key] = record.value["after"]
    return rows


def resolved(told: Iterable[Told]) -> dict[str, Mapping[str, Any]]:
    """The same of one partition, with long values that were not sent taken from the row before, or its old key's."""
    rows: dict[str, Mapping[str, Any]] = {}
    gone: Mapping[str, Any] = {}
    for record in told:
        key = json.dumps(record.key)
        if record.value is None:
            continue
        if record.op == "d":
            gone = rows.pop(key, {})
            continue
        known, after = rows.get(key) or gone, record.value["after"]
        rows[key] = {name: known.get(name, value) if value == UNAVAILABLE else value for name, value in after.items()}
    return rows


def changes_by_key(told: Iterable[Told]) -> dict[Any, list[tuple[str, Any]]]:
    """(op, row after the change, or before a delete) of every change but the snapshot's, in order."""
    found = defaultdict(list)
    for record in told:
        if record.op not in (None, "r"):
            row = record.value["before" if record.op == "d" else "after"]
            found[json.dumps(record.key)].append((record.op, row))
    return dict(found)
