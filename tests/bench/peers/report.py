"""Report: all runs of a sitting, and the ratios between engines that follow from them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.table import Table

from .spec import PEERS

FLOOR, WORKER = "floor", "worker"
TITLES = {FLOOR: "floor", WORKER: "contract-streams", **{peer.name: peer.title for peer in PEERS.values()}}
GUARANTEES = {FLOOR: "", WORKER: "exactly once", **{peer.name: peer.guarantee for peer in PEERS.values()}}
Spread = tuple[float, float, float]
"""(median, least, greatest)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one engine."""

    engine: str
    round: int
    events: int
    wall_s: float
    cpu_us: float
    """CPU an event, from the first record to the last commit."""
    later_cpu_us: float = 0.0
    """Of the second half alone; 0 where it was not looked at."""
    peak_mb: float = 0.0
    wrong: dict[str, int] = field(default_factory=dict)
    """What the oracle found."""

    @property
    def line(self) -> str:
        """For whoever watches."""
        verdict = "" if not self.wrong else "correct" if not any(self.wrong.values()) else f"WRONG: {self.wrong}"
        later = f"(second half {self.later_cpu_us:.1f})" if self.later_cpu_us else ""
        return (f"{TITLES[self.engine]:20} {self.events / self.wall_s:>9,.0f} events/s {self.cpu_us:7.1f} CPU µs "
                f"{later:20} {self.peak_mb:5,.0f} MB  {verdict}")  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Sitting:
    """All runs of all engines, in turn."""

    job: str
    title: str
    runs: list[Run]
    failed: list[str] = field(default_factory=list)
    """Engines that did not come to their end, once for each time."""

    @property
    def engines(self) -> list[str]:
        """In the order in which they ran."""
        return list(dict.fromkeys(run.engine for run in self.runs))

    def of(self, engine: str) -> list[Run]:
        """Its runs in order."""
        return [run for run in self.runs if run.engine == engine]

    def ratios(self, engine: str) -> list[float]:
        """CPU an event by that of the worker, round by round."""
        worker_by_round = {run.round: run for run in self.of(WORKER)}
        runs = [run for run in self.of(engine) if run.round in worker_by_round]
        return [run.cpu_us / worker_by_round[run.round].cpu_us for run in runs]

    @property
    def broken(self) -> bool:
        """Whether somebody failed, or promises exactly once and was wrong."""
        promised = [run for run in self.runs if GUARANTEES[run.engine] == "exactly once"]
        return bool(self.failed) or any(any(run.wrong.values()) for run in promised)


def spread(values: list[float]) -> Spread:
    """Median, least and greatest."""
    return median(values), min(values), max(values)


def save(sitting: Sitting, folder: Path) -> Path:
    """All of it as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / f"peers-{sitting.job.lower()}.json"
    facts = {
        "job": sitting.job,
        "title": sitting.title,
        "failed": sitting.failed,
        "engines": [
            {
                "engine": engine,
                "title": TITLES[engine],
                "guarantee": GUARANTEES[engine],
                "ratios": sitting.ratios(engine),
                "runs": [asdict(run) for run in sitting.of(engine)],
            }
            for engine in sitting.engines
        ],
    }
    results.write_text(json.dumps(facts, indent=2))
    return results


def table(sitting: Sitting) -> Table:
    """A line an engine."""
    told = Table(title=f"{sitting.job}: {sitting.title}; {len(sitting.of(WORKER))} runs, median (least – greatest)")
    for column in ("", "guarantee", "events", "events/s", "CPU µs an event", "second half", "peak MB", "÷ worker", ""):
        told.add_column(column, justify="left" if column in ("", "guarantee") else "right")
    for engine in sitting.engines:
        runs = sitting.of(engine)
        later = [run.later_cpu_us for run in runs]
        told.add_row(
            TITLES[engine],
            GUARANTEES[engine],
            f"{runs[0].events:,}",
            _text([run.events / run.wall_s for run in runs], ",.0f"),
            _text([run.cpu_us for run in runs], ".1f"),
            _text(later, ".1f") if all(later) else "",
            _text([run.peak_mb for run in runs], ",.0f"),
            _text(ratios, ".2f") if (ratios := sitting.ratios(engine)) else "",
            _verdict(runs),
        )
    return told


def _verdict(runs: list[Run]) -> str:
    if not any(run.wrong for run in runs):
        return ""
    wrong = sum(any(run.wrong.values()) for run in runs)
    return f"wrong in {wrong} of {len(runs)}" if wrong else "correct"


def _text(values: list[float], form: str) -> str:
    middle, least, most = (format(value, form) for value in spread(values))
    return middle if len(values) == 1 else f"{middle} ({least} – {most})"
