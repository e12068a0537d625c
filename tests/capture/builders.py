"""What capture's tests are made of: a log of values, and what a stream makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from streams.capture.log.announcements import Announcer
from streams.capture.log.changes import ChangeStream
from streams.capture.log.pgoutput import Begin, ColumnShape, Commit, Message, Relation
from streams.capture.options import CaptureOptions
from streams.capture.outgoing.envelope import EnvelopeWriter, TableTarget
from streams.capture.outgoing.records import Outgoing
from streams.capture.position import Position
from streams.records import Delivery

NOW_US = 1_790_000_000_123_456
COMMIT_US = 1_780_000_000_654_321
INT8, TEXT = 20, 25

ORDERS = TableTarget(table="orders", topic="cdc.orders.v1", key=("id",), primary_key=("id",))
USERS = TableTarget(table="users", topic="cdc.users.v1", key=("id",), primary_key=("id",))

Logged = tuple[Message, int]
"""A message and where it stands in the log."""


def a_relation(table: str = "orders", *, oid: int = 1, identity: str = "d", schema: str = "public") -> Relation:
    """``(id bigint, status text, note text)``, by default with ``id`` as replica identity."""
    columns = tuple(
        ColumnShape(name=name, type_oid=type_oid, is_key=identity == "f" or name == "id")
        for name, type_oid in (("id", INT8), ("status", TEXT), ("note", TEXT))
    )
    return Relation(oid=oid, schema=schema, table=table, identity=identity, columns=columns)


def a_transaction(number: int, *changes: Message) -> list[Logged]:
    """A transaction whose commit stands at ``number * 100 + 90``, its changes from ``number * 100`` on."""
    first = number * 100
    begin = Begin(final_lsn=first + 90, commit_us=COMMIT_US, xid=700 + number)
    commit = Commit(final_lsn=first + 90, end_lsn=first + 95)
    inner = [(change, first + place) for place, change in enumerate(changes)]
    return [(begin, first), *inner, (commit, first + 95)]


def a_stream(
    *targets: TableTarget,
    position: Position | None = None,
    shapes: Iterable[Relation] = (),
    is_telling_transactions: bool = False,
    reader: str = "",
) -> ChangeStream:
    """A stream that has seen ``shapes`` (default: the orders)."""
    options = CaptureOptions(
        database="", tables=("orders",), kafka={}, is_telling_transactions=is_telling_transactions
    )
    writer = EnvelopeWriter("cdc", "shop")
    stream = ChangeStream(
        {target.table: target for target in targets or (ORDERS,)},
        Outgoing(writer),
        Announcer(options, writer),
        position or Position(is_snapshot_done=True),
        reader=reader,
    )
    for relation in shapes or (a_relation(),):
        assert list(stream.feed(relation, 0, now_us=NOW_US)) == []
    return stream


def fed(stream: ChangeStream, logged: Iterable[Logged]) -> list[Delivery]:
    """Everything a stream makes of a log."""
    return [record for message, lsn in logged for record in stream.feed(message, lsn, now_us=NOW_US)]


def value_of(record: Delivery) -> Any:
    """The envelope."""
    assert record.value is not None
    return json.loads(record.value)


def changes_of(records: Iterable[Delivery]) -> Iterator[tuple[Any, ...]]:
    """(op, before, after) of each; ``("tombstone", key)`` for one."""
    for record in records:
        if record.value is None:
            yield "tombstone", record.key
        else:
            value = value_of(record)
            yield value["op"], value["before"], value["after"]


def orders_of(records: Iterable[Delivery]) -> list[tuple[int, int]]:
    """(total_order, data_collection_order) of each but tombstones."""
    places = [value_of(record)["transaction"] for record in records if record.value is not None]
    return [(place["total_order"], place["data_collection_order"]) for place in places]
