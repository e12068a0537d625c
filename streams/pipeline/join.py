"""Join: columns of another pipeline's row, looked up by key.

In:   masked events.
Out:  the same events with the joined columns in their rows, in JSON view; without their partner they go on with
      nulls, are filtered, or are tried again, as the pipeline says.
Next: streams.pipeline.joining.relate

A look-up sees the table as processed so far, or as it was at the time of the event; a later change of the table changes
nothing that was joined before. A null in the key has no partner, now or ever. A row that went takes its partner's
columns where its key is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from streams.errors import JoinMissingError, JoinUnansweredError
from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Operation, Row

from .joining.history import row_versions
from .joining.plan import Join, Missing
from .joining.wire import Answer
from .tables import PipelineTables, encode_key

Answers = Mapping[int, Mapping[int, Answer]]
"""By record offset, and by join: what other tasks have answered to an event that waited for it."""
_NO_ANSWERS: Answers = {}
_NONE: Mapping[int, Answer] = {}


def join_rows(
    events: list[ChangeEvent],
    joins: tuple[Join, ...],
    tables: PipelineTables,
    ledger: Ledger,
    *,
    answered: Answers = _NO_ANSWERS,
) -> list[ChangeEvent]:
    """The events that go on, each with the columns of all ``joins``; a join sees the columns of those before it."""
    for number, join in enumerate(joins):
        if join.meeting is None:
            events = _join(events, join, tables, ledger)
        else:
            events = _join_apart(events, join, number, answered, ledger)
    return events


def _join(events: list[ChangeEvent], join: Join, tables: PipelineTables, ledger: Ledger) -> list[ChangeEvent]:
    keys = [_key_of(event, join) for event in events]
    return _joined(zip(events, keys, _partners(events, keys, join, tables), strict=True), join, ledger)


def _join_apart(
    events: list[ChangeEvent], join: Join, number: int, answered: Answers, ledger: Ledger
) -> list[ChangeEvent]:
    """The partner lives in another task: events whose question is not answered yet ask, and wait."""
    found: list[tuple[ChangeEvent, bytes | None, Row | None]] = []
    for event in events:
        key = None if event.operation is Operation.TRUNCATE else _key_of(event, join)
        answer = answered.get(event.record.offset, _NONE).get(number)
        if key is None:
            found.append((event, None, None))
        elif answer is None or answer.ref != key.decode():
            ledger.wait(event, JoinUnansweredError(join.table, number, key.decode()))
        else:
            found.append((event, key, None if answer.partner is None else answer.partner.row))
    return _joined(found, join, ledger)


def _joined(
    found: Iterable[tuple[ChangeEvent, bytes | None, Row | None]], join: Join, ledger: Ledger
) -> list[ChangeEvent]:
    joined: list[ChangeEvent] = []
    dropped = 0
    for event, key, partner in found:
        if partner is not None or join.missing is Missing.KEEP or event.operation in _ALWAYS_GO_ON:
            joined.append(_with_columns(event, join, partner))
        elif join.missing is Missing.RETRY and key is not None:
            ledger.retry(event, JoinMissingError(join.table))
        else:
            dropped += 1
    ledger.end(Outcome.FILTERED, dropped)
    return joined


def _partners(
    events: list[ChangeEvent], keys: list[bytes | None], join: Join, tables: PipelineTables
) -> list[Row | None]:
    """For each event the row that it is joined with."""
    known = tables.partners[join.table].get_many([key for key in keys if key is not None])
    if join.keep_ms is None:
        rows = (None if key is None else known.get(key) for key in keys)
        return [None if row is None else row.row for row in rows]
    asked = [(key or b"", event.event_time_ms) for event, key in zip(events, keys, strict=True)]
    return row_versions(asked, known, tables.asked[join.table], join.keep_ms)


_ALWAYS_GO_ON = frozenset({Operation.DELETE, Operation.TRUNCATE})


def _key_of(event: ChangeEvent, join: Join) -> bytes | None:
    values = [event.row.get(column) for column in join.by]
    return None if None in values else encode_key(values)


def _with_columns(event: ChangeEvent, join: Join, partner: Row | None) -> ChangeEvent:
    if event.operation is Operation.TRUNCATE:
        return event
    row: Row = {} if partner is None else partner
    return replace(event, row={**event.row, **{own: row.get(column) for column, own in join.columns}})
