"""Run: inputs by number, in a process of its own that a watchdog ends when one of them takes too long.

Input ``n`` of seed ``s`` is the same for ever: ``python -m tests.fuzz --seed s --only n`` shows what became of it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from .targets import Target, all_targets

WATCHDOG_SECONDS = 60
"""For ``RUN`` inputs, of which one takes less than a millisecond."""
RUN = 500
MEMORY_BYTES = 4 << 30
ROOT = Path(__file__).parent.parent.parent
NUMBERS_OF_SEED = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a range of inputs led to."""

    outcomes: Mapping[str, int]
    """By ``target: outcome``."""
    findings: tuple[str, ...]
    """What must not have been, each with its input's number."""


def run_inputs(seed: int, numbers: range) -> Report:
    """Every input of ``numbers`` in a child process; one that crashes or hangs is a finding, and the next goes on."""
    outcomes: Counter[str] = Counter()
    findings: list[str] = []
    at = numbers.start
    while at < numbers.stop and len(findings) < 20:
        report, reached, end = _run_child(seed, range(at, numbers.stop))
        outcomes.update(report.outcomes)
        findings += report.findings
        if end is None:
            break
        findings.append(f"input {reached} of seed {seed}: {end}")
        at = reached + 1
    return Report(outcomes=outcomes, findings=tuple(findings))


def _run_child(seed: int, numbers: range) -> tuple[Report, int, str | None]:
    """(report, the last input begun, how the process ended before its end)."""
    with TemporaryDirectory() as folder:
        place, told = Path(folder) / "place", Path(folder) / "report"
        place.write_bytes(bytes(8))
        child = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.run", str(seed), str(numbers.start), str(numbers.stop), place, told],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        reached = int.from_bytes(place.read_bytes(), "little")
        held = json.loads(told.read_text("utf-8")) if told.exists() else {"outcomes": {}, "findings": []}
    report = Report(outcomes=held["outcomes"], findings=tuple(held["findings"]))
    if child.returncode == 0:
        return report, reached, None
    return report, reached, f"the process ended with {child.returncode}: {child.stderr[-2_000:]}"


def _work(seed: int, numbers: range, place: Path, told: Path) -> None:
    """The child: notes each input before it begins it, and what was found after every ``RUN`` of them."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    targets, outcomes = all_targets(), Counter[str]()
    findings: list[str] = []
    with place.open("r+b") as file, mmap(file.fileno(), 8) as noted:
        for first in range(numbers.start, numbers.stop, RUN):
            faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True)
            for number in range(first, min(first + RUN, numbers.stop)):
                noted[:] = number.to_bytes(8, "little")
                findings += _one(seed, number, targets, outcomes)
            told.write_text(json.dumps({"outcomes": outcomes, "findings": findings[:100]}), "utf-8")
    faulthandler.cancel_dump_traceback_later()


def _one(seed: int, number: int, targets: list[Target], outcomes: Counter[str]) -> Iterator[str]:
    target, chance = targets[number % len(targets)], Random(seed * NUMBERS_OF_SEED + number)
    record = target.record(chance)
    try:
        outcomes[f"{target.name}: {target.run(record)}"] += 1
    except Exception:
        last = traceback.format_exc(limit=-4)
        yield f"input {number} of seed {seed} ({target.name}): {last}"


def show_input(seed: int, number: int) -> str:
    """An input and what became of it, for who looks into a finding."""
    targets, outcomes = all_targets(), Counter[str]()
    record = targets[number % len(targets)].record(Random(seed * NUMBERS_OF_SEED + number))
    findings = list(_one(seed, number, targets, outcomes))
    return "\n".join([f"{record.key!r}", f"{record.value!r}", f"{record.headers!r}", *outcomes, *findings])


if __name__ == "__main__":
    _work(int(sys.argv[1]), range(int(sys.argv[2]), int(sys.argv[3])), Path(sys.argv[4]), Path(sys.argv[5]))
    sys.stdout.flush()
    os._exit(0)
