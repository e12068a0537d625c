"""Progress: rate and remaining time, and the markers of rows."""

from __future__ import annotations

import pytest

from streams.capture.snapshots.markers import ChunkPlace, markers_of
from streams.capture.snapshots.progress import Pace


def test_progress_tells_what_this_process_reads_a_second_and_how_long_it_will_take() -> None:
    progress = Pace("orders", 1_000, now_s=10.0).at(3_000, 9_000, is_done=False, now_s=12.0)

    assert (progress.rows_per_second, progress.seconds_left, round(progress.ratio, 2)) == (1_000.0, 6.0, 0.33)


def test_what_is_not_known_is_not_made_up() -> None:
    pace = Pace("orders", 0, now_s=0.0)

    assert pace.at(5, 0, is_done=False, now_s=1.0).seconds_left is None
    assert pace.at(5, 4, is_done=False, now_s=1.0).expected == 0, "there are more than PostgreSQL thought"
    assert pace.at(0, 9, is_done=False, now_s=0.0).seconds_left is None
    done = pace.at(5, 4, is_done=True, now_s=1.0)
    assert (done.expected, done.ratio, done.seconds_left) == (5, 1.0, 0.0)


def a_place(*, first: bool = False, last: bool = False, begins: bool = False, ends: bool = False) -> ChunkPlace:
    return ChunkPlace(is_first_table=first, is_last_table=last, is_first_chunk=begins, is_last_chunk=ends)


@pytest.mark.parametrize(
    ("count", "place", "markers"),
    [
        (3, a_place(first=True, begins=True), ["first", "true", "true"]),
        (3, a_place(first=True, begins=True, ends=True), ["first", "true", "last_in_data_collection"]),
        (1, a_place(first=True, begins=True, ends=True), ["first"]),
        (1, a_place(first=True, last=True, begins=True, ends=True), ["last"]),
        (2, a_place(), ["true", "true"]),
        (1, a_place(begins=True, ends=True), ["last_in_data_collection"]),
        (2, a_place(begins=True), ["first_in_data_collection", "true"]),
        (2, a_place(last=True, begins=True, ends=True), ["first_in_data_collection", "last"]),
        (0, a_place(last=True, ends=True), []),
        (2, None, ["incremental", "incremental"]),
    ],
)
def test_markers_are_debeziums(count: int, place: ChunkPlace | None, markers: list[str]) -> None:
    assert markers_of(count, place) == markers
