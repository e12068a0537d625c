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

from .advice import about_kafka, about_postgres
from .catalog import prepare_tables, read_domains
from .changes import ChangeStream
from .database import Database
from .envelope import EnvelopeWriter, TableTarget
from .metrics import CaptureMetrics
from .options import CaptureError, CaptureOptions
from .pgoutput import LogicalMessage, Relation, decode_message
from .position import Position, lsn_text
from .sink import Sink
from .snapshot import Progress, read_snapshot
from .types import has_own_types, with_base_types

logger = logging.getLogger("streams.capture")

HEARTBEAT_PREFIX = "streams-heartbeat"
POLL_SECONDS = 0.05


class Capture:
    """One capture, from start to stop."""

    def __init__(self, options: CaptureOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._database = Database(options, lambda: self._is_stopping)
        self._sink = Sink(options)
        self._metrics = CaptureMetrics()
        self._is_stopping = False
        self._next_heartbeat_s = 0.0

    def run(self) -> None:
        """Capture until SIGTERM or Ctrl-C; raises ``CaptureError`` with what to do."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._metrics.serve(self._options.metrics_host, self._options.metrics_port)
        try:
            self._capture()
        except KafkaException as error:
            brokers = self._options.kafka.get("bootstrap.servers")
            raise CaptureError(about_kafka(error, self._options.slot, brokers)) from None
        except psycopg2.Error as error:
            raise CaptureError(about_postgres(error)) from None
        finally:
            self._sink.close()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._is_stopping = True

    def _capture(self) -> None:
        with self._database.session() as cursor:
            targets = prepare_tables(cursor, self._options)
        writer = EnvelopeWriter(self._options.prefix, self._database.name())
        position = self._sink.start([target.topic for target in targets.values()])
        if position is None or not position.is_snapshot_done:
            position = self._snapshot(targets, writer, position)
        else:
            self._database.check_slot(self._database.find_slot(), position)
        if position.is_snapshot_done:
            self._follow(ChangeStream(targets, writer, position))

    # -- snapshot

    def _snapshot(self, targets: dict[str, TableTarget], writer: EnvelopeWriter, begun: Position | None) -> Position:
        """All rows; where a former one was not finished, anew with the slot that was made for it.

        That slot tells of every change since the first attempt, so a row that was read then and deleted before the
        second goes by its DELETE.
        """
        slot = self._database.find_slot()
        self._database.check_slot(slot, begun)
        if slot is None:
            self._sink.commit(Position())  # says, before the slot is there, whose it will be
        replication, connection = self._database.connect_replication(), self._database.connect()
        try:
            lsn, snapshot = None if slot is None else slot.confirmed_lsn, None
            if lsn is None:
                logger.info("making slot %s; PostgreSQL waits for the transactions of now", self._options.slot)
                lsn, snapshot = self._database.create_slot(replication)
            logger.info("snapshot at %s", lsn_text(lsn))
            runs = read_snapshot(connection, snapshot, list(targets.values()), writer, lsn, self._count_rows)
            return self._send_snapshot(runs, lsn)
        finally:
            connection.close()
            replication.close()

    def _send_snapshot(self, runs: Iterator[list[Any]], lsn: int) -> Position:
        """Send the rows in chunks; the last one says that all are there, unless somebody stops us."""
        for run in runs:
            self._sink.send(run)
            self._metrics.count(run)
            if self._sink.pending_bytes > self._options.chunk_bytes:
                self._sink.commit(Position())
                self._metrics.committed()
            if self._is_stopping:
                logger.info("stopped during the snapshot; the next start begins it anew")
                return Position()
        position = Position(is_snapshot_done=True, final_lsn=lsn - 1, end_lsn=lsn)
        self._sink.commit(position)
        self._metrics.committed()
        return position

    def _count_rows(self, table: str, done: int, expected: int) -> None:
        self._metrics.snapshot(table, done, expected)
        self._progress(table, done, expected)

    # -- the log

    def _follow(self, stream: ChangeStream) -> None:
        replication = self._database.connect_replication()
        with self._database.session() as heartbeats:
            cursor = self._database.start_replication(replication, stream.position)
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
        logger.info("stopped at %s", lsn_text(stream.position.end_lsn))

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
        if isinstance(decoded, Relation) and has_own_types(decoded):
            with self._database.session() as cursor:
                decoded = with_base_types(decoded, read_domains(cursor))
        records = list(stream.feed(decoded, message.data_start, now_us=time.time_ns() // 1_000))
        if records:
            self._sink.send(records)
            self._metrics.count(records)

    def _commit(self, stream: ChangeStream, cursor: Any) -> Position:
        position = stream.position
        self._sink.commit(position, self._heartbeat(time.monotonic()))
        cursor.send_feedback(flush_lsn=position.end_lsn, write_lsn=position.end_lsn, force=True)
        self._metrics.committed()
        return position


    def _heartbeat(self, now_s: float) -> dict[str, object] | None:
        """What the heartbeat topic gets beside a commit; ``None``: the last one is not old enough."""
        if now_s < self._next_heartbeat_s:
            return None
        self._next_heartbeat_s = now_s + self._options.heartbeat_s
        return {"ts_ms": time.time_ns() // 1_000_000}


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
