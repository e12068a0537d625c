"""Verdict: what a soak must show, asked of what was noted; pure.

Memory and descriptors are looked at while nothing is broken, in processes that have run for a while: right after its
start a worker has neither its state open nor its caches full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from tests.faults.report import is_fault

from .canary import percentile
from .notes import Alarm, AnyNote, Beat, Restarted, Sample, Struck

BACK_S = 120.0
"""So long after it was healed a fault may be felt."""
GROWN_UP_S = 60.0
"""A process that has run for so long counts."""
SKIPPED = 1 / 3
"""The first part of a run, or an hour of it, in which everything fills."""
MOST_POINTS = 400
RSS_PER_H = 0.10
"""Growth of memory in an hour that is allowed in a short run."""
LONG_H, RSS_PER_H_LONG = 4.0, 0.01
"""In a run of so many hours and more: that much."""
DESCRIPTORS_PER_H = 0.10
LEAST_S = 1_200.0
"""Of a shorter stretch nothing is said: what tasks move moves memory, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a worker's process held in a quiet moment."""

    worker: str
    pid: int
    at_s: float
    rss_mib: float
    descriptors: int


def troubled(notes: Iterable[AnyNote]) -> list[tuple[float, float]]:
    """When something was broken or coming back."""
    return [(note.begun_s, note.back_s or note.healed_s + BACK_S) for note in notes if isinstance(note, Struck)]


def quiet_points(notes: Sequence[AnyNote]) -> list[Point]:
    """Of processes that have run for a while, while nothing was broken or coming back."""
    windows = troubled(notes)
    born: dict[int, float] = {}
    points = []
    for sample in notes:
        if not isinstance(sample, Sample):
            continue
        is_quiet = not any(begun_s <= sample.at_s <= ended_s for begun_s, ended_s in windows)
        for name, worker in sample.workers.items():
            if sample.at_s - born.setdefault(worker.pid, sample.at_s) >= GROWN_UP_S and is_quiet:
                points.append(Point(worker=name, pid=worker.pid, at_s=sample.at_s, rss_mib=worker.rss_mib,
                                    descriptors=worker.descriptors))  # fmt: skip
    return points


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Median of the slopes of all pairs (Theil and Sen): a third of the points may be anything.

    >>> slope([(0, 1), (1, 2), (2, 3), (3, 99), (4, 5)])
    1.0
    """
    thin = points[:: max(1, len(points) // MOST_POINTS)]
    return median((y - v) / (x - u) for (u, v), (x, y) in combinations(thin, 2) if x != u)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How something grows."""

    level: float
    per_h: float
    """Share of the level that an hour adds."""


def drift(points: Sequence[Point], kind: str, ended_s: float) -> Drift | None:
    """Of the whole group behind the first part of the run, each worker against its own level; ``None``: too short."""
    from_s = min(ended_s * SKIPPED, 3_600.0)
    kept = [point for point in points if point.at_s >= from_s]
    if not kept or kept[-1].at_s - kept[0].at_s < LEAST_S / 2:
        return None
    levels = {name: median(getattr(point, kind) for point in kept if point.worker == name)
              for name in {point.worker for point in kept}}  # fmt: skip
    relative = [(point.at_s, getattr(point, kind) / levels[point.worker]) for point in kept]
    return Drift(level=median(getattr(point, kind) for point in kept), per_h=slope(relative) * 3_600)


def check_all(notes: Sequence[AnyNote], figures: Mapping[str, float], trouble: Sequence[str]) -> dict[str, str]:
    """What was asked, and what is wrong; empty where nothing is."""
    strikes = [note for note in notes if isinstance(note, Struck)]
    alarms = [note.text for note in notes if isinstance(note, Alarm)]
    slow = [f"{note.number} ({note.name})" for note in strikes if note.back_s is None]
    wrong = [f"{name}: {value:g}" for name, value in figures.items() if value and is_fault(name)]
    return {
        "nothing lost, repeated, out of order or wrong": ", ".join(wrong),
        "no canary missing": f"{len(alarms)} alarms, the first: {alarms[0]}" if alarms else "",
        "latency back to its base 2 min after each fault": ", ".join(slow),
        **_check_drifts(notes),
        "the soak's own parts work": ", ".join(trouble),
    }


def _check_drifts(notes: Sequence[AnyNote]) -> dict[str, str]:
    points, ended_s = quiet_points(notes), _end_of(notes)
    hours = ended_s / 3_600
    bounds = {"rss_mib": ("memory", RSS_PER_H_LONG if hours >= LONG_H else RSS_PER_H),
              "descriptors": ("descriptors", DESCRIPTORS_PER_H)}  # fmt: skip
    checks = {}
    for kind, (name, bound) in bounds.items():
        found = drift(points, kind, ended_s)
        said = f"{name}: growth below {bound:.0%} an hour"
        if found is None:
            checks[f"{said} (not asked: the run is too short)"] = ""
        else:
            checks[said] = f"{found.per_h:.1%}" if found.per_h > bound else ""
    return checks


def _end_of(notes: Sequence[AnyNote]) -> float:
    return max((note.at_s for note in notes if isinstance(note, Sample)), default=0.0)


def figures_of(notes: Sequence[AnyNote]) -> dict[str, float]:
    """What was measured, for people."""
    strikes = [note for note in notes if isinstance(note, Struck)]
    backs = [note.back_s - note.healed_s for note in strikes if note.back_s is not None]
    figures: dict[str, float] = {
        "faults": len(strikes),
        "restarts by the supervisor": sum(isinstance(note, Restarted) for note in notes),
        "longest return to the base s": round(max(backs, default=0.0), 1),
    }
    return figures | _latencies(notes) | _drifts(notes)


def _latencies(notes: Sequence[AnyNote]) -> dict[str, float]:
    windows = troubled(notes)
    beats = [note for note in notes if isinstance(note, Beat)]
    quiet = [beat.latency_s for beat in beats if not any(at_s <= beat.sent_s <= to_s for at_s, to_s in windows)]
    figures: dict[str, float] = {"canaries that came": len(beats), "sent while all was quiet": len(quiet)}
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        figures[f"{name} of those s"] = round(percentile(quiet, share) or 0.0, 3)
    return figures | {"longest of all s": round(max((beat.latency_s for beat in beats), default=0.0), 2)}


def _drifts(notes: Sequence[AnyNote]) -> dict[str, float]:
    points, ended_s = quiet_points(notes), _end_of(notes)
    figures: dict[str, float] = {}
    for kind, name in (("rss_mib", "RSS MiB"), ("descriptors", "descriptors")):
        if (found := drift(points, kind, ended_s)) is not None:
            figures |= {name: round(found.level, 1), f"{name} % an hour": round(100 * found.per_h, 2)}
    return figures
