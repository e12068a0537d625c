"""Changes: the messages of the log become records, numbered before anything is filtered.

``total_order`` counts every event of a transaction, rows and messages, so a transaction that is sent again gives the
same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from streams.records import Delivery

from ..options import OWN_PREFIX, SCHEMA
from ..outgoing.envelope import Image, Place, TableShape, TableTarget
from ..outgoing.records import Outgoing
from ..position import Position
from .announcements import Announcer
from .pgoutput import Begin, Commit, Delete, Insert, LogicalMessage, Message, Relation, Truncate, Update

Change = tuple[str, Image | None, Image | None]
Observe = Callable[[Relation, Change, int], bool]
"""Sees every change with the number of its transaction; says whether it is to be told."""


class ChangeStream:
    """Follows the log from ``position`` on. ``feed`` gives the records that Kafka does not have yet."""

    def __init__(
        self,
        targets: Mapping[str, TableTarget],
        outgoing: Outgoing,
        announcer: Announcer,
        position: Position,
        *,
        reader: str = "",
        observe: Observe = lambda relation, change, xid: True,
    ) -> None:
        self._targets = targets
        self._reader = reader
        self._outgoing = outgoing
        self._announcer = announcer
        self._shapes: dict[int, TableShape] = {}
        self._position = position
        self._observe = observe
        self._open = (position.open_lsn, position.open_events)
        """Of ``position``: kept beside it, as it moves with every change."""
        self._begin: Begin | None = None
        self._begin_lsn = 0
        self._commit_us: int | None = None
        """Of the newest transaction that had something in it and has ended."""
        self._order = 0
        self._orders: dict[int, int] = {}

    @property
    def position(self) -> Position:
        """Up to where everything fed has been given out."""
        position = self._position
        if (position.open_lsn, position.open_events) != self._open:
            lsn, events = self._open
            position = self._position = replace(
                position, is_snapshot_done=True, open_lsn=lsn, open_events=events, open_reader=self._reader
            )
        return position

    def _move_to(self, position: Position) -> None:
        self._position = position
        self._open = (position.open_lsn, position.open_events)

    @property
    def is_in_transaction(self) -> bool:
        """A transaction has begun and not ended."""
        return self._begin is not None

    def pass_over(self, lsn: int) -> None:
        """Outside of transactions the log has come to ``lsn`` without anything for us."""
        position = self.position
        if not self.is_in_transaction and lsn > position.end_lsn:
            is_before_open = lsn < position.open_lsn
            self._move_to(
                replace(position, end_lsn=lsn)
                if is_before_open
                else Position(is_snapshot_done=True, final_lsn=position.final_lsn, end_lsn=lsn)
            )

    def feed(self, message: Message, lsn: int, *, now_us: int) -> Iterator[Delivery]:
        """Records of one message; ``lsn`` is where it stands."""
        match message:
            case Insert() | Update() | Delete():
                shape = self._shapes[message.oid]
                target = self._target_of(shape.relation)
                for change in _changes(shape, message, target):
                    yield from self._tell(shape, target, change, lsn, now_us)
            case Begin():
                self._begin, self._begin_lsn, self._order, self._orders = message, lsn, 0, {}
            case Commit():
                yield from self._end(message, now_us)
            case Relation():
                self._shapes[message.oid] = TableShape(message)
            case Truncate():
                for shape in map(self._shapes.__getitem__, message.oids):
                    target = self._target_of(shape.relation)
                    yield from self._tell(shape, target, ("t", None, None), lsn, now_us)
            case LogicalMessage():
                yield from self._tell_message(message, lsn, now_us)

    def _target_of(self, relation: Relation) -> TableTarget | None:
        """``None``: a table that the publication has besides ours."""
        return self._targets.get(relation.table) if relation.schema == SCHEMA else None

    def _end(self, commit: Commit, now_us: int) -> Iterator[Delivery]:
        begin, self._begin = self._begin, None
        if begin is None:
            raise ValueError("the end of a transaction that has not begun")
        if self._order:
            # Plugins do not agree on whether to tell of transactions without anything in them.
            self._commit_us = begin.commit_us
        if commit.final_lsn <= self._position.final_lsn:
            return
        self._move_to(Position(is_snapshot_done=True, final_lsn=commit.final_lsn, end_lsn=commit.end_lsn))
        if self._order:
            yield from self._announcer.end(begin, commit, self._counts(), self._order, now_us)

    def _counts(self) -> dict[str, int]:
        """Events of the transaction by table that we capture, in the order of their first ones."""
        relations = {oid: self._shapes[oid].relation for oid in self._orders}
        return {
            f"{relation.schema}.{relation.table}": self._orders[oid]
            for oid, relation in relations.items()
            if self._target_of(relation) is not None
        }

    def _tell(
        self, shape: TableShape, target: TableTarget | None, change: Change, lsn: int, now_us: int
    ) -> Iterable[Delivery]:
        place = self._number(shape.relation.oid, lsn)
        is_told = self._begin is not None and self._observe(shape.relation, change, self._begin.xid)
        if place is None:
            return ()
        records: tuple[Delivery, ...] = ()
        if target is not None and is_told:
            records = self._outgoing.records(target, shape, change, place, now_us=now_us)
        return records if place.total_order != 1 else (*self._begin_once(place, now_us), *records)

    def _tell_message(self, message: LogicalMessage, lsn: int, now_us: int) -> Iterator[Delivery]:
        if message.prefix.startswith(OWN_PREFIX):
            if not message.is_transactional:
                self.pass_over(lsn)
            return
        if not message.is_transactional:
            if lsn > self._position.end_lsn:
                yield self._announcer.message(message, self._place_outside(lsn, now_us), now_us=now_us)
                self.pass_over(lsn)
            return
        place = self._number(None, lsn)
        if place is not None:
            yield from self._begin_once(place, now_us)
            yield self._announcer.message(message, place, now_us=now_us)

    def _place_outside(self, lsn: int, now_us: int) -> Place:
        """Of what belongs to no transaction and tells no time: Debezium takes that of the commit before."""
        commit_us = now_us if self._commit_us is None else self._commit_us
        return Place(xid=None, lsn=lsn, commit_us=commit_us, last_end_lsn=lsn, total_order=None, table_order=None)

    def _number(self, oid: int | None, lsn: int) -> Place | None:
        """The next event's place in its transaction; ``None``: Kafka has it already.

        A message belongs to no table: as for Debezium, each is the first of a collection of its own.
        """
        begin = self._begin
        if begin is None:
            raise ValueError("a change outside of a transaction")
        self._order += 1
        order = 1
        if oid is not None:
            order = self._orders[oid] = self._orders.get(oid, 0) + 1
        if self._is_sent(begin):
            return None
        self._open = (begin.final_lsn, self._order)
        return Place(
            xid=begin.xid,
            lsn=lsn,
            commit_us=begin.commit_us,
            last_end_lsn=self._position.end_lsn or None,
            total_order=self._order,
            table_order=order,
        )

    def _begin_once(self, place: Place, now_us: int) -> Iterator[Delivery]:
        """Before a transaction's first event, and so in the same chunk: also after a crash it is told once."""
        if place.total_order == 1 and self._begin is not None:
            yield from self._announcer.begin(self._begin, self._begin_lsn, now_us=now_us)

    def _is_sent(self, begin: Begin) -> bool:
        """Kafka has this event of a transaction that PostgreSQL sends again."""
        if begin.final_lsn <= self._position.final_lsn:
            return True
        open_lsn, open_events = self._open
        return begin.final_lsn == open_lsn and self._order <= open_events


def _changes(
    shape: TableShape, message: Insert | Update | Delete, target: TableTarget | None
) -> tuple[Change] | tuple[Change, Change]:
    """(op, before, after) of a message; an update that changes the key is a delete and an insert."""
    match message:
        case Insert():
            return (("c", None, shape.image(message.new, {})),)
        case Delete():
            old = shape.image(message.old, {}) if message.is_old_whole else shape.identity(message.old)
            return (("d", old, None),)
    if message.old is None:
        return (("u", None, shape.image(message.new, {})),)
    is_whole = message.is_old_whole
    before = shape.image(message.old, {}) if is_whole else shape.identity(message.old)
    after = shape.image(message.new, before if is_whole else {})
    if target is not None and _is_another_row(target, before, after):
        return ("d", before, after), ("c", before, after)
    return (("u", before if is_whole else None, after),)


def _is_another_row(target: TableTarget, before: Image, after: Image) -> bool:
    """The record's key or the row's own has changed: for consumers one row goes and another comes."""
    return any(before.get(column) != after.get(column) for column in {*target.key, *target.primary_key})
