"""Join: columns of another pipeline's row, looked up by key.

In:   masked events.
Out:  the same events with the joined columns in their rows, in JSON view; without their partner they go on with
      nulls, are filtered, or are tried again, as the pipeline says.
Next: streams.pipeline.joining.relate

A look-up sees the table as processed so far; a later change of the table changes nothing that was joined before. A
null in the key has no partner, now or ever. A row that went takes its partner's columns where its key is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from streams.errors import JoinMissingError
from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Operation
from streams.state.table import Table

from .joining.plan import Join, Missing
from .tables import StoredRow, encode_key


def join_rows(
    events: list[ChangeEvent], joins: tuple[Join, ...], tables: Mapping[str, Table[StoredRow]], ledger: Ledger
) -> list[ChangeEvent]:
    """The events that go on, each with the columns of all ``joins``; a join sees the columns of those before it."""
    for join in joins:
        events = _join(events, join, tables[join.table], ledger)
    return events


def _join(events: list[ChangeEvent], join: Join, rows: Table[StoredRow], ledger: Ledger) -> list[ChangeEvent]:
    keys = [_key_of(event, join) for event in events]
    known = rows.get_many([key for key in keys if key is not None])
    joined: list[ChangeEvent] = []
    dropped = 0
    for event, key in zip(events, keys, strict=True):
        partner = None if key is None else known.get(key)
        if partner is not None or join.missing is Missing.KEEP or event.operation in _ALWAYS_GO_ON:
            joined.append(_with_columns(event, join, partner))
        elif join.missing is Missing.RETRY and key is not None:
            ledger.retry(event, JoinMissingError(join.table))
        else:
            dropped += 1
    ledger.end(Outcome.FILTERED, dropped)
    return joined


_ALWAYS_GO_ON = frozenset({Operation.DELETE, Operation.TRUNCATE})


def _key_of(event: ChangeEvent, join: Join) -> bytes | None:
    values = [event.row.get(column) for column in join.by]
    return None if None in values else encode_key(values)


def _with_columns(event: ChangeEvent, join: Join, partner: StoredRow | None) -> ChangeEvent:
    if event.operation is Operation.TRUNCATE:
        return event
    row = {} if partner is None else partner.row
    return replace(event, row={**event.row, **{own: row.get(column) for column, own in join.columns}})
