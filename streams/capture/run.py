"""Run: follow the log, chunk by chunk, and tell the rows of snapshots between its changes.

    PostgreSQL ──plugin──▶ LogReader ──messages──▶ ChangeStream ──records──▶ Sink: one Kafka transaction per chunk
         ▲                 (Spool: open transactions)                          records + position
         └───────────────── confirmed end of commit ◀──────────────────────────── committed

PostgreSQL is told of nothing that Kafka has not committed. A crash repeats at most what was not committed; what was
is skipped by its position, inside a transaction by the count of its events. Anything unexpected ends the process.
"""

from __future__ import annotations

import logging
import signal
from contextlib import closing
from types import FrameType

import psycopg2
from confluent_kafka import KafkaException

from .advice import about_kafka, about_postgres
from .log.announcements import Announcer
from .log.changes import ChangeStream
from .log.follow import Follower
from .log.plugins import check_reader
from .metrics import CaptureMetrics
from .options import CaptureError, CaptureOptions, StoppedError
from .outgoing.records import open_outgoing
from .outgoing.sink import Sink
from .position import Position
from .postgres.catalog import prepare_tables
from .postgres.catalog_facts import relation_now
from .postgres.database import Database
from .postgres.lag import SlotLagError
from .postgres.slots import drop_slot
from .schemas.watch import SchemaReport, SchemaWatch, open_watch
from .snapshots.incremental import Snapshots, state_at_start
from .snapshots.progress import Report, TableProgress
from .snapshots.signals import Inbox
from .snapshots.snapshot import RowReader

logger = logging.getLogger("streams.capture")


class Capture:
    """One capture, from start to stop."""

    def __init__(self, options: CaptureOptions, progress: Report) -> None:
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
        except StoppedError as error:
            logger.info("stopped %s", error)
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
        position = self._with_slot(self._sink.start(self._options.topics_of(targets), announcer.topics))
        check_reader(position, self._options)
        state = state_at_start(position, list(targets))
        reader, inbox = RowReader(self._database, self._options), Inbox(self._options.signal_table, position.final_lsn)
        snapshots = Snapshots(reader, targets, outgoing, state, inbox, self._count_rows)
        stream = ChangeStream(
            targets, outgoing, announcer, position, reader=self._options.reader, observe=snapshots.observe
        )
        with closing(reader):
            self._follower(watch).follow(stream, snapshots)

    def _follower(self, watch: SchemaWatch) -> Follower:
        return Follower(self._options, self._database, self._sink, self._metrics, watch, lambda: self._is_stopping)

    def _say_gaps(self, report: SchemaReport | None) -> None:
        if report is not None:
            logger.warning("beside its contract, %s", report.text)
            self._metrics.schema_changed(report)

    def _with_slot(self, position: Position | None) -> Position:
        """Where the slot stands, once it is there. No row is read before, so it tells of all that changes since."""
        slot = self._database.find_slot()
        self._database.check_slot(slot, position)
        if position is not None and position.end_lsn:
            return position
        lsn = None if slot is None else slot.confirmed_lsn
        if lsn is None:
            self._sink.commit(Position())  # says, before the slot is there, whose it will be
            logger.info("making slot %s; PostgreSQL waits for the transactions of now", self._options.slot)
            with closing(self._database.connect_replication()) as replication:
                lsn, _ = self._database.create_slot(replication)
        return Position(final_lsn=lsn - 1, end_lsn=lsn)

    def _count_rows(self, progress: TableProgress) -> None:
        self._metrics.snapshot(progress)
        self._progress(progress)
