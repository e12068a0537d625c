"""Snapshots on values: a reader that gives what a test says, and the log's messages in the order a test says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from streams.capture.log.changes import Change
from streams.capture.log.pgoutput import LogicalMessage, Relation
from streams.capture.outgoing.envelope import UNAVAILABLE, EnvelopeWriter, Place, TableShape, TableTarget
from streams.capture.outgoing.records import Outgoing
from streams.capture.position import Position, SnapshotState, TableSnapshot, encode_position
from streams.capture.snapshots.incremental import Snapshots
from streams.capture.snapshots.progress import TableProgress
from streams.capture.snapshots.signals import Inbox
from streams.capture.snapshots.snapshot import MARK_PREFIX, Chunk, Values
from streams.capture.snapshots.visibility import parse_visible

from ..builders import ORDERS, a_relation, changes_of, value_of

PLACE = Place(xid=None, lsn=500, commit_us=1, last_end_lsn=400, total_order=None, table_order=None)
LOOSE = TableTarget(table="orders", topic="cdc.orders.v1", key=())
SHAPE = TableShape(a_relation())
BEFORE, SINCE = 5, 25
"""Transactions that a snapshot of ``NOW`` shows, and does not show."""
NOW = "20:20:"


class Table:
    """A reader of one table with rows of one number each; ``visible`` is what its next snapshot shows."""

    def __init__(self, *numbers: int, size: int = 2, visible: str = NOW) -> None:
        self.numbers = numbers
        self.size = size
        self.visible = visible
        self.marks: list[str] = []
        self.tasks: list[TableSnapshot] = []

    def close(self) -> None:
        """Nothing is open."""

    def mark(self, mark: str) -> None:
        self.marks.append(mark)

    def read(self, task: TableSnapshot, target: TableTarget, mark: str, rest: Sequence[str]) -> Chunk:
        self.tasks.append(task)
        self.marks.append(mark)
        behind = [number for number in self.numbers if task.after is None or number > int(task.after[0])]
        page = behind[: self.size]
        again = [int(key[0]) for key in task.again]
        told = replace(task, columns=("id",), rows=task.rows + len(page), again=())
        return Chunk(
            task=replace(told, after=(str(page[-1]),)) if page else told,
            shape=SHAPE,
            visible=parse_visible(self.visible),
            rows=[a_row(number) for number in (*again, *page)],
            is_last=len(behind) <= self.size,
            is_rest_empty=not rest,
        )

    @contextmanager
    def read_whole(
        self, task: TableSnapshot, target: TableTarget, mark: str, rest: Sequence[str]
    ) -> Iterator[tuple[Chunk, Iterator[list[Values]]]]:
        self.marks.append(mark)
        visible = parse_visible(self.visible)
        told = replace(task, contained=visible.text)
        chunk = Chunk(task=told, shape=SHAPE, visible=visible, rows=(), is_last=True, is_rest_empty=True)
        yield chunk, iter([[a_row(number)] for number in self.numbers])


def a_row(number: int) -> Values:
    return (str(number), "new", None)


def an_image(number: int, status: str = "new", note: str | None = None) -> dict[str, object]:
    return {"id": number, "status": status, "note": note}


class Telling:
    """Snapshots of the orders, the log that goes by, and what they tell."""

    def __init__(self, table: Table, *, target: TableTarget = ORDERS, task: TableSnapshot | None = None) -> None:
        self.table = table
        self.progress: list[TableProgress] = []
        reader: Any = table
        outgoing = Outgoing(EnvelopeWriter("cdc", "shop"))
        state = SnapshotState(queue=(task or TableSnapshot(table="orders", is_initial=True),))
        self.snapshots = Snapshots(
            reader, {"orders": target}, outgoing, state, Inbox(None, 0), self.progress.append
        )

    def step(self) -> list[Any]:
        return [change for run in self.snapshots.step(PLACE) for change in changes_of(run)]

    def mark(self, mark: bytes | None = None) -> list[Any]:
        """The newest mark comes by."""
        content = self.table.marks[-1].encode() if mark is None else mark
        records = self.snapshots.take(LogicalMessage(is_transactional=True, prefix=MARK_PREFIX, content=content), PLACE)
        self.records = records
        return list(changes_of(records))

    def log(self, *change: Any, xid: int = SINCE, relation: Relation = SHAPE.relation) -> bool:
        op, before, after = change
        held: Change = (op, before, after)
        return self.snapshots.observe(relation, held, xid)


def reads(*numbers: int) -> list[Any]:
    return [("r", None, an_image(number)) for number in numbers]


def test_rows_are_told_chunk_by_chunk_each_when_its_mark_comes_by() -> None:
    telling = Telling(Table(1, 2, 3))

    told = []
    for _ in range(2):
        assert telling.step() == [], "nothing before the mark"
        told.append(telling.mark())
    assert told == [reads(1, 2), reads(3)]
    assert telling.snapshots.state == SnapshotState(tables=("orders",))
    assert [(progress.rows, progress.is_done) for progress in telling.progress] == [(2, False), (3, True)]


def test_no_chunk_is_read_while_one_waits_and_no_other_mark_ends_its_waiting() -> None:
    telling = Telling(Table(1, 2, 3))
    telling.step()
    telling.step()

    assert len(telling.table.marks) == 1
    assert telling.mark(b"another capture's") == telling.mark(b"\xff") == []
    assert telling.mark() == reads(1, 2)
    assert telling.mark() == [], "a mark counts once"


def test_a_row_of_the_first_snapshot_says_where_in_the_log_it_is_told_and_a_later_one_does_not() -> None:
    first, later = Telling(Table(1)), Telling(Table(1), task=TableSnapshot(table="orders"))
    for telling in (first, later):
        telling.step()
        telling.mark()

    sources = [value_of(telling.records[0])["source"] for telling in (first, later)]
    assert [(s["snapshot"], s["lsn"], s["txId"], s["sequence"]) for s in sources] == [
        ("last", 500, None, '["400","500"]'),
        ("incremental", None, None, '["400","500"]'),
    ]


def test_what_the_log_told_since_the_rows_were_read_is_not_told_again() -> None:
    telling = Telling(Table(1, 2))
    telling.step()

    assert telling.log("u", None, an_image(1, "paid"))
    assert telling.mark() == reads(2)


def test_a_snapshot_that_lacks_a_transaction_of_the_log_is_taken_again() -> None:
    telling = Telling(Table(1, visible="10:20:15"))
    telling.log("u", None, an_image(1, "paid"), xid=15)
    telling.step()
    assert telling.mark() == [], "its rows are forgotten"

    telling.table.visible = NOW
    telling.snapshots._next_s = 0.0
    telling.step()
    assert telling.mark() == reads(1)


def test_a_row_that_moved_without_its_long_value_is_read_again() -> None:
    telling = Telling(Table(1, 2, 3, 4, size=2))
    telling.step()
    telling.mark()
    telling.log("d", an_image(4), an_image(1, note=UNAVAILABLE))
    telling.log("c", an_image(4), an_image(1, note=UNAVAILABLE))
    assert telling.snapshots.state.queue[0].again == (("1",),), "also over a crash"

    telling.step()
    telling.log("d", an_image(3), an_image(2, note=UNAVAILABLE))
    telling.log("c", an_image(3), an_image(2, note=UNAVAILABLE))
    assert telling.mark() == reads(1, 4)
    assert telling.snapshots.state.queue[0].again == (("2",),)
    telling.step()
    assert telling.mark() == reads(2)
    assert telling.snapshots.state.queue == ()


def test_a_snapshot_goes_on_behind_the_last_row_that_kafka_has() -> None:
    task = TableSnapshot(table="orders", columns=("id",), after=("2",), until=("4",), rows=2)
    telling = Telling(Table(1, 2, 3, 4), task=task)
    telling.step()

    assert telling.mark() == reads(3, 4)


@pytest.mark.parametrize("numbers", [(), (1, 2)])
def test_a_table_without_a_key_is_told_at_once_and_no_change_that_its_snapshot_shows(numbers: Sequence[int]) -> None:
    telling = Telling(Table(*numbers), target=LOOSE)

    assert not telling.log("c", None, an_image(1), xid=BEFORE), "the snapshot will show it"
    assert telling.step() == reads(*numbers)
    assert [telling.log("d", an_image(1), None, xid=xid) for xid in (BEFORE, SINCE)] == [False, True]
    assert telling.mark() == []
    assert telling.log("c", None, an_image(1), xid=SINCE)
    assert telling.snapshots.state == SnapshotState(tables=("orders",))


def test_a_table_without_a_key_that_kafka_has_is_not_read_again_after_a_crash() -> None:
    telling = Telling(Table(1), target=LOOSE, task=TableSnapshot(table="orders", contained=NOW))

    assert telling.step() == []
    assert not telling.log("c", None, an_image(1), xid=BEFORE)
    assert telling.mark() == []
    assert telling.snapshots.state.queue == ()


@pytest.mark.parametrize("is_masked", [False, True])
def test_no_masked_key_is_kept_in_the_positions(is_masked: bool) -> None:
    target = dataclasses.replace(ORDERS, is_key_masked=is_masked)
    telling = Telling(Table(4711, 4712, 4713), target=target)
    kept = []

    told = []
    while telling.snapshots.state.queue:
        told += telling.step() + telling.mark()
        telling.log("d", an_image(4711), an_image(4712, note=UNAVAILABLE))
        telling.log("c", an_image(4711), an_image(4712, note=UNAVAILABLE))
        kept.append(encode_position(Position(snapshots=telling.snapshots.state)))

    assert {row["id"] for _, _, row in told} == {4711, 4712, 4713}
    assert any(b"471" in position for position in kept) is not is_masked


def test_changes_of_other_tables_and_schemas_are_told() -> None:
    telling = Telling(Table(1), target=LOOSE)

    assert telling.log("c", None, an_image(1), relation=a_relation("users"))
    assert telling.log("c", None, an_image(1), relation=a_relation(schema="other"))


def test_a_paused_snapshot_reads_nothing() -> None:
    telling = Telling(Table(1))
    telling.snapshots.state = replace(telling.snapshots.state, is_paused=True)

    assert telling.step() == [] and telling.table.marks == []
