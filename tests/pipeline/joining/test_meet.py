"""Where rows and partners of different tasks meet: who names whom, whichever task is heard first."""

from __future__ import annotations

from streams.pipeline.joining.meet import answer_changes, meet_rows
from streams.pipeline.joining.plan import Meeting
from streams.pipeline.joining.state import MeetingTables, open_meeting
from streams.pipeline.joining.wire import Named, Partner, encode
from streams.records import RecordBatch, SourceRecord
from streams.state.stores.memory import MemoryStore

MEETING = Meeting(
    stage="meet", pipeline="orders", table="products", join=0, columns=("price",), names="names", rows="rows",
    answers="answers",
)  # fmt: skip
PRODUCT = b"[14]"


def take(tables: MeetingTables, *values: bytes, topic: str) -> list[int | None]:
    """Records about the product, in this order; the partitions that are answered."""
    records = [SourceRecord(topic, 0, offset, 1_000, PRODUCT, value) for offset, value in enumerate(values)]
    batch = RecordBatch(topic=topic, partition=0, records=records, next_offset=len(records))
    answers = meet_rows(batch, MEETING, tables)
    for table in tables.all:
        table.keep_batch()
    return [delivery.partition for delivery in answers]


def named(partition: int, *, is_there: bool) -> bytes:
    return encode(Named(row="[9]", partition=partition, is_there=is_there))


def answered(tables: MeetingTables) -> list[tuple[bytes | None, int | None]]:
    """(row, partition) that hear of a partner that changes."""
    take(tables, encode(Partner(time_ms=1, row={"price": 2})), topic=MEETING.rows)
    return [(delivery.key, delivery.partition) for delivery in answer_changes(MEETING, tables)]


def test_a_row_that_moved_is_answered_where_it_is_whichever_task_is_heard_last() -> None:
    """It went from partition 1 to 2 to 0; what the task of 2 says comes behind what that of 0 says."""
    tables = open_meeting("meet", MemoryStore())
    gone, come = named(1, is_there=False), named(0, is_there=True)

    asked = take(tables, named(1, is_there=True), gone, come, named(2, is_there=True), topic=MEETING.names)
    assert asked == [1, 0, 2]
    take(tables, named(2, is_there=False), topic=MEETING.names)

    assert answered(tables) == [(b"[9]", 0)]


def test_a_row_that_names_the_partner_no_more_is_not_answered() -> None:
    tables = open_meeting("meet", MemoryStore())

    take(tables, named(0, is_there=True), named(0, is_there=False), topic=MEETING.names)

    assert answered(tables) == []
