"""Window: a row that was read is told only where the log has told nothing newer; and what a snapshot shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.capture.outgoing.envelope import UNAVAILABLE
from streams.capture.snapshots.visibility import RecentTransactions, Visible, parse_visible
from streams.capture.snapshots.window import Window

SEEN, UNSEEN = 5, 12
VISIBLE = parse_visible("10:20:12,14")
"""Transactions before 10 and those between but 12 and 14 are shown."""


def a_row(number: int, note: str | None = "long") -> dict[str, object]:
    return {"id": number, "note": note}


def a_window(*changes: tuple[Any, Any, Any], xid: int = UNSEEN) -> Window:
    window = Window(("id",), VISIBLE)
    for change in changes:
        window.watch(change, xid)
    return window


def test_a_row_that_the_log_did_not_touch_is_told_as_it_was_read() -> None:
    assert a_window(("u", None, a_row(2))).newest(a_row(1)) == a_row(1)


def test_a_change_that_the_snapshot_shows_is_older_than_the_row() -> None:
    assert a_window(("u", None, a_row(1, "old")), xid=SEEN).newest(a_row(1)) == a_row(1)


@pytest.mark.parametrize(
    "change",
    [
        ("u", None, a_row(1, "new")),
        ("d", a_row(1), None),
        ("d", a_row(1), a_row(2)),
        ("c", None, a_row(1, "new")),
        ("c", a_row(2), a_row(1, "new")),
        ("t", None, None),
    ],
)
def test_a_row_that_the_log_told_since_it_was_read_is_not_told_again(change: tuple[Any, Any, Any]) -> None:
    assert a_window(change).newest(a_row(1)) is None


def test_a_row_whose_long_value_the_log_did_not_send_is_told_whole_and_as_new_as_the_log() -> None:
    changes = [{"id": 1, "word": word, "note": UNAVAILABLE} for word in ("b", "c")]

    newest = a_window(*(("u", None, after) for after in changes)).newest({"id": 1, "word": "a", "note": "long"})

    assert newest == {"id": 1, "word": "c", "note": "long"}


def test_a_long_value_that_the_log_did_send_is_not_the_one_that_was_read() -> None:
    changes = [{"id": 1, "note": note, "more": UNAVAILABLE} for note in ("new", UNAVAILABLE)]

    newest = a_window(*(("u", None, after) for after in changes)).newest({"id": 1, "note": "long", "more": "most"})

    assert newest == {"id": 1, "note": "new", "more": "most"}


def test_a_row_that_came_anew_is_not_filled_from_the_one_that_went() -> None:
    changes = [("d", a_row(1), None), ("c", None, a_row(1, "new")), ("u", None, a_row(1, UNAVAILABLE))]

    assert a_window(*changes).newest(a_row(1)) is None


def test_after_a_truncate_no_row_that_was_read_is_told() -> None:
    window = a_window(("t", None, None), ("c", None, a_row(2, "new")))

    assert [window.newest(a_row(number)) for number in (1, 2)] == [None, None]


# -- visibility


@pytest.mark.parametrize(
    ("xid", "is_shown"), [(9, True), (10, True), (12, False), (13, True), (14, False), (20, False), (21, False)]
)
def test_a_snapshot_shows_what_had_ended(xid: int, is_shown: bool) -> None:
    assert VISIBLE.shows(xid) is is_shown


@given(st.integers(3, 1 << 50), st.integers(0, (1 << 30)), st.integers(-(1 << 30), 1 << 30))
def test_numbers_of_the_log_go_round_and_mean_the_nearest(xmin: int, width: int, distance: int) -> None:
    visible = Visible(xmin=xmin, xmax=xmin + width, running=frozenset())
    whole = xmin + width + distance

    assert visible.shows(whole % (1 << 32)) is (distance < 0)


def test_a_snapshot_is_written_as_it_was_read() -> None:
    assert [parse_visible(text).text for text in ("10:20:12,14", "7:7:")] == ["10:20:12,14", "7:7:"]


def test_a_snapshot_without_a_transaction_of_the_log_came_too_early() -> None:
    recent = RecentTransactions(settle_s=2.0)
    assert not recent.are_hidden_by(parse_visible("7:7:"), now_s=0.0)
    recent.add(12)

    assert recent.are_hidden_by(VISIBLE, now_s=1.0)
    assert not recent.are_hidden_by(parse_visible("14:20:14"), now_s=1.0)


def test_at_the_start_the_transactions_that_run_get_a_while_to_end() -> None:
    recent = RecentTransactions(settle_s=2.0)

    first = [recent.are_hidden_by(parse_visible(text), now_s=now) for text, now in [("5:9:5,7", 0.0), ("5:9:5", 1.0)]]

    assert first == [True, True]
    assert not recent.are_hidden_by(parse_visible("9:9:"), now_s=1.5), "all have ended"
    assert not recent.are_hidden_by(parse_visible("5:9:5"), now_s=2.0), "the last one takes long"


def test_only_so_many_transactions_are_remembered() -> None:
    recent = RecentTransactions(settle_s=0.0, size=2)
    for xid in (12, 13, 15):
        recent.add(xid)

    assert not recent.are_hidden_by(VISIBLE, now_s=1.0)
