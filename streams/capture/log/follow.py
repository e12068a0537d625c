"""Follow: the log from a position on, chunk by chunk, until somebody stops us.

PostgreSQL is told of nothing that Kafka has not committed. A large transaction is sent in several chunks; the position
counts its events.
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from msgspec.structs import replace

from streams.records import Delivery

from ..metrics import CaptureMetrics
from ..options import OWN_PREFIX, SCHEMA, CaptureOptions, StoppedError
from ..outgoing.envelope import Place
from ..outgoing.sink import Sink
from ..position import Position, lsn_text
from ..postgres.database import Database
from ..postgres.lag import LagGuard, SlotLag, SlotLagError, Verdict, size_text
from ..postgres.types import has_own_types, with_base_types
from ..schemas.watch import SchemaWatch
from ..snapshots.incremental import Snapshots
from .changes import ChangeStream
from .pgoutput import Commit, LogicalMessage, Message, Relation
from .plugins import LogReader, open_reader

logger = logging.getLogger("streams.capture")

HEARTBEAT_PREFIX = f"{OWN_PREFIX}heartbeat"
POLL_SECONDS = 0.05
ANSWER_SECONDS = 2.0
EARLY_BYTES = 4 << 20
"""A chunk with this much in it does not wait for its time."""


class Follower:
    """What reads the log of one capture and ends its chunks."""

    def __init__(
        self,
        options: CaptureOptions,
        database: Database,
        sink: Sink,
        metrics: CaptureMetrics,
        watch: SchemaWatch,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._watch = watch
        self._options = options
        self._database = database
        self._sink = sink
        self._metrics = metrics
        self._is_stopping = is_stopping
        self._saved = Position()
        self._chunk_at_s = 0.0
        self._answered_s = 0.0
        self._next_heartbeat_s = 0.0

    def follow(self, stream: ChangeStream, snapshots: Snapshots) -> None:
        """Until we are asked to stop; raises ``CaptureError`` with what to do."""
        with (
            closing(self._database.connect_replication()) as replication,
            self._database.session() as session,
            open_reader(self._options, self._database) as reader,
        ):
            cursor = self._database.start_replication(replication, stream.position, reader.options)
            is_initial = not _say_what_comes(stream.position, snapshots)
            keeper = _Keeper(self._options, self._database, session, self._metrics)
            self._saved, self._chunk_at_s = stream.position, time.monotonic()
            while not self._is_stopping():
                self._take_some(stream, snapshots, reader, cursor)
                self._tell_rows(stream, snapshots)
                self._end_chunk(stream, snapshots, cursor, keeper)
                if is_initial and not snapshots.is_initial:
                    self._commit(stream, snapshots, cursor)  # it is not done before Kafka has it
                    is_initial = not _say_what_comes(stream.position, snapshots)
            self._commit(stream, snapshots, cursor)
        logger.info("stopped at %s", lsn_text(stream.position.end_lsn))

    def _take_some(self, stream: ChangeStream, snapshots: Snapshots, reader: LogReader, cursor: Any) -> None:
        """Until the chunk is full or due, or nothing more has come."""
        for data, lsn in self._messages(cursor):
            for message, at_lsn in reader.read(data, lsn):
                self._take(stream, snapshots, message, at_lsn)
                # What one message of the log brings may be a whole transaction: it is cut as well.
                if self._is_full():
                    self._commit(stream, snapshots, cursor)
                elif time.monotonic() - self._answered_s > ANSWER_SECONDS:
                    self._answer(cursor)
                else:
                    continue
                if self._is_stopping():
                    return

    def _answer(self, cursor: Any) -> None:
        """While one message of the log lasts nothing is read, and PostgreSQL ends connections that are silent."""
        cursor.send_feedback(force=True)
        self._answered_s = time.monotonic()

    def _messages(self, cursor: Any) -> Iterator[tuple[bytes, int]]:
        """What has come, after waiting for it a moment, and where it stands."""
        message = cursor.read_message()
        if message is None:
            select.select([cursor], [], [], POLL_SECONDS)
            message = cursor.read_message()
        until = time.monotonic() + self._options.chunk_ms / 1000
        while message is not None:
            yield message.payload, message.data_start
            message = cursor.read_message() if time.monotonic() < until else None

    def _take(self, stream: ChangeStream, snapshots: Snapshots, message: Message, lsn: int) -> None:
        now_us = time.time_ns() // 1_000
        records: list[Delivery] = []
        if isinstance(message, Relation):
            if has_own_types(message):
                message = with_base_types(message, self._database.domains())
            # pgoutput does not say where a table's shape stands: behind the last commit, then.
            records += self._seen(message, lsn or stream.position.end_lsn, now_us)
        records += stream.feed(message, lsn, now_us=now_us)
        if isinstance(message, LogicalMessage | Commit):
            records += snapshots.take(message, _place(stream, lsn))
        self._send(records)

    def _tell_rows(self, stream: ChangeStream, snapshots: Snapshots) -> None:
        """Read on in a snapshot. What is given goes into one chunk: raises ``StoppedError`` where it cannot."""
        for records in snapshots.step(_place(stream, stream.position.end_lsn)):
            self._send(records)
            if self._is_stopping():
                raise StoppedError("in a table without a primary key; the next start reads it anew")

    def _send(self, records: list[Delivery]) -> None:
        if records:
            self._sink.send(records)
            self._metrics.count(records)

    def _seen(self, relation: Relation, lsn: int, now_us: int) -> Iterator[Delivery]:
        """What is told of a table whose columns have changed."""
        report = self._watch.see(relation) if relation.schema == SCHEMA else None
        if report is not None:
            logger.warning("%s", report.text)
            self._metrics.schema_changed(report)
            yield self._watch.delivery(report, self._options.schema_topic, lsn, now_us=now_us)

    def _is_full(self) -> bool:
        return self._sink.pending_bytes > self._options.chunk_bytes

    def _end_chunk(self, stream: ChangeStream, snapshots: Snapshots, cursor: Any, keeper: _Keeper) -> None:
        now = time.monotonic()
        if now - self._chunk_at_s >= self._options.chunk_ms / 1000 or self._sink.pending_bytes > EARLY_BYTES:
            self._commit(stream, snapshots, cursor)
            self._chunk_at_s = now
        keeper.keep(now)

    def _commit(self, stream: ChangeStream, snapshots: Snapshots, cursor: Any) -> None:
        """Where something is new."""
        state, is_initial = snapshots.state, snapshots.is_initial
        position = replace(stream.position, snapshots=state, is_snapshot_done=not is_initial)
        if position == self._saved:
            return
        self._answered_s = time.monotonic()
        self._sink.commit(position, self._heartbeat(self._answered_s))
        cursor.send_feedback(flush_lsn=position.end_lsn, write_lsn=position.end_lsn, force=True)
        self._metrics.committed()
        self._saved = position

    def _heartbeat(self, now_s: float) -> dict[str, object] | None:
        """What the heartbeat topic gets beside a commit; ``None``: the last one is not old enough."""
        if now_s < self._next_heartbeat_s:
            return None
        self._next_heartbeat_s = now_s + self._options.heartbeat_s
        return {"ts_ms": time.time_ns() // 1_000_000}


def _place(stream: ChangeStream, lsn: int) -> Place:
    """Of what is told between transactions."""
    end_lsn, now_us = stream.position.end_lsn, time.time_ns() // 1_000
    return Place(xid=None, lsn=lsn, commit_us=now_us, last_end_lsn=end_lsn, total_order=None, table_order=None)


def _say_what_comes(position: Position, snapshots: Snapshots) -> bool:
    """Whether only the log is left."""
    if snapshots.is_initial:
        count = len(snapshots.state.queue)
        logger.info("snapshot of %d tables, and the log since %s", count, lsn_text(position.end_lsn))
    else:
        logger.info("following the log from %s", lsn_text(position.end_lsn))
    return not snapshots.is_initial


class _Keeper:
    """Heartbeats, so that a slot moves on quiet databases, and the slot's lag."""

    def __init__(self, options: CaptureOptions, database: Database, cursor: Any, metrics: CaptureMetrics) -> None:
        self._options = options
        self._database = database
        self._cursor = cursor
        self._metrics = metrics
        self._guard = LagGuard(options.max_slot_lag_bytes)
        self._next_s = 0.0

    def keep(self, now_s: float) -> None:
        """Every few seconds, a message into the log and a look at the slot; raises ``SlotLagError``."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + self._options.heartbeat_s
        self._cursor.execute("SELECT pg_logical_emit_message(false, %s, '')", (HEARTBEAT_PREFIX,))
        self._look(self._database.slot_lag(self._cursor))

    def _look(self, lag: SlotLag) -> None:
        self._metrics.lag(lag.kept_bytes)
        verdict, limit = self._guard.judge(lag), self._options.max_slot_lag_bytes or 0
        if verdict is Verdict.BEYOND:
            raise SlotLagError(self._options.slot, lag, limit)
        if verdict is Verdict.WARN:
            text = "slot %s lags by %s, near or beyond --max-slot-lag %s"
            logger.warning(text, self._options.slot, size_text(lag.kept_bytes), size_text(limit))
