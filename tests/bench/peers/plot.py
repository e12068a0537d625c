"""``python -m tests.bench.peers.plot RESULTS.json`` draws a sitting beside it, as SVG; needs matplotlib."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

OURS, OTHERS, FLOOR = "#1f6f5c", "#5b6b8c", "#9aa3b2"


def draw(facts: dict[str, Any], target: Path) -> None:
    """CPU an event of each engine: a dot for the median, a line from the least to the greatest, the ratio beside it."""
    engines = sorted(facts["engines"], key=lambda engine: median(run["cpu_us"] for run in engine["runs"]), reverse=True)
    figure, axes = pyplot.subplots(figsize=(9, 0.62 * len(engines) + 1.4), layout="constrained")
    for place, engine in enumerate(engines):
        costs = [run["cpu_us"] for run in engine["runs"]]
        middle = median(costs)
        colour = {"worker": OURS, "floor": FLOOR}.get(engine["engine"], OTHERS)
        reach = [[middle - min(costs)], [max(costs) - middle]]
        axes.errorbar(middle, place, xerr=reach, fmt="o", markersize=9, color=colour, capsize=4)
        times = 1.0 if engine["engine"] == "worker" or not engine["ratios"] else median(engine["ratios"])
        ratio = "" if times == 1.0 else f"  {times:.{0 if times >= 10 else 1}f} ×"
        axes.annotate(f"{middle:.1f} µs{ratio}", (max(costs), place), (8, 0), textcoords="offset points", va="center")
    names = [f"{engine['title']}\n{engine['guarantee']}".strip() for engine in engines]
    axes.set_yticks(range(len(engines)), names)
    axes.set_xscale("log")
    axes.set_xlabel("CPU microseconds an event, whole process (log); × is times contract-streams")
    axes.set_title(f"{facts['job']}: {facts['title']}", loc="left")
    axes.margins(x=0.25, y=0.12)  # the longest label, too
    axes.grid(axis="x", which="both", color="#e6e9ef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target)


if __name__ == "__main__":
    results = Path(sys.argv[1])
    draw(json.loads(results.read_text()), results.with_suffix(".svg"))
