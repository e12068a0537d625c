"""Course: what is told of a part of it."""

from __future__ import annotations

from .course import Course, Point


def a_point(at_s: float, events: int, cpu_s: float) -> Point:
    return Point(at_s=at_s, events=events, cpu_s=cpu_s, memory_mb=100.0)


def a_course() -> Course:
    course = Course(points=[])
    for point in (a_point(0, 0, 1.0), a_point(1, 100, 1.1), a_point(2, 100, 1.2), a_point(3, 300, 1.5)):
        course.add(point)
    return course


def test_a_point_that_has_come_no_further_does_not_count() -> None:
    assert [point.at_s for point in a_course().points] == [0, 1, 3]


def test_a_stretch_is_what_its_own_events_cost() -> None:
    stretch = a_course().stretch(100, 10_000)

    assert (stretch.first.events, stretch.last.events) == (100, 300)
    assert round(stretch.cpu_us) == 2_000
    assert stretch.events_per_s == 100


def test_a_course_is_cut_into_stretches_of_at_least_so_long() -> None:
    assert [(part.first.at_s, part.last.at_s) for part in a_course().every(2)] == [(0, 3)]
    assert [(part.first.at_s, part.last.at_s) for part in a_course().every(1)] == [(0, 1), (1, 3)]
