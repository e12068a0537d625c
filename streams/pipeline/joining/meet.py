"""Meet: rows and partners of different tasks come together where the partner's key leads them.

In:   which rows name which partner, and partners as they are.
Out:  for each row the partner that it names, at once when it begins to, and at checkpoints when that has changed.
Next: streams.pipeline.joining.follow (in the row's own task)
"""

from __future__ import annotations

from streams.records import Delivery, RecordBatch
from streams.state.table import Table

from .index import take_rows
from .plan import Meeting
from .state import END, MeetingTables
from .wire import Answer, Named, Partner, decode_named, decode_partner, encode


def meet_rows(batch: RecordBatch, meeting: Meeting, tables: MeetingTables) -> list[Delivery]:
    """Take in a batch of either topic; raises ``msgspec.MsgspecError`` for a record that nobody of ours wrote."""
    if batch.topic == meeting.rows:
        found = {
            record.key or b"": None if record.value is None else decode_partner(record.value)
            for record in batch.records
        }
        tables.partners.put_many(dict(found))
        return []
    named = [(record.key or b"", decode_named(record.value or b"")) for record in batch.records]
    tables.index.put_many({_place(ref, held): held.partition if held.is_there else None for ref, held in named})
    asked = [(ref, held.row.encode(), held.partition) for ref, held in named if held.is_there]
    return _answers(asked, meeting, tables.partners)


def answer_changes(meeting: Meeting, tables: MeetingTables) -> list[Delivery]:
    """At a checkpoint: what has become of partners, for so many of the rows that name them."""
    taken = take_rows(list(tables.partners.dirty_keys), tables.index, tables.unfinished)
    asked = [(ref, place.partition(END)[0], partition) for ref, place, partition in taken]
    return _answers(asked, meeting, tables.partners)


def _place(ref: bytes, named: Named) -> bytes:
    """In the index, with the partition: tasks that a row has come from and gone to are not heard in its order."""
    return ref + END + named.row.encode() + END + b"%d" % named.partition


def _answers(asked: list[tuple[bytes, bytes, int]], meeting: Meeting, partners: Table[Partner]) -> list[Delivery]:
    known = partners.get_many([ref for ref, _, _ in asked])
    deliveries = []
    for ref, row, partition in asked:
        partner = known.get(ref)
        value = encode(Answer(ref=ref.decode(), partner=partner))
        time_ms = 0 if partner is None else max(partner.time_ms, 0)
        deliveries.append(
            Delivery(topic=meeting.answers, key=row, value=value, timestamp_ms=time_ms, partition=partition)
        )
    return deliveries
