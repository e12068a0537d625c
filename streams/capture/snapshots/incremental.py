"""Incremental: the rows of tables are told while the log is followed; every snapshot is made so.

    slot made ─▶ follow the log ─────────────────────────────────────────────▶ …
                   │ a chunk is read, a mark is written behind it │ the mark comes by: its rows are told
                   └────────────────── next chunk ◀──────────────┘

The first snapshot, the one of a table that came later to ``--tables``, and the one that a signal asks for differ only
in their markers. The position holds, beside the place in the log, the last key of the table that Kafka has: both are
committed with the rows, in one Kafka transaction. So a killed capture goes on behind that key, without anything that
would have died with its connection. An exported snapshot would; and it would hold back VACUUM, and the log, as long
as a large table takes.

**Why the topic ends with the database's rows**, also for a reader that just takes the last record of each key:

- A row that nobody changes after the slot was made is read by the chunk its key falls into. ``until``, the last key at
  the beginning, does not cut it off: it was there then.
- A row that is changed has records from the log, which are never left out, and perhaps one from its chunk. That one
  is told only where it is newer than all that the log told before the mark (``window``). So nothing goes back in
  time: no deleted row comes back, no old value.
- A change of the key is a DELETE and an INSERT. Where a row moves from behind the chunks to before them, no chunk
  reads it; the log tells it whole, unless a long value was not sent: then it is in ``again`` for the next chunk.
- TRUNCATE between reading and mark drops the chunk's rows.

**Tables without a primary key** have no row that could be replaced, so nothing may be told twice. (Those whose key a
mask covers are read as they are: the positions would hold its values.) Until they are read, their changes are left
out; all rows are told at once, in one Kafka transaction, which therefore must be over before Kafka's time-out; and of
the changes after it, those that the snapshot shows are left out.

**What must hold:** a snapshot that is taken while the log has the commit of a transaction that it does not show yet is
taken again (``Visible.hides_any``). Of transactions that were in the log before this process came, that is known only
by waiting: those that run at the start get ``SETTLE_SECONDS`` to end. A commit that waits for a synchronous standby
for longer than that, over a restart of the capture or the making of its slot, is not noticed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from uuid import uuid4

from msgspec.structs import replace

from streams.records import Delivery

from ..advice import no_key_too_large
from ..log.pgoutput import Commit, LogicalMessage, Relation
from ..options import SCHEMA, CaptureError
from ..outgoing.envelope import Image, Place, TableTarget
from ..outgoing.records import Outgoing
from ..position import Position, SnapshotState, TableSnapshot
from .markers import ChunkPlace, markers_of
from .progress import Pace, Report
from .signals import Inbox
from .snapshot import MARK_PREFIX, Chunk, RowReader
from .visibility import RecentTransactions, parse_visible
from .window import Change, Window, has_unavailable

SETTLE_SECONDS = 2.0
RETRY_SECONDS = 0.2
"""Until a snapshot that came too early is taken again."""
WHOLE_SECONDS = 45.0
"""For a table without a primary key; less than Kafka's time-out of a transaction."""


def state_at_start(position: Position, tables: Sequence[str]) -> SnapshotState:
    """What is left to be told of ``tables``: all, where there is no position; else those that came since."""
    state = position.snapshots
    if state is None and position.is_snapshot_done:
        return SnapshotState(tables=tuple(tables))
    if state is None:
        return SnapshotState(queue=tuple(TableSnapshot(table=table, is_initial=True) for table in tables))
    queue = tuple(task for task in state.queue if task.table in tables)
    known = {*state.tables, *(task.table for task in queue)}
    added = tuple(TableSnapshot(table=table) for table in tables if table not in known)
    return replace(state, tables=tuple(name for name in state.tables if name in tables), queue=(*queue, *added))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """Rows that wait for their mark."""

    mark: str
    begun: TableSnapshot
    """The task when they were read."""
    read: tuple[Chunk, Window] | None
    """``None``: of a table without a primary key, whose rows are told already."""


class Snapshots:
    """Tells rows between the changes of the log. ``state`` goes into the position."""

    def __init__(
        self,
        reader: RowReader,
        targets: Mapping[str, TableTarget],
        outgoing: Outgoing,
        state: SnapshotState,
        inbox: Inbox,
        report: Report,
    ) -> None:
        self._reader = reader
        self._targets = targets
        self._outgoing = outgoing
        self._report = report
        self.state = state
        self._recent = RecentTransactions(settle_s=SETTLE_SECONDS)
        self._name, self._marks = uuid4().hex, 0
        self._waiting: _Waiting | None = None
        self._next_s = 0.0
        self._pace: Pace | None = None
        self._inbox = inbox

    @property
    def is_initial(self) -> bool:
        """The first snapshot is not complete."""
        return any(task.is_initial for task in self.state.queue)

    # -- the log goes by

    def observe(self, relation: Relation, change: Change, xid: int) -> bool:
        """Every change of the log, also one that Kafka has; whether it is to be told."""
        self._recent.add(xid)
        self._inbox.look(relation, change[2] if change[0] == "c" else None)
        if not self.state.queue or relation.schema != SCHEMA:
            return True
        task = next((task for task in self.state.queue if task.table == relation.table), None)
        if task is None:
            return True
        if not self._targets[task.table].resume_key:
            return task.contained is not None and not parse_visible(task.contained).shows(xid)
        if task is self.state.queue[0]:
            self._watch(task, change, xid)
        return True

    def _watch(self, task: TableSnapshot, change: Change, xid: int) -> None:
        if self._waiting is not None and self._waiting.read is not None:
            self._waiting.read[1].watch(change, xid)
        op, before, after = change
        if op == "c" and before is not None and after is not None and has_unavailable(after):
            key = tuple(str(after[column]) for column in self._targets[task.table].resume_key)
            self._put(replace(task, again=(*task.again, key)))

    def _put(self, task: TableSnapshot) -> None:
        self.state = replace(self.state, queue=(task, *self.state.queue[1:]))

    def take(self, message: LogicalMessage | Commit, place: Place) -> list[Delivery]:
        """What a message of the log, or the end of a transaction, lets be told at its ``place``."""
        if isinstance(message, Commit):
            self._follow_signals(message.final_lsn)
        elif message.prefix == MARK_PREFIX:
            return self._tell(message.content, place)
        else:
            self._inbox.read(message)
        return []

    def _follow_signals(self, final_lsn: int) -> None:
        keyed = [table for table, target in self._targets.items() if target.resume_key]
        state = self._inbox.end(final_lsn, self.state, keyed)
        if self._waiting is not None and state.queue[:1] != self.state.queue[:1]:
            self._waiting = None  # of a snapshot that was stopped
        self.state = state

    def _tell(self, mark: bytes, place: Place) -> list[Delivery]:
        """A mark has come by: the rows before it are told."""
        held = self._waiting
        if held is None or held.mark.encode() != mark:
            return []
        self._waiting = None
        if held.read is None:
            self._end_table(held.begun)
            return []
        chunk, window = held.read
        rows = (chunk.shape.image(row, {}) for row in chunk.rows)
        newest = [row for row in map(window.newest, rows) if row is not None]
        # Rows that moved while these waited were not read again yet.
        again = self.state.queue[0].again[len(held.begun.again) :]
        is_last = chunk.is_last and not again
        records = self._records(held.begun, chunk, newest, place, is_last=is_last)
        self._put(replace(chunk.task, again=again))
        if is_last:
            self._end_table(chunk.task)
        else:
            self._say(chunk.task, is_done=False)
        return records

    def _records(
        self, task: TableSnapshot, chunk: Chunk, rows: Sequence[Image], place: Place, *, is_last: bool
    ) -> list[Delivery]:
        chunk_place = ChunkPlace(
            is_first_table=not self.state.tables,
            is_last_table=chunk.is_rest_empty,
            is_first_chunk=task.rows == 0,
            is_last_chunk=is_last,
        )
        markers = markers_of(len(rows), chunk_place if task.is_initial else None)
        places = {marker: replace(place, snapshot=marker) for marker in set(markers)}
        target, records_of, now_us = self._targets[task.table], self._outgoing.records, place.commit_us
        return [
            record
            for row, marker in zip(rows, markers, strict=True)
            for record in records_of(target, chunk.shape, ("r", None, row), places[marker], now_us=now_us)
        ]

    def _end_table(self, task: TableSnapshot) -> None:
        tables = tuple(dict.fromkeys((*self.state.tables, task.table)))
        self.state = replace(self.state, tables=tables, queue=self.state.queue[1:])
        self._say(task, is_done=True)
        self._pace = None

    def _say(self, task: TableSnapshot, *, is_done: bool) -> None:
        now_s = time.monotonic()
        pace = self._pace or Pace(task.table, task.rows, now_s=now_s)
        self._report(pace.at(task.rows, task.expected, is_done=is_done, now_s=now_s))

    # -- rows

    def step(self, place: Place) -> Iterator[list[Delivery]]:
        """Read on, unless rows wait for their mark. Gives what is to be told at once, at this ``place`` of the log.

        Whoever takes some must take all, into one Kafka transaction.
        """
        now_s = time.monotonic()
        if self._waiting is not None or self.state.is_paused or now_s < self._next_s:
            return
        if not self.state.queue:
            self._reader.close()
            return
        self._marks += 1
        task, mark = self.state.queue[0], f"{self._name}:{self._marks}"
        if self._pace is None or self._pace.table != task.table:
            self._pace = Pace(task.table, task.rows, now_s=now_s)
        if self._targets[task.table].resume_key:
            self._read_chunk(task, mark, now_s)
        elif task.contained is None:
            yield from self._read_whole(task, mark, place, now_s)
        else:
            self._reader.mark(mark)
            self._waiting = _Waiting(mark=mark, begun=task, read=None)

    def _read_chunk(self, task: TableSnapshot, mark: str, now_s: float) -> None:
        chunk = self._reader.read(task, self._targets[task.table], mark, self._rest())
        if not self._is_too_early(chunk, now_s):
            window = Window(chunk.task.columns, chunk.visible)
            self._waiting = _Waiting(mark=mark, begun=task, read=(chunk, window))

    def _read_whole(self, task: TableSnapshot, mark: str, place: Place, now_s: float) -> Iterator[list[Delivery]]:
        with self._reader.read_whole(task, self._targets[task.table], mark, self._rest()) as (chunk, runs):
            if self._is_too_early(chunk, now_s):
                return
            told = chunk.task
            for run, following in pairwise(chain(runs, [None])):
                rows = [chunk.shape.image(row, {}) for row in run or ()]
                yield self._records(told, chunk, rows, place, is_last=following is None)
                told = replace(told, rows=told.rows + len(rows))
                self._say(told, is_done=False)
                self._check_time(task.table, now_s)
        self._put(told)
        self._waiting = _Waiting(mark=mark, begun=told, read=None)

    def _rest(self) -> list[str]:
        """Tables of the first snapshot behind the one under way."""
        return [task.table for task in self.state.queue[1:] if task.is_initial]

    def _check_time(self, table: str, begun_s: float) -> None:
        if time.monotonic() - begun_s > WHOLE_SECONDS:
            raise CaptureError(no_key_too_large(table))

    def _is_too_early(self, chunk: Chunk, now_s: float) -> bool:
        is_so = self._recent.are_hidden_by(chunk.visible, now_s=now_s)
        self._next_s = now_s + RETRY_SECONDS if is_so else 0.0
        return is_so
