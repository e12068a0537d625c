"""Progress of a snapshot as people and programs see it."""

from __future__ import annotations

import logging

import pytest

from streams.capture.snapshots.progress import TableProgress
from streams.cli.capture_progress import ShownProgress


def at(rows: int, *, expected: int = 1_000, is_done: bool = False) -> TableProgress:
    return TableProgress(table="orders", rows=rows, expected=expected, rows_per_second=100.0, is_done=is_done)


def test_a_log_has_a_line_each_tenth_with_rate_and_time_left(caplog: pytest.LogCaptureFixture) -> None:
    show = ShownProgress(is_drawn=False)

    with caplog.at_level(logging.INFO):
        for progress in (at(100), at(120), at(199), at(200), at(1_000, is_done=True)):
            show(progress)

    assert [record.getMessage() for record in caplog.records] == [
        "snapshot of orders: 100 of about 1,000 rows, 100/s, 0:00:09 left",
        "snapshot of orders: 200 of about 1,000 rows, 100/s, 0:00:08 left",
        "snapshot of orders: 1,000 rows, all told",
    ]
    assert caplog.records[0].__dict__["facts"] == {
        "table": "orders", "rows": 100, "expected": 1_000, "rows_per_second": 100, "seconds_left": 9,
    }  # fmt: skip


def test_what_postgresql_does_not_know_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        ShownProgress(is_drawn=False)(at(100, expected=0))

    assert [record.getMessage() for record in caplog.records] == ["snapshot of orders: 100 rows, 100/s"]


def test_a_terminal_has_a_bar_a_table_which_stays_when_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    show = ShownProgress(is_drawn=True)

    for progress in (at(100), at(1_000, is_done=True)):
        show(progress)

    told = capsys.readouterr().err
    assert "snapshot of orders" in told and "1000/1000" in told and "100 rows/s" in told
