"""Known: what is known of the rows that a batch touches: the table's content, then what the batch itself has told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from streams.records import ChangeEvent, Operation

from .moves import has_moved, moved_to
from .order import is_unplaced, order_of
from .plan import RowTable
from .tables import MOVED_KEY, PipelineTables, StoredRow, encode_key
from .truncating.state import Cut


class KnownRows:
    """``asks_all``: of every row it is to be known whether it is a member; else of those that events do not tell whole.

    Rows outside are known as well as those in the table.
    """

    def __init__(
        self, table: RowTable, tables: PipelineTables, events: Iterable[ChangeEvent], *, asks_all: bool = False
    ) -> None:
        self._key = table.key
        self._tables = tables
        self._moved: tuple[bytes, ChangeEvent] | None = None
        self._wanted = {self._key_of(event) for event in events if event.unsent or asks_all}
        self._stored: Mapping[bytes, StoredRow | None] = {}
        if tables.rows is not None:
            self._stored = tables.rows.get_many(self._wanted)
        self._outside = tables.outside.get_many(self._wanted) if asks_all else {}
        self._learned: dict[bytes, ChangeEvent | None] = {}
        self._members: dict[bytes, bool] = {}
        self._cut = Cut(tables.truncated.current() if self._wanted else None)

    @property
    def is_wanted(self) -> bool:
        """Some event of the batch asks."""
        return bool(self._wanted)

    def _key_of(self, event: ChangeEvent) -> bytes:
        row = event.row
        return encode_key([row.get(column) for column in self._key])

    def is_member(self, event: ChangeEvent) -> bool:
        """Whether its row was in the table before."""
        key = self._key_of(event)
        known = self._members.get(key)
        return self._stored.get(key) is not None if known is None else known

    def is_stale(self, event: ChangeEvent) -> bool:
        """It is of a snapshot, and its row has changed since it was read."""
        if not is_unplaced(event):
            return False
        key = self._key_of(event)
        if (last := self._learned.get(key)) is not None:
            return order_of(last) > order_of(event)
        stored = None if key in self._learned else self._found(key)
        return stored is not None and stored.order > order_of(event)

    def _found(self, key: bytes) -> StoredRow | None:
        return self._stored.get(key) or self._outside.get(key)

    def departure(self, event: ChangeEvent) -> ChangeEvent:
        """The DELETE of a member that ``event`` leaves outside; its row is what it was as a member."""
        row = {column: event.row.get(column) for column in self._key}
        unsent = (event.unsent | frozenset(event.row)) - frozenset(row)
        gone = replace(event, operation=Operation.DELETE, row=row, after=None, unsent=unsent, filled=frozenset())
        return self.complete(gone)

    def complete(self, event: ChangeEvent) -> ChangeEvent:
        """The event with the columns that it does not carry, as far as they are known."""
        key = self._key_of(event)
        if (last := self._learned.get(key)) is not None:
            return _fill(event, last.row, last.unsent)
        stored = None if key in self._learned else self._found(key)
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

    def learn(self, event: ChangeEvent, *, is_member: bool = True) -> None:
        """Remember what ``event`` says of its row, for the events behind it."""
        if event.operation is Operation.TRUNCATE:
            self._learned.update(dict.fromkeys([*self._learned, *self._wanted]))
            self._members.update(dict.fromkeys([*self._members, *self._wanted], False))
            self._cut.pass_by(event)
            return
        key = self._key_of(event)
        if self._cut.taker_of(event) is not None:
            return
        self._members[key] = is_member
        self._learned[key] = None if event.operation is Operation.DELETE else event
        if (to := moved_to(event, self._key)) is not None:
            self._moved = to, event


def _fill(event: ChangeEvent, known: Mapping[str, object], masked: frozenset[str]) -> ChangeEvent:
    """``event`` with its unsent columns from ``known``; of those, ``masked`` ones have been through the mask."""
    unsent = event.unsent
    is_gone = event.operation is Operation.DELETE
    filling = {column: value for column, value in known.items() if (column in unsent or is_gone)}
    row = {**filling, **event.row}
    filled = frozenset(filling)
    return replace(event, row=row, unsent=(unsent | filled) & (masked | (unsent - filled)), filled=filled)
