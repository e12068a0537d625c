"""In hand: who died of which records is known to the next process, and in the end the one record is."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from streams.records import RecordBatch
from streams.worker.in_hand import InHand

from .builders import TOPIC, a_record, a_run


def a_batch(first: int, last: int, *, partition: int = 0) -> RecordBatch:
    return a_run(*(a_record(number, partition=partition) for number in range(first, last + 1))).batch()


def a_start(folder: Path) -> InHand:
    """The next process."""
    held = InHand()
    held.open(folder / "a.in-hand")
    return held


def died_of(folder: Path, first: int, last: int) -> None:
    """A process that ended with these records in hand."""
    a_start(folder).take(a_batch(first, last))


def test_after_two_deaths_at_one_place_what_both_had_in_hand_is_taken_one_by_one(tmp_path: Path) -> None:
    died_of(tmp_path, 100, 199)
    assert len(list(a_start(tmp_path).parts(a_batch(100, 199)))) == 1

    died_of(tmp_path, 100, 199)
    died_of(tmp_path, 150, 249)

    held = a_start(tmp_path)
    parts = list(held.parts(a_batch(120, 160)))
    assert held.suspect is not None
    assert (held.suspect.first, held.suspect.last) == (150, 199)
    assert [(part.records[0].offset, part.next_offset) for part in parts] == [(n, n + 1) for n in range(120, 161)]
    assert len(list(held.parts(a_batch(200, 300)))) == 1
    assert len(list(held.parts(a_batch(150, 160, partition=1)))) == 1


def test_the_record_that_was_alone_in_hand_is_told_with_the_command(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    died_of(tmp_path, 100, 199)
    died_of(tmp_path, 100, 199)
    died_of(tmp_path, 123, 123)

    with caplog.at_level(logging.ERROR):
        a_start(tmp_path)

    assert f"3 runs ended at {TOPIC}[0]@123;" in caplog.text
    assert f"streams quarantine add {TOPIC} 0 123-123 --why TEXT" in caplog.text


def test_who_ended_with_nothing_in_hand_leaves_no_suspect(tmp_path: Path) -> None:
    died_of(tmp_path, 100, 199)
    held = a_start(tmp_path)
    held.take(a_batch(100, 199))
    held.put_down()

    assert a_start(tmp_path).suspect is None


def test_deaths_at_other_places_begin_anew(tmp_path: Path) -> None:
    died_of(tmp_path, 100, 199)
    died_of(tmp_path, 200, 299)

    held = a_start(tmp_path).suspect
    assert held is not None
    assert (held.first, held.deaths) == (200, 1)
