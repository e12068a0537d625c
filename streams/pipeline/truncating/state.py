"""What a task remembers of the TRUNCATE that was last, and which rows are older than it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from streams.records import ChangeEvent, Operation, SourceRecord
from streams.state.table import Table

from ..order import Order, order_of

DELETE, TRUNCATE = Operation.DELETE, Operation.TRUNCATE
TRUNCATED_KEY = b""
Place = tuple[int, Operation]
"""(offset, operation): a record may hold two events, a row under its old key and under its new one."""
NONE: Mapping[Place, Truncated] = {}
MOST_EARLIER = 16
NO_ORDER: Order = (0, 0, 0)
"""Of a change whose source does not say where it stands."""


class Truncated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A TRUNCATE, as far as somebody must know it who has not read it."""

    order: Order
    committed_ms: int
    time_ms: int
    """Event time of it."""
    source: dict[str, Any] = {}
    transaction: dict[str, Any] | None = None
    left: dict[str, str] = {}
    """By keyspace that has not been swept to its end: hex of the last key that was looked at."""
    earlier: tuple[Truncated, ...] = ()
    """Those before it whose rows had not all gone when it came: a row goes with the first that takes it."""

    def takes(self, order: Order) -> bool:
        """Whether a row whose last change had that ``order`` is gone."""
        return self.taker_of(order) is not None

    def taker_of(self, order: Order) -> Truncated | None:
        """What took it away."""
        return next((held for held in (*self.earlier, self) if is_before(order, held.order)), None)

    def behind(self, known: Truncated | None) -> Truncated:
        """As it is remembered where ``known`` was the last before."""
        if known is None or not known.left:
            return self
        last = msgspec.structs.replace(known, left={}, earlier=())
        return msgspec.structs.replace(self, earlier=(*known.earlier, last)[-MOST_EARLIER:])

    def event(self, record: SourceRecord) -> ChangeEvent:
        """What it is in another partition of its topic: seen at ``record``."""
        return ChangeEvent(
            record=record,
            operation=TRUNCATE,
            row={},
            source=self.source,
            key={},
            event_time_ms=self.time_ms,
            committed_ms=self.committed_ms,
            transaction=self.transaction,
        )


decode_truncated = msgspec.json.Decoder(Truncated, float_hook=Decimal).decode


def truncated_by(event: ChangeEvent) -> Truncated:
    """What is to be remembered of a TRUNCATE."""
    return Truncated(
        order=order_of(event),
        committed_ms=event.committed_ms,
        time_ms=event.event_time_ms,
        source=dict(event.source),
        transaction=None if event.transaction is None else dict(event.transaction),
    )


def is_before(order: Order, truncated: Order) -> bool:
    """Whether a change with that order came before a TRUNCATE.

    A TRUNCATE waits for whoever has changed the table, so that log positions alone tell: that of rows of a first
    snapshot, which follow no commit, and of a TRUNCATE that is the first commit of its stream.
    """
    if order[1] and truncated[1] and 0 in (order[0], truncated[0]):
        return order[1:] < truncated[1:]
    return order < truncated


def is_newer(told: Truncated, held: Truncated | None) -> bool:
    """Whether ``told`` counts from now on; another database may begin with lower orders, at a later time."""
    return held is None or is_before(held.order, told.order) or held.committed_ms < told.committed_ms


def place_of(event: ChangeEvent) -> Place:
    """Which event of its batch it is."""
    return event.record.offset, event.operation


def has_truncates(events: Iterable[ChangeEvent]) -> bool:
    """Whether there is one; asked of every batch, and a list is quicker than a generator."""
    return bool([True for event in events if event.operation is TRUNCATE])


class Cut:
    """What is known to be truncated at one place of a batch."""

    __slots__ = ("held",)

    def __init__(self, held: Truncated | None) -> None:
        self.held = held

    def pass_by(self, event: ChangeEvent) -> None:
        """The batch goes on behind a TRUNCATE."""
        if is_newer(told := truncated_by(event), self.held):
            self.held = told

    def taker_of(self, event: ChangeEvent) -> Truncated | None:
        """What took the row that ``event`` writes before it came. What was committed later is there, whatever its
        order says."""
        held = self.held
        if held is None or event.committed_ms > held.committed_ms or event.operation in (DELETE, TRUNCATE):
            return None
        order = order_of(event)
        if order == NO_ORDER or not is_before(order, held.order):  # one before it may be of another database
            return None
        return held.taker_of(order)


@dataclass(frozen=True, slots=True)
class Truncations:
    """The last TRUNCATE of one pipeline in one task."""

    table: Table[Truncated]
    """One entry at most, under ``TRUNCATED_KEY``."""

    def current(self) -> Truncated | None:
        """The last of them."""
        return self.table.get(TRUNCATED_KEY)

    def sweeping(self) -> Truncated | None:
        """The last of them, if rows that it takes may still be there."""
        held = self.current()
        return held if held is not None and held.left else None

    def put(self, held: Truncated) -> None:
        """Remember it."""
        self.table.put(TRUNCATED_KEY, held)

    def take_in(self, told: Truncated, keyspaces: Iterable[str]) -> None:
        """``told`` has been read or heard of: what it takes of ``keyspaces`` goes from now on."""
        known = self.current()
        if told.order != NO_ORDER and is_newer(told, known):
            self.put(msgspec.structs.replace(told.behind(known), left=dict.fromkeys(keyspaces, "")))

    def late(self, events: Collection[ChangeEvent]) -> Mapping[Place, Truncated]:
        """Those of ``events``, in their order, that write a row which is gone, and what took it: they leave none."""
        cut = Cut(self.current())
        if cut.held is None and not has_truncates(events):
            return NONE
        late: dict[Place, Truncated] = {}
        for event in events:
            if event.operation is TRUNCATE:
                cut.pass_by(event)
            elif (taker := cut.taker_of(event)) is not None:
                late[place_of(event)] = taker
        return late


class LiveRows:
    """Rows of a table for who looks one up: those that a TRUNCATE takes and that have not gone yet are not there."""

    __slots__ = ("_rows", "_truncations")

    def __init__(self, rows: Table[Any], truncations: Truncations) -> None:
        self._rows = rows
        self._truncations = truncations

    def get_many(self, keys: Collection[bytes]) -> Any:
        """Rows by key, missing or ``None`` where there is none; to be read before the next write."""
        found, held = self._rows.get_many(keys), self._truncations.sweeping()
        if held is None:
            return found
        return {key: row for key in keys if (row := found.get(key)) is not None and not held.takes(row.order)}

    @property
    def dirty_keys(self) -> Iterable[bytes]:
        """Keys written since the last checkpoint."""
        return self._rows.dirty_keys
