"""Course: what a worker has read, what it has spent and how much memory it has, from time to time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A worker at one moment."""

    at_s: float
    events: int
    """Committed so far."""
    cpu_s: float
    memory_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a course."""

    first: Point
    last: Point

    @property
    def cpu_us(self) -> float:
        """CPU microseconds an event."""
        return (self.last.cpu_s - self.first.cpu_s) / (self.last.events - self.first.events) * 1e6

    @property
    def events_per_s(self) -> float:
        """Throughput."""
        return (self.last.events - self.first.events) / (self.last.at_s - self.first.at_s)


@dataclass(slots=True, kw_only=True)
class Course:
    """Points in order of time, of which those count that have come further."""

    points: list[Point]

    def add(self, point: Point) -> None:
        """Note where the worker is now."""
        if not self.points or point.events > self.points[-1].events:
            self.points.append(point)

    def stretch(self, begin: int, end: int) -> Stretch:
        """From the first point at or past ``begin`` events to the first at or past ``end``, or the last one."""
        places = [min(self._past(events), len(self.points) - 1) for events in (begin, end)]
        return Stretch(first=self.points[places[0]], last=self.points[places[1]])

    def _past(self, events: int) -> int:
        return bisect_left(self.points, events, key=lambda point: point.events)

    def every(self, seconds: float) -> Iterator[Stretch]:
        """Stretches of at least that long; what is left at the end and shorter is not one."""
        held = [self.points[0]]
        for point in self.points:
            if point.at_s - held[-1].at_s >= seconds:
                held.append(point)
        return (Stretch(first=first, last=last) for first, last in pairwise(held))
