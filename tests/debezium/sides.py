"""Sides: a real Debezium and our capture on one database, while every case runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException

from tests.capture.process import CapturedDatabase
from tests.integration.cluster import read_committed

from .compare import Found, differing
from .connect import ConnectorOptions, Debezium
from .differences import Missing
from .told import INCREMENTAL, SNAPSHOT, TRANSACTION, Event, Identity, read_all, read_events
from .workload import LAST, TABLES, Course, run_cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What both have told of all cases."""

    course: Course
    debezium: Mapping[Identity, Event]
    ours: Mapping[Identity, Event]
    heartbeats: Mapping[str, set[tuple[str, tuple[str, ...]]]]
    """(key, fields of the value) of each, by topic prefix."""
    debezium_pid: int

    def case_of(self, event: Event) -> str:
        """The case that an event belongs to."""
        return event.snapshot or self.course.case_at(event.lsn)

    def found(self) -> list[Found]:
        """All fields that differ."""
        return [
            found
            for identity, event in self.debezium.items()
            if identity in self.ours
            for found in differing(self.case_of(event), identity, event, self.ours[identity])
        ]

    def is_about(self, entry: Missing, event: Event) -> bool:
        """Whether a record is one of those that we are known not to write."""
        is_case = entry.case is None or entry.case == self.case_of(event)
        return entry.table == event.table and entry.op in (None, event.op) and is_case


class _Watched:
    """Waits for what both have to say."""

    def __init__(self, database: CapturedDatabase, prefix: str) -> None:
        self._database = database
        self._prefix = prefix

    def debezium(self, table: str) -> list[Event]:
        """What it has told of a table so far."""
        try:
            return read_events(self._database.kafka.bootstrap, f"{self._prefix}.public.{table}", table)
        except KafkaException:
            return []  # the topic is being made

    def wait_for_snapshot(self) -> None:
        """Every row is told; what comes now is in the log of its slot."""
        for table in TABLES:
            rows = self._count(table)
            self._wait(lambda table=table, rows=rows: self._read(table, SNAPSHOT) == rows, f"its snapshot of {table}")

    def wait_after(self, case: str) -> None:
        """Rows of an incremental snapshot are read as they are now: nothing may change before they are told."""
        if case == INCREMENTAL:
            rows = self._count("products")
            self._wait(lambda: self._read("products", INCREMENTAL) == rows, "Debezium's incremental snapshot")
            self._wait(lambda: self._read_by_us("products") == rows, "ours")
            closed = "SELECT count(*) FILTER (WHERE type LIKE '%-open') = count(*) FILTER (WHERE type LIKE '%-close')"
            self._wait(lambda: self._database.sql(f"{closed} FROM dbz_signal")[0][0], "its windows are closed")

    def wait_for_end(self) -> None:
        """The marker at the end of the cases, which comes twice."""
        self._wait(lambda: sum(_is_last(event) for event in self.debezium("audit_log")) == 2, "Debezium's end")

    def _count(self, table: str) -> int:
        return int(self._database.sql(f"SELECT count(*) FROM {table}")[0][0])

    def _read(self, table: str, snapshot: str) -> int:
        return sum(event.snapshot == snapshot for event in self.debezium(table))

    def _read_by_us(self, table: str) -> int:
        told = self._database.told(table)
        return sum(record.op == "r" and record.value["source"]["snapshot"] == "incremental" for record in told)

    def _wait(self, is_so: Callable[[], object], what: str) -> None:
        self._database.wait_until(is_so, what)


def _is_last(event: Event) -> bool:
    return (event.value["after"] or {}).get("what") == LAST


def run_both(database: CapturedDatabase, folder: Path, prefix: str) -> Sides:
    """All cases, once; raises ``MissingToolError`` where there is no Debezium."""
    options = ConnectorOptions(
        dsn=database.dsn, name=prefix, tables=TABLES, more={"signal.data.collection": "public.dbz_signal"}
    )
    with Debezium(folder, database.kafka.bootstrap, options) as debezium:
        watched, pid = _Watched(database, prefix), debezium.pid
        capture = database.started(",".join(TABLES), "--transaction-topic", "--signal-table", "public.dbz_signal")
        watched.wait_for_snapshot()
        course = run_cases(database.dsn, watched.wait_after)
        watched.wait_for_end()
        database.flush(capture)
    return _read(database, prefix, course, pid)


def _read(database: CapturedDatabase, prefix: str, course: Course, pid: int) -> Sides:
    brokers = database.kafka.bootstrap
    return Sides(
        course=course,
        debezium=_without_silent(read_all(brokers, prefix)),
        ours=read_all(brokers, database.name),
        heartbeats={name: _heartbeats(brokers, name) for name in (prefix, database.name)},
        debezium_pid=pid,
    )


def _without_silent(told: Mapping[Identity, Event]) -> dict[Identity, Event]:
    """Without the transactions that have no event: in ours, marks of snapshots, which it leaves out as well."""
    silent = {event.xid for event in told.values() if event.table == TRANSACTION and event.value["event_count"] == 0}
    return {
        identity: event
        for identity, event in told.items()
        if not (event.table == TRANSACTION and event.xid in silent)
    }


def _heartbeats(brokers: str, prefix: str) -> set[tuple[str, tuple[str, ...]]]:
    records = read_committed(brokers, f"__debezium-heartbeat.{prefix}")
    return {((key or b"").decode(), tuple(json.loads(value or b"null"))) for _, key, value in records}
