"""Changes: the messages of the log become records, numbered before anything is filtered.

``total_order`` counts every row event of a transaction, so a transaction that is sent again gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from streams.records import Delivery

from .envelope import EnvelopeWriter, Image, Place, TableShape, TableTarget, key_of
from .options import SCHEMA
from .pgoutput import Begin, Commit, Delete, Insert, Message, Relation, Truncate, Update
from .position import Position

Change = tuple[str, Image | None, Image | None]


class ChangeStream:
    """Follows the log from ``position`` on. ``feed`` gives the records that Kafka does not have yet."""

    def __init__(self, targets: Mapping[str, TableTarget], writer: EnvelopeWriter, position: Position) -> None:
        self._targets = targets
        self._writer = writer
        self._shapes: dict[int, TableShape] = {}
        self._position = position
        self._begin: Begin | None = None
        self._order = 0
        self._orders: dict[int, int] = {}

    @property
    def position(self) -> Position:
        """Up to where everything fed has been given out."""
        return self._position

    @property
    def is_in_transaction(self) -> bool:
        """A transaction has begun and not ended."""
        return self._begin is not None

    def pass_over(self, lsn: int) -> None:
        """Outside of transactions the log has come to ``lsn`` without anything for us."""
        if not self.is_in_transaction and lsn > self._position.end_lsn:
            self._position = Position(is_snapshot_done=True, final_lsn=self._position.final_lsn, end_lsn=lsn)

    def feed(self, message: Message, lsn: int, *, now_us: int) -> Iterator[Delivery]:
        """Records of one message; ``lsn`` is where it stands."""
        match message:
            case Begin():
                self._begin, self._order, self._orders = message, 0, {}
            case Commit():
                self._end(message)
            case Relation():
                self._shapes[message.oid] = TableShape(message)
            case Insert() | Update() | Delete():
                shape = self._shapes[message.oid]
                for change in _changes(shape, message, self._target_of(shape.relation)):
                    yield from self._number(shape.relation, change, lsn, now_us)
            case Truncate():
                for oid in message.oids:
                    yield from self._number(self._shapes[oid].relation, ("t", None, None), lsn, now_us)
            case _:
                return

    def _target_of(self, relation: Relation) -> TableTarget | None:
        """``None``: a table that the publication has besides ours."""
        return self._targets.get(relation.table) if relation.schema == SCHEMA else None

    def _end(self, commit: Commit) -> None:
        self._begin = None
        if commit.final_lsn > self._position.final_lsn:
            self._position = Position(is_snapshot_done=True, final_lsn=commit.final_lsn, end_lsn=commit.end_lsn)

    def _number(self, relation: Relation, change: Change, lsn: int, now_us: int) -> Iterator[Delivery]:
        begin = self._begin
        if begin is None:
            raise ValueError("a change outside of a transaction")
        self._order += 1
        order = self._orders[relation.oid] = self._orders.get(relation.oid, 0) + 1
        if self._is_sent(begin):
            return
        self._position = replace(
            self._position, is_snapshot_done=True, open_lsn=begin.final_lsn, open_events=self._order
        )
        target = self._target_of(relation)
        if target is None:
            return
        place = Place(
            xid=begin.xid,
            lsn=lsn,
            commit_us=begin.commit_us,
            last_end_lsn=self._position.end_lsn or None,
            total_order=self._order,
            table_order=order,
        )
        yield from self._records(target, relation.schema, change, place, now_us)

    def _is_sent(self, begin: Begin) -> bool:
        """Kafka has this event of a transaction that PostgreSQL sends again."""
        position = self._position
        if begin.final_lsn <= position.final_lsn:
            return True
        return begin.final_lsn == position.open_lsn and self._order <= position.open_events

    def _records(
        self, target: TableTarget, schema: str, change: Change, place: Place, now_us: int
    ) -> Iterator[Delivery]:
        op, before, after = change
        headers: tuple[tuple[str, bytes | None], ...] = ()
        if op == "d" and after is not None:
            # The row goes on under another key: tell both halves, as Debezium does.
            headers, after = (("__debezium.newkey", key_of(target, after)),), None
        elif op == "c" and before is not None:
            headers, before = (("__debezium.oldkey", key_of(target, before)),), None
        record = self._writer.write(target, schema, (op, before, after), place, now_us=now_us)
        yield replace(record, headers=headers) if headers else record
        if op == "d" and record.key is not None:
            yield Delivery(
                topic=record.topic, key=record.key, value=None, timestamp_ms=record.timestamp_ms, headers=headers
            )


def _changes(shape: TableShape, message: Insert | Update | Delete, target: TableTarget | None) -> Iterator[Change]:
    """(op, before, after) of a message; an update that changes the key is a delete and an insert."""
    match message:
        case Insert():
            yield "c", None, shape.image(message.new, {})
        case Delete():
            yield "d", shape.image(message.old, {}) if message.is_old_whole else shape.identity(message.old), None
        case Update():
            before = None
            if message.old is not None:
                before = shape.image(message.old, {}) if message.is_old_whole else shape.identity(message.old)
            after = shape.image(message.new, before if before is not None and message.is_old_whole else {})
            if before is not None and target is not None and _is_another_row(target, before, after):
                yield "d", before, after
                yield "c", before, after
            else:
                yield "u", before if message.is_old_whole else None, after


def _is_another_row(target: TableTarget, before: Image, after: Image) -> bool:
    """The record's key or the row's own has changed: for consumers one row goes and another comes."""
    return any(before.get(column) != after.get(column) for column in {*target.key, *target.primary_key})
