"""Plot: what a soak has seen over its time, faults shaded; a picture for each question, drawn from the notes alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .notes import Alarm, AnyNote, Beat, Held, Restarted, Sample, Struck
from .verdict import BACK_S

WORKER_COLOURS = {"a": "#1f6feb", "b": "#d9480f", "c": "#0b7a55", "j": "#7a4fbf"}
WORKER_NAMES = {"j": "j (guest)"}
FAMILIES = {
    "worker": "#8d99ae", "state": "#c9a227", "broker": "#c1666b", "network": "#4a9ab5", "records": "#7d8f3b",
}  # fmt: skip
"""What a fault strikes, and the colour of its shade."""
INK, GRID = "#1c2024", "#e6e9ef"
pyplot.rcParams.update({
    "font.family": "DejaVu Sans", "font.size": 10, "axes.edgecolor": "#9aa3b2", "axes.labelcolor": INK,
    "axes.titlesize": 12, "axes.titleweight": "bold", "svg.fonttype": "path", "svg.hashsalt": "soak",
})  # fmt: skip


def family_of(name: str) -> str:
    """What a fault strikes, by its name."""
    words = {"broker": "broker", "brokers": "broker", "state": "state", "disk": "state", "poison": "records",
             "network": "network", "connections": "network", "cut": "network"}  # fmt: skip
    return next((words[word] for word in name.split() if word in words), "worker")


def draw_all(notes: Sequence[AnyNote], folder: Path) -> dict[str, Path]:
    """Every picture there is something for; by title its file."""
    drawn: dict[str, Path] = {}
    strikes = [note for note in notes if isinstance(note, Struck)]
    for name, (title, draw) in PICTURES.items():
        figure, axes = pyplot.subplots(figsize=(13, 4.4))
        figure.subplots_adjust(left=0.075, right=0.8, top=0.86, bottom=0.12)  # all alike, so that times stand in line
        draw(axes, notes)
        _shade(axes, strikes)
        _dress(axes, title, _end_min(notes), {family_of(note.name) for note in strikes})
        drawn[title] = folder / f"{name}.svg"
        figure.savefig(drawn[title])
        figure.savefig(folder / f"{name}.png", dpi=110)
        pyplot.close(figure)
    return drawn


def _end_min(notes: Iterable[AnyNote]) -> float:
    return max((note.at_s for note in notes if isinstance(note, Sample)), default=60.0) / 60


def _dress(axes: Axes, title: str, end_min: float, families: Collection[str]) -> None:
    axes.set_title(title, loc="left", pad=22)
    axes.set_xlabel("minutes since the start")
    axes.set_xlim(0, end_min * 1.005)
    axes.xaxis.set_major_locator(MaxNLocator(13, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    shades = [Patch(color=colour, alpha=0.45, label=f"fault: {name}")
              for name, colour in FAMILIES.items() if name in families]  # fmt: skip
    axes.legend([*handles, *shades], [*labels, *(patch.get_label() for patch in shades)], loc="upper left",
                bbox_to_anchor=(1.005, 1.0), frameon=False)  # fmt: skip


def _shade(axes: Axes, strikes: Iterable[Struck]) -> None:
    """A fault from its begin until it was healed, and lighter until the latency was back; its number above."""
    for note in strikes:
        colour, back_s = FAMILIES[family_of(note.name)], note.back_s or note.healed_s + BACK_S
        begun, healed, back = note.begun_s / 60, note.healed_s / 60, back_s / 60
        axes.axvspan(begun, max(healed, begun + 0.03), color=colour, alpha=0.45, linewidth=0, zorder=0)
        axes.axvspan(healed, back, color=colour, alpha=0.15, linewidth=0, zorder=0)
        axes.annotate(str(note.number), (begun, 1.0), (0, 3), xycoords=axes.get_xaxis_transform(),
                      textcoords="offset points", fontsize=8, color="#5b6472", ha="center")  # fmt: skip


def _lines(notes: Sequence[AnyNote], value: Callable[[Held], float]) -> Iterator[tuple[str, list[float], list[float]]]:
    """A worker, minutes and values; where it did not run, and between two processes, is a gap."""
    samples = [note for note in notes if isinstance(note, Sample)]
    for name in sorted({name for sample in samples for name in sample.workers}):
        minutes, values, pid = list[float](), list[float](), 0
        for sample in samples:
            held = sample.workers.get(name)
            if held is None or held.pid != pid:
                minutes.append(sample.at_s / 60)
                values.append(float("nan"))
            if held is not None:
                minutes.append(sample.at_s / 60)
                values.append(value(held))
                pid = held.pid
        yield name, minutes, values


def _draw_held(value: Callable[[Held], float], label: str) -> Callable[[Axes, Sequence[AnyNote]], None]:
    def draw(axes: Axes, notes: Sequence[AnyNote]) -> None:
        for name, minutes, values in _lines(notes, value):
            axes.plot(minutes, values, color=WORKER_COLOURS.get(name, INK), linewidth=1.6,
                      label=f"worker {WORKER_NAMES.get(name, name)}")  # fmt: skip
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)

    return draw


def _draw_latency(axes: Axes, notes: Sequence[AnyNote]) -> None:
    beats = [note for note in notes if isinstance(note, Beat)]
    samples = [note for note in notes if isinstance(note, Sample)]
    axes.plot([beat.sent_s / 60 for beat in beats], [beat.latency_s for beat in beats], ".", markersize=3,
              color="#5b6b8c", label="a canary, when it was sent")  # fmt: skip
    for name, colour in (("p50_s", "#0b7a55"), ("p99_s", "#d9480f")):
        values = [getattr(sample, name) for sample in samples]
        axes.plot([sample.at_s / 60 for sample in samples], [float("nan") if one is None else one for one in values],
                  color=colour, linewidth=1.4, label=f"{name[:3]} of the last minute")  # fmt: skip
    for number, alarm in enumerate(note for note in notes if isinstance(note, Alarm)):
        axes.axvline(alarm.at_s / 60, color="#b3121f", linewidth=1.6, label="alarm" if number == 0 else None)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylabel("seconds from send to committed output (log)")


def _draw_lag(axes: Axes, notes: Sequence[AnyNote]) -> None:
    samples = [note for note in notes if isinstance(note, Sample)]
    lags = [float("nan") if sample.lag is None else sample.lag for sample in samples]
    axes.plot([sample.at_s / 60 for sample in samples], lags, color="#1f6feb", linewidth=1.6, label="lag")
    restarts = [note.at_s / 60 for note in notes if isinstance(note, Restarted)]
    axes.plot(restarts, [0.04] * len(restarts), "^", markersize=6, color="#b3121f", label="restart by the supervisor",
              transform=axes.get_xaxis_transform())  # fmt: skip
    axes.set_yscale("symlog", linthresh=100)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("orders not yet committed (log above 100)")


def _draw_rate(axes: Axes, notes: Sequence[AnyNote]) -> None:
    samples = [note for note in notes if isinstance(note, Sample)]
    rates = [float("nan") if sample.events_per_s is None else sample.events_per_s for sample in samples]
    axes.plot([sample.at_s / 60 for sample in samples], rates, color="#0b7a55", linewidth=1.4, label="committed")
    axes.set_ylabel("orders committed a second")
    axes.set_ylim(bottom=0)


def _draw_load(axes: Axes, notes: Sequence[AnyNote]) -> None:
    samples = [note for note in notes if isinstance(note, Sample)]
    axes.plot([sample.at_s / 60 for sample in samples], [sample.load for sample in samples], color="#5b6b8c",
              linewidth=1.4, label="load average")  # fmt: skip
    axes.axhline(os.cpu_count() or 1, color="#b3121f", linewidth=1, linestyle="--", label="cores")
    axes.set_ylabel("processes that run or wait")
    axes.set_ylim(bottom=0)


PICTURES: dict[str, tuple[str, Callable[[Axes, Any], None]]] = {
    "memory": ("Memory of each worker", _draw_held(lambda held: held.rss_mib, "resident memory, MiB")),
    "descriptors": ("Open descriptors of each worker", _draw_held(lambda held: held.descriptors, "descriptors")),
    "latency": ("Latency of the canaries", _draw_latency),
    "lag": ("Lag of the group", _draw_lag),
    "rate": ("Orders committed", _draw_rate),
    "load": ("Load of the whole machine, whoever it is of", _draw_load),
}
"""By file name: title, and who draws it."""
