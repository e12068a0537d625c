"""Ask: events find out what their partners are, or were, that live in another task.

In:   questions of events that wait in their own tasks, and every change of the partners, in the order of event times.
Out:  to each question one reply, in the partition where the event waits.
Next: streams.pipeline.retries (the event's own task, where it goes on in its place)

A partner is as the stage knows it when the question comes. Of versions it keeps what held at the times that may still
be asked about: the one that held at the newest time less what is kept, and all after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from msgspec.structs import replace

from streams.records import Delivery, RecordBatch

from ..tables import PipelineTables
from .history import horizon_of, place_of, versions_since
from .plan import Meeting
from .state import MeetingTables, Version
from .wire import Answer, Partner, Question, Reply, decode_partner, decode_question, encode


def answer_events(batch: RecordBatch, meeting: Meeting, tables: PipelineTables) -> list[Delivery]:
    """Take in a batch of either topic; raises ``msgspec.MsgspecError`` for a record that nobody of ours wrote."""
    held = tables.joining.meeting
    assert held is not None
    if batch.topic == meeting.rows:
        _learn(batch, meeting, held, tables)
        return []
    asked = [(record.key or b"", decode_question(record.value or b"")) for record in batch.records]
    known = held.partners.get_many([ref for ref, _ in asked])
    found: Sequence[Partner | None] = [known.get(ref) for ref, _ in asked]
    if meeting.keep_ms is not None:
        found = _as_of(asked, known, meeting.keep_ms, tables)
    return [_reply(ref, question, partner, meeting) for (ref, question), partner in zip(asked, found, strict=True)]


def _reply(ref: bytes, question: Question, partner: Partner | None, meeting: Meeting) -> Delivery:
    reply = Reply(offset=question.offset, part=question.part, answer=Answer(ref=ref.decode(), partner=partner))
    return Delivery(
        topic=meeting.answers,
        key=ref,
        value=encode(reply),
        timestamp_ms=max(question.time_ms, 0),
        partition=question.partition,
    )


def _learn(batch: RecordBatch, meeting: Meeting, held: MeetingTables, tables: PipelineTables) -> None:
    """What partners have become."""
    changes = [
        (record.key or b"", record.timestamp_ms, None if record.value is None else decode_partner(record.value))
        for record in batch.records
    ]
    held.partners.put_many({ref: partner for ref, _, partner in changes})
    if meeting.keep_ms is None:
        return
    versions: dict[bytes, Version | None] = {}
    for ref, time_ms, partner in changes:
        if partner is None:
            versions[place_of(ref, time_ms)] = Version(None)
        else:
            versions[place_of(ref, partner.time_ms)] = Version(partner.row)
    tables.joining.versions.put_many(versions)
    newest_ms = max(time_ms for _, time_ms, _ in changes)
    progress = tables.current_progress()
    if progress.watermark is None or newest_ms > progress.watermark:
        tables.set_progress(replace(progress, watermark=newest_ms))
    _forget({ref for ref, _, _ in changes}, meeting.keep_ms, tables)


def _forget(refs: set[bytes], keep_ms: int, tables: PipelineTables) -> None:
    """Versions that ended before anybody may ask."""
    horizon_ms = horizon_of(tables, keep_ms)
    found = versions_since(((ref, horizon_ms) for ref in sorted(refs)), tables)
    ended = [place for versions in found for place, _ in islice(versions, 1, None)]
    tables.joining.versions.put_many(dict.fromkeys(ended))


def _as_of(
    asked: Sequence[tuple[bytes, Question]],
    known: Mapping[bytes, Partner | None],
    keep_ms: int,
    tables: PipelineTables,
) -> list[Partner | None]:
    """For each question the partner that held then; ``None``: there was none, or it is too long ago."""
    horizon_ms = horizon_of(tables, keep_ms)
    times = [(ref, question.time_ms) for ref, question in asked]
    partners: list[Partner | None] = []
    for (ref, time_ms), versions in zip(times, versions_since(times, tables), strict=True):
        held, now = next(versions, None), known.get(ref)
        if held is not None and time_ms >= horizon_ms:
            row = held[1].row
            partners.append(None if row is None else Partner(time_ms=time_ms, row=row))
        else:
            # Written before anybody asked for versions: it has none, and holds.
            partners.append(now if held is None and now is not None and now.time_ms == 0 else None)
    return partners
