"""Replies: what other tasks answer to events that wait here, and the events that go on with it."""

from __future__ import annotations

from collections.abc import Iterator

from streams.records import RecordBatch, SourceRecord

from ..joining.wire import decode_answer, decode_reply, encode
from .tables import RetryTables
from .wire import Return


def replied(batch: RecordBatch, join: int, topic: str, tables: RetryTables) -> Iterator[Return]:
    """The events that ``batch`` answers, of ``topic``; what is answered to one that is parked is kept for its turn.

    Raises ``msgspec.MsgspecError`` for a record that no stage wrote.
    """
    replies = [decode_reply(record.value or b"") for record in batch.records]
    asking = tables.asking_at((reply.offset, reply.part) for reply in replies)
    for reply, held in zip(replies, asking, strict=True):
        if held is None:
            tables.answer_early(reply.offset, reply.part, join, encode(reply.answer))
            continue
        event = held.event
        record = SourceRecord(
            topic, event.partition, reply.offset, event.timestamp_ms, event.key, event.value, event.headers
        )
        before = {number: decode_answer(answer) for number, answer in held.answers.items()}
        yield Return(
            record=record,
            part=reply.part,
            row=held.row,
            attempt=held.attempt,
            found_ms=event.found_ms,
            first_failed_ms=held.first_failed_ms,
            waited=held.waited,
            answers={**before, join: reply.answer},
        )
