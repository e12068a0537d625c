"""Announcements: logical messages and the ends of transactions, told as Debezium does, each once."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from streams.capture.log.changes import ChangeStream
from streams.capture.log.pgoutput import Begin, Commit, Insert, LogicalMessage
from streams.capture.position import Position
from streams.records import Delivery

from ..builders import (
    COMMIT_US,
    NOW_US,
    ORDERS,
    USERS,
    Logged,
    a_relation,
    a_stream,
    a_transaction,
    fed,
    orders_of,
    value_of,
)

MESSAGES, TRANSACTIONS = "cdc.message", "cdc.transaction"


def a_message(prefix: str = "outbox", content: bytes = b"x", *, is_transactional: bool = True) -> LogicalMessage:
    return LogicalMessage(is_transactional=is_transactional, prefix=prefix, content=content)


def an_insert(row_id: int, *, oid: int = 1) -> Insert:
    return Insert(oid=oid, new=(str(row_id), "new", None))


def places(records: Iterable[Delivery]) -> list[tuple[str, Any]]:
    """(op, total_order) of each."""
    values = [value_of(record) for record in records if record.value is not None]
    return [(value["op"], (value["transaction"] or {}).get("total_order")) for value in values]


def boundaries(records: Iterable[Delivery]) -> list[Any]:
    return [value_of(record) for record in records if record.topic == TRANSACTIONS]


# -- messages


def test_a_message_is_told_as_debezium_tells_it() -> None:
    (record,) = fed(a_stream(), a_transaction(1, a_message(content=b"\x00\xff")))

    source = {
        "version": "contract-streams-0.1", "connector": "postgresql", "name": "cdc", "ts_ms": COMMIT_US // 1_000,
        "snapshot": "false", "db": "shop", "sequence": '[null,"100"]', "ts_us": COMMIT_US, "ts_ns": COMMIT_US * 1_000,
        "schema": "", "table": "", "txId": 701, "lsn": 100, "xmin": None, "origin": None, "origin_lsn": None,
    }  # fmt: skip
    assert (record.topic, json.loads(record.key or b"")) == (MESSAGES, {"prefix": "outbox"})
    assert value_of(record) == {
        "op": "m",
        "ts_ms": NOW_US // 1_000,
        "source": source,
        "transaction": {"id": "701:100", "total_order": 1, "data_collection_order": 1},
        "message": {"prefix": "outbox", "content": b64encode(b"\x00\xff").decode()},
    }


def test_messages_have_their_places_among_the_rows_of_their_transaction() -> None:
    records = fed(a_stream(), a_transaction(1, an_insert(1), a_message(), an_insert(2), a_message()))

    assert places(records) == [("c", 1), ("m", 2), ("c", 3), ("m", 4)]
    assert orders_of(records) == [(1, 1), (2, 1), (3, 2), (4, 1)], "as Debezium counts, each message for itself"


def test_a_message_outside_of_transactions_has_the_time_of_the_commit_before_and_no_place() -> None:
    message = a_message("kept", is_transactional=False)

    empty = [(Begin(final_lsn=290, commit_us=COMMIT_US + 7, xid=702), 200), (Commit(final_lsn=290, end_lsn=295), 295)]

    *_, record = fed(a_stream(), [*a_transaction(1, an_insert(1)), *empty, (message, 500)])

    value = value_of(record)
    assert (value["transaction"], value["source"]["txId"], value["source"]["lsn"]) == (None, None, 500)
    assert (value["source"]["sequence"], value["source"]["ts_us"]) == ('["500","500"]', COMMIT_US)


def test_a_message_outside_of_transactions_is_told_once() -> None:
    log: list[Logged] = [(a_message("kept", is_transactional=False), 500)]
    first = a_stream()

    told = fed(first, log)

    assert (len(told), first.position) == (1, Position(is_snapshot_done=True, end_lsn=500))
    assert fed(a_stream(position=first.position), log) == []


def test_messages_between_a_capture_and_itself_are_told_to_nobody_and_count_nowhere() -> None:
    stream = a_stream()
    own = [a_message("streams-heartbeat", is_transactional=False), a_message("streams-x")]

    records = fed(stream, [(own[0], 50), *a_transaction(1, own[1], an_insert(1)), (own[0], 500)])

    assert places(records) == [("c", 1)]
    assert stream.position == Position(is_snapshot_done=True, final_lsn=190, end_lsn=500)


def test_a_heartbeat_before_an_open_transaction_does_not_forget_what_of_it_was_told() -> None:
    position = Position(is_snapshot_done=True, end_lsn=95, open_lsn=190, open_events=1)
    stream = a_stream(position=position)

    heartbeat = a_message("streams-heartbeat", is_transactional=False)
    records = fed(stream, [(heartbeat, 98), *a_transaction(1, an_insert(1), an_insert(2))])

    assert places(records) == [("c", 2)]


# -- transactions


def test_transactions_are_not_told_unless_asked_for() -> None:
    assert boundaries(fed(a_stream(), a_transaction(1, an_insert(1)))) == []


def test_a_transaction_is_told_around_its_rows_with_counts_by_table() -> None:
    shapes = [a_relation(), a_relation("users", oid=2), a_relation("secrets", oid=3)]
    stream = a_stream(ORDERS, USERS, shapes=shapes, is_telling_transactions=True)
    changes = an_insert(1, oid=2), an_insert(1), a_message(), an_insert(2), an_insert(3, oid=3)

    records = fed(stream, a_transaction(1, *changes))

    ms = COMMIT_US // 1_000
    collections = [
        {"data_collection": "public.users", "event_count": 1},
        {"data_collection": "public.orders", "event_count": 2},
    ]
    assert [record.topic for record in (records[0], records[-1])] == [TRANSACTIONS] * 2
    assert [record.key for record in (records[0], records[-1])] == [b'{"id":"701:100"}', b'{"id":"701:195"}']
    assert boundaries(records) == [
        {"status": "BEGIN", "id": "701:100", "event_count": None, "data_collections": None, "ts_ms": ms},
        {"status": "END", "id": "701:195", "event_count": 5, "data_collections": collections, "ts_ms": ms},
    ]


def test_a_transaction_without_anything_for_us_is_not_told() -> None:
    assert fed(a_stream(is_telling_transactions=True), a_transaction(1, a_message("streams-x"))) == []


def cut(log: list[Logged], at: int) -> list[Delivery]:
    """What two captures tell of a log, the first killed after ``at`` messages."""
    first = a_stream(is_telling_transactions=True)
    told = fed(first, log[:at])
    return [*told, *fed(_again(first), log)]


def _again(stream: ChangeStream) -> ChangeStream:
    return a_stream(is_telling_transactions=True, position=stream.position)


def test_wherever_a_capture_is_cut_everything_is_told_once() -> None:
    log = [
        *a_transaction(1, an_insert(1), a_message(), an_insert(2)),
        (a_message("kept", is_transactional=False), 250),
        *a_transaction(3, a_message(), an_insert(3)),
    ]
    whole = fed(a_stream(is_telling_transactions=True), log)

    for at in range(len(log) + 1):
        assert list(map(without_time, cut(log, at))) == list(map(without_time, whole)), at


def without_time(record: Delivery) -> Any:
    """A message outside of transactions borrows its time, and nobody remembers that of a commit over a crash."""
    value = value_of(record)
    if value.get("op") == "m":
        value["source"] = {name: held for name, held in value["source"].items() if not name.startswith("ts_")}
    return record.topic, record.key, value
