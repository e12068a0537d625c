"""Filter: does anybody want this change?

In:   events seen for the first time.
Out:  the events that match, each with the full row where the table knows it.
Next: streams.pipeline.quality

A column that the source did not send (unchanged TOAST, everything but the key on DELETE) is filled from the
row as it was after the last event that passed. Those values are masked already and stay in ``unsent``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from streams.ledger import Ledger, Outcome
from streams.records import ChangeEvent, Operation
from streams.state.table import Table

from .moves import has_moved, moved_to
from .plan import RowTable
from .tables import MOVED_KEY, PipelineTables, StoredRow, encode_key


def keep_matching(
    events: list[ChangeEvent],
    condition: Callable[[ChangeEvent], bool] | None,
    table: RowTable | None,
    tables: PipelineTables,
    ledger: Ledger,
    *,
    is_sound: Callable[[ChangeEvent], bool] | None = None,
) -> list[ChangeEvent]:
    """The events for which ``condition`` is TRUE; FALSE and NULL are filtered.

    ``is_sound``: whether an event will pass what comes next. A row is as the last event left it that did.
    """
    if table is not None and tables.rows is not None:
        kept = _complete_and_keep(events, condition, is_sound, KnownRows(table, tables, tables.rows, events))
    elif condition is not None:
        kept = [event for event in events if condition(event)]
    else:
        return events
    ledger.end(Outcome.FILTERED, len(events) - len(kept))
    return kept


def _complete_and_keep(
    events: Iterable[ChangeEvent],
    condition: Callable[[ChangeEvent], bool] | None,
    is_sound: Callable[[ChangeEvent], bool] | None,
    known: KnownRows,
) -> list[ChangeEvent]:
    kept = []
    for event in events:
        whole = known.complete(event) if event.unsent else event
        if condition is None or condition(whole):
            if is_sound is None or not known.is_wanted or is_sound(whole):
                known.learn(whole)
            kept.append(whole)
    return kept


class KnownRows:
    """What is known of the rows a batch touches: the table's content, then what the batch itself has told."""

    def __init__(
        self, table: RowTable, tables: PipelineTables, rows: Table[StoredRow], events: Iterable[ChangeEvent]
    ) -> None:
        self._key = table.key
        self._tables = tables
        self._moved: tuple[bytes, ChangeEvent] | None = None
        self._wanted = {self._key_of(event) for event in events if event.unsent}
        self._stored = rows.get_many(self._wanted)
        self._learned: dict[bytes, ChangeEvent | None] = {}

    @property
    def is_wanted(self) -> bool:
        """Some event of the batch asks."""
        return bool(self._wanted)

    def _key_of(self, event: ChangeEvent) -> bytes:
        row = event.row
        return encode_key([row.get(column) for column in self._key])

    def complete(self, event: ChangeEvent) -> ChangeEvent:
        """The event with the columns that it does not carry, as far as they are known."""
        key = self._key_of(event)
        if (last := self._learned.get(key)) is not None:
            return _fill(event, last.row, last.unsent)
        stored = None if key in self._learned else self._stored.get(key)
        if stored is not None:
            return _fill(event, stored.row, frozenset(stored.row))
        return self._complete_moved(event, key) if has_moved(event) else event

    def _complete_moved(self, event: ChangeEvent, key: bytes) -> ChangeEvent:
        """From the row that has just gone, if it is this one under its old key."""
        if self._moved is not None:
            to, gone = self._moved
            return _fill(event, gone.row, gone.unsent) if to == key else event
        kept = self._tables.moved.get(MOVED_KEY)
        return event if kept is None or kept.key != key.decode() else _fill(event, kept.row, frozenset(kept.row))

    def learn(self, event: ChangeEvent) -> None:
        """Remember what ``event`` says of its row, for the events behind it."""
        if event.operation is Operation.TRUNCATE:
            self._learned.update(dict.fromkeys([*self._learned, *self._wanted]))
        else:
            self._learned[self._key_of(event)] = None if event.operation is Operation.DELETE else event
            if (to := moved_to(event, self._key)) is not None:
                self._moved = to, event


def _fill(event: ChangeEvent, known: dict[str, object], masked: frozenset[str]) -> ChangeEvent:
    """``event`` with its unsent columns from ``known``; of those, ``masked`` ones have been through the mask."""
    unsent = event.unsent
    is_gone = event.operation is Operation.DELETE
    filling = {column: value for column, value in known.items() if (column in unsent or is_gone)}
    row = {**filling, **event.row}
    filled = frozenset(filling)
    return replace(event, row=row, unsent=(unsent | filled) & (masked | (unsent - filled)), filled=filled)
