"""Run: snapshot once, then follow the log, chunk by chunk.

    PostgreSQL ──pgoutput──▶ ChangeStream ──records──▶ Sink: one Kafka transaction per chunk
         ▲                                               records + position
         └──────────── confirmed end of commit ◀─────────── committed

PostgreSQL is told of nothing that Kafka has not committed. A crash repeats at most what was not committed; what was
is skipped by its position, inside a transaction by the count of its events. Anything unexpected ends the process.
"""

from __future__ import annotations

import logging
import select
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import psycopg2
from confluent_kafka import KafkaException

from .changes import ChangeStream
from .database import SLOT_PATIENCE_SECONDS, Database, slot_in_use
from .envelope import EnvelopeWriter, TableTarget
from .metrics import CaptureMetrics
from .options import CaptureError, CaptureOptions
from .pgoutput import LogicalMessage, decode_message
from .position import Position, lsn_text
from .sink import Sink
from .snapshot import Progress, read_snapshot

logger = logging.getLogger("streams.capture")

HEARTBEAT_PREFIX = "streams-heartbeat"
POLL_SECONDS = 0.05


class Capture:
    """One capture, from start to stop."""

    def __init__(self, options: CaptureOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._database = Database(options)
        self._sink = Sink(options)
        self._metrics = CaptureMetrics()
        self._is_stopping = False

    def run(self) -> None:
        """Capture until SIGTERM or Ctrl-C; raises ``CaptureError`` with what to do."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._metrics.serve(self._options.metrics_host, self._options.metrics_port)
        try:
            targets = self._database.prepare()
            position = self._sink.start([target.topic for target in targets.values()])
            writer = EnvelopeWriter(self._options.prefix, self._database.name())
            if position is None or not position.is_snapshot_done:
                position = self._snapshot(targets, writer)
            elif not self._database.slot_exists():
                raise CaptureError(
                    f"slot {self._options.slot} is gone, and with it the changes since {lsn_text(position.end_lsn)};"
                    " name a new one with --slot, which starts with a snapshot"
                )
            self._follow(ChangeStream(targets, writer, position))
        except KafkaException as error:
            raise CaptureError(f"Kafka: {error.args[0].name()}; start the capture again") from None
        except psycopg2.Error as error:
            raise CaptureError(f"PostgreSQL: {type(error).__name__}; start the capture again") from None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._is_stopping = True

    # -- snapshot

    def _snapshot(self, targets: dict[str, TableTarget], writer: EnvelopeWriter) -> Position:
        """All rows; begins anew with a new slot when a former one was not finished."""
        self._database.drop_slot()
        replication = self._database.connect_replication()
        connection = self._database.connect()
        try:
            lsn, snapshot = self._database.create_slot(replication)
            logger.info("snapshot at %s", lsn_text(lsn))
            for run in read_snapshot(connection, snapshot, list(targets.values()), writer, lsn, self._count_rows):
                self._sink.send(run)
                self._metrics.count(run, "r")
                if self._sink.pending_bytes > self._options.chunk_bytes:
                    self._sink.commit(Position())
        finally:
            connection.close()
            replication.close()
        position = Position(is_snapshot_done=True, final_lsn=lsn - 1, end_lsn=lsn)
        self._sink.commit(position)
        return position

    def _count_rows(self, table: str, done: int, expected: int) -> None:
        self._metrics.snapshot(table, done, expected)
        self._progress(table, done, expected)

    # -- the log

    def _follow(self, stream: ChangeStream) -> None:
        replication = self._database.connect_replication()
        with self._database.session() as heartbeats:
            cursor = self._start_replication(replication, stream.position)
            logger.info("following the log from %s", lsn_text(stream.position.end_lsn))
            keeper = _Keeper(self._options, self._database, heartbeats, self._metrics)
            saved, chunk_at = stream.position, time.monotonic()
            while not self._is_stopping:
                for message in self._messages(cursor):
                    self._take(stream, message)
                    if self._sink.pending_bytes > self._options.chunk_bytes:
                        break
                now = time.monotonic()
                if now - chunk_at >= self._options.chunk_ms / 1000 or self._sink.pending_bytes > (1 << 20):
                    if stream.position != saved:
                        saved = self._commit(stream, cursor)
                    chunk_at = now
                keeper.keep(now)
            if stream.position != saved:
                self._commit(stream, cursor)
        replication.close()

    def _messages(self, cursor: Any) -> Iterator[Any]:
        """What has come, after waiting for it a moment."""
        message = cursor.read_message()
        if message is None:
            select.select([cursor], [], [], POLL_SECONDS)
            message = cursor.read_message()
        until = time.monotonic() + self._options.chunk_ms / 1000
        while message is not None:
            yield message
            message = cursor.read_message() if time.monotonic() < until else None

    def _take(self, stream: ChangeStream, message: Any) -> None:
        decoded = decode_message(message.payload)
        if decoded is None:
            return
        if isinstance(decoded, LogicalMessage) and not decoded.is_transactional:
            stream.pass_over(message.data_start)
            return
        records = list(stream.feed(decoded, message.data_start, now_us=time.time_ns() // 1_000))
        if records:
            self._sink.send(records)
            self._metrics.count(records, None)

    def _commit(self, stream: ChangeStream, cursor: Any) -> Position:
        position = stream.position
        self._sink.commit(position, {"ts_ms": time.time_ns() // 1_000_000})
        cursor.send_feedback(flush_lsn=position.end_lsn, write_lsn=position.end_lsn, force=True)
        self._metrics.committed()
        return position

    def _start_replication(self, replication: Any, position: Position) -> Any:
        """Start at the position; a killed predecessor's sender may hold the slot for a while."""
        deadline = time.monotonic() + SLOT_PATIENCE_SECONDS
        while True:
            cursor = replication.cursor()
            try:
                cursor.start_replication(
                    slot_name=self._options.slot,
                    start_lsn=position.end_lsn,
                    options={
                        "proto_version": "1",
                        "publication_names": self._options.publication,
                        "messages": "true",
                    },
                    status_interval=2,
                )
                return cursor
            except psycopg2.errors.ObjectInUse:
                if time.monotonic() > deadline:
                    raise CaptureError(slot_in_use(self._options.slot)) from None
                time.sleep(0.5)


class _Keeper:
    """Heartbeats, so that a slot moves on quiet databases, and the slot's lag."""

    def __init__(self, options: CaptureOptions, database: Database, cursor: Any, metrics: CaptureMetrics) -> None:
        self._options = options
        self._database = database
        self._cursor = cursor
        self._metrics = metrics
        self._next_s = 0.0

    def keep(self, now_s: float) -> None:
        """Every few seconds, a message into the log and a look at the slot."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + self._options.heartbeat_s
        self._cursor.execute("SELECT pg_logical_emit_message(false, %s, '')", (HEARTBEAT_PREFIX,))
        self._metrics.lag(self._database.slot_lag_bytes(self._cursor))
