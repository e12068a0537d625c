"""Signals: Debezium's words are followed with the transaction that says them; what cannot be is passed over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.capture.log.pgoutput import LogicalMessage
from streams.capture.position import Position, SnapshotState, TableSnapshot
from streams.capture.snapshots.incremental import state_at_start
from streams.capture.snapshots.signals import PREFIX, Inbox

from ..builders import a_relation

KEYED = ["orders", "users"]
SIGNALS = a_relation("dbz_signal")
ORDERS = TableSnapshot(table="orders", signal="1")
OWED = TableSnapshot(table="orders")


def a_signal(kind: str = "execute-snapshot", **data: Any) -> dict[str, object]:
    data = {"data-collections": ["public.orders"], **data}
    return {"id": "1", "type": kind, "data": json.dumps(data)}


def state_after(*rows: dict[str, object], state: SnapshotState | None = None) -> SnapshotState:
    inbox = Inbox("dbz_signal", 100)
    for row in rows:
        inbox.look(SIGNALS, row)
    return inbox.end(200, state or SnapshotState(), KEYED)


def test_a_row_of_the_signal_table_asks_for_a_snapshot() -> None:
    assert state_after(a_signal(type="INCREMENTAL")) == SnapshotState(queue=(ORDERS,))


def test_a_message_asks_for_a_snapshot_as_a_row_does() -> None:
    inbox = Inbox(None, 100)
    content = {"id": "1", "type": "execute-snapshot", "data": {"data-collections": ["public.orders"]}}
    inbox.read(LogicalMessage(is_transactional=True, prefix=PREFIX, content=json.dumps(content).encode()))

    assert inbox.end(200, SnapshotState(), KEYED) == SnapshotState(queue=(ORDERS,))


def test_names_are_patterns_as_debezium_has_them() -> None:
    state = state_after(a_signal(**{"data-collections": ["public.(orders|users)"]}))

    assert [task.table for task in state.queue] == ["orders", "users"]


def test_what_a_debezium_writes_for_itself_is_no_signal(caplog: pytest.LogCaptureFixture) -> None:
    assert state_after(a_signal("snapshot-window-open")) == SnapshotState()
    assert caplog.text == ""


def test_a_transaction_that_comes_again_asks_nothing() -> None:
    inbox = Inbox("dbz_signal", 200)
    inbox.look(SIGNALS, a_signal())

    assert inbox.end(200, SnapshotState(), KEYED) == SnapshotState()
    assert inbox.end(300, SnapshotState(), KEYED) == SnapshotState(), "it is forgotten"


def test_a_stop_ends_what_signals_asked_for_and_nothing_that_the_capture_owes() -> None:
    state = SnapshotState(queue=(OWED, ORDERS), is_paused=True)

    assert state_after(a_signal("stop-snapshot"), state=state) == SnapshotState(queue=(OWED,))
    others = a_signal("stop-snapshot", **{"data-collections": ["public.users"]})
    assert state_after(others, state=state) == SnapshotState(queue=(OWED, ORDERS))
    everything = a_signal("stop-snapshot", **{"data-collections": []})
    assert state_after(everything, state=state) == SnapshotState(queue=(OWED,))


def test_a_snapshot_is_paused_and_goes_on() -> None:
    paused = state_after({"id": "2", "type": "pause-snapshot", "data": None}, state=SnapshotState(queue=(ORDERS,)))

    assert paused == SnapshotState(queue=(ORDERS,), is_paused=True)
    assert state_after({"id": "3", "type": "resume-snapshot", "data": ""}, state=paused).is_paused is False


def test_a_table_that_waits_already_is_not_queued_twice() -> None:
    assert state_after(a_signal(), a_signal()) == SnapshotState(queue=(ORDERS,))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"id": "1", "type": "log", "data": "{}"}, "types are execute-snapshot"),
        (a_signal(type="BLOCKING"), "only incremental"),
        (a_signal(**{"data-collections": ["public.secret"]}), "no captured table"),
        (a_signal(**{"data-collections": []}), "names no data-collections"),
        (a_signal(**{"data-collections": ["("]}), "no JSON such as"),
        (a_signal(**{"additional-conditions": [{"filter": "secret = 1"}]}), "conditions"),
        ({"id": "1", "type": "execute-snapshot", "data": "{secret"}, "no JSON such as"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_reported_without_its_content(
    row: dict[str, object], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert state_after(row) == SnapshotState()
    assert why in caplog.text and "secret" not in caplog.text


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"type": 1}', b"\xff"])
def test_a_message_that_is_no_signal_is_reported(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox(None, 0)
    inbox.read(LogicalMessage(is_transactional=True, prefix=PREFIX, content=content))

    assert inbox.end(1, SnapshotState(), KEYED) == SnapshotState()
    assert "passed over" in caplog.text


# -- what is owed at the start


def test_a_capture_without_a_position_owes_all_tables() -> None:
    queue = tuple(TableSnapshot(table=table, is_initial=True) for table in ("a", "b"))

    assert state_at_start(Position(end_lsn=7), ["a", "b"]) == SnapshotState(queue=queue)


def test_a_position_of_an_earlier_release_owes_nothing_once_its_snapshot_was_done() -> None:
    assert state_at_start(Position(is_snapshot_done=True), ["a", "b"]) == SnapshotState(tables=("a", "b"))


def test_a_table_that_came_later_is_owed_and_one_that_went_is_forgotten() -> None:
    half = TableSnapshot(table="b", after=("7",), rows=7)
    state = SnapshotState(tables=("a", "gone"), queue=(half, TableSnapshot(table="left")))

    found = state_at_start(Position(snapshots=state), ["a", "b", "new"])

    assert found == SnapshotState(tables=("a",), queue=(half, TableSnapshot(table="new")))
