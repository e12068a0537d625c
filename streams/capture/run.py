"""Run: snapshot once, then follow the log, chunk by chunk.

    PostgreSQL ──plugin──▶ LogReader ──messages──▶ ChangeStream ──records──▶ Sink: one Kafka transaction per chunk
         ▲                 (Spool: open transactions)                          records + position
         └───────────────── confirmed end of commit ◀──────────────────────────── committed

PostgreSQL is told of nothing that Kafka has not committed. A crash repeats at most what was not committed; what was
is skipped by its position, inside a transaction by the count of its events. Anything unexpected ends the process.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import psycopg2
from confluent_kafka import KafkaException

from .advice import about_kafka, about_postgres
from .announcements import Announcer
from .catalog import prepare_tables
from .catalog_facts import relation_now
from .changes import ChangeStream
from .database import Database
from .envelope import TableTarget
from .follow import Follower
from .lag import SlotLagError
from .metrics import CaptureMetrics
from .options import CaptureError, CaptureOptions, StoppedError
from .outgoing import Outgoing, open_outgoing
from .plugins import check_reader
from .position import Position, lsn_text
from .schema_watch import SchemaReport, open_watch
from .sink import Sink
from .slots import drop_slot
from .snapshot import Progress, read_snapshot

logger = logging.getLogger("streams.capture")


class Capture:
    """One capture, from start to stop."""

    def __init__(self, options: CaptureOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._database = Database(options, lambda: self._is_stopping)
        self._sink = Sink(options)
        self._metrics = CaptureMetrics()
        self._is_stopping = False

    def run(self) -> None:
        """Capture until SIGTERM or Ctrl-C; raises ``CaptureError`` with what to do."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._metrics.limit(self._options.max_slot_lag_bytes)
        self._metrics.serve(self._options.metrics_host, self._options.metrics_port)
        try:
            self._capture()
        except SlotLagError:
            if self._options.is_dropping_slot:
                self._give_up_slot()
            raise
        except StoppedError:
            logger.info("stopped before there was a slot; the next start makes it")
        except KafkaException as error:
            brokers = self._options.kafka.get("bootstrap.servers")
            raise CaptureError(about_kafka(error, self._options.slot, brokers)) from None
        except psycopg2.Error as error:
            raise CaptureError(about_postgres(error)) from None
        finally:
            self._sink.close()

    def _give_up_slot(self) -> None:
        """As was asked for: the server's disk comes before the changes that wait."""
        with self._database.session() as cursor:
            drop_slot(cursor, self._options.slot)
        logger.error("dropped slot %s: changes that waited are lost; drop its position too", self._options.slot)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._is_stopping = True

    def _capture(self) -> None:
        with self._database.session() as cursor:
            targets = prepare_tables(cursor, self._options)
        outgoing = open_outgoing(self._options, self._database)
        watch = open_watch(self._options, self._database, targets)
        with self._database.session() as cursor:
            for target in targets.values():
                relation = relation_now(cursor, target)
                outgoing.check(target, relation)
                self._say_gaps(watch.start(relation))
        self._metrics.watch(outgoing.counts)
        announcer = Announcer(self._options, outgoing.writer)
        position = self._sink.start(self._options.topics_of(targets), announcer.topics)
        if position is None or not position.is_snapshot_done:
            position = self._snapshot(targets, outgoing, position)
        else:
            self._database.check_slot(self._database.find_slot(), position)
        if position.is_snapshot_done:
            check_reader(position, self._options)
            stream = ChangeStream(targets, outgoing, announcer, position, reader=self._options.reader)
            Follower(
                self._options, self._database, self._sink, self._metrics, watch, lambda: self._is_stopping
            ).follow(stream)

    def _say_gaps(self, report: SchemaReport | None) -> None:
        if report is not None:
            logger.warning("beside its contract, %s", report.text)
            self._metrics.schema_changed(report)

    # -- snapshot

    def _snapshot(self, targets: dict[str, TableTarget], outgoing: Outgoing, begun: Position | None) -> Position:
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
            runs = read_snapshot(connection, snapshot, list(targets.values()), outgoing, lsn, self._count_rows)
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
