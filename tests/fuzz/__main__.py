"""``make fuzz``: a million damaged records over all decoders; goes on where it stopped.

``python -m tests.fuzz --count 1000000 --seed 1``: inputs 0 to 999,999 of seed 1, on all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from .run import Report, run_inputs, show_input

SLICE = 20_000
PLACE = Path(".streams") / "fuzz"


def main() -> int:
    """Exit code 0 where nothing was found, 1 where something was."""
    options = _options()
    if options.only is not None:
        print(show_input(options.seed, options.only))
        return 0
    file = PLACE / f"{options.seed}-{options.count}.json"
    if options.restart:
        file.unlink(missing_ok=True)
    done = _run_all(options, file)
    outcomes: Counter[str] = Counter()
    for report in done.values():
        outcomes.update(report["outcomes"])
    for name, count in sorted(outcomes.items()):
        print(f"{count:9,} {name}")
    findings = [finding for report in done.values() for finding in report["findings"]]
    print(f"{sum(outcomes.values()) + len(findings):,} inputs of seed {options.seed}, {len(findings)} findings")
    for finding in findings[:20]:
        print(finding)
    return 1 if findings else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop then; the next run goes on")
    parser.add_argument("--restart", action="store_true", help="forget what was run before")
    parser.add_argument("--only", type=int, help="show one input")
    return parser.parse_args()


def _run_all(options: argparse.Namespace, file: Path) -> dict[str, dict[str, object]]:
    """By slice what it led to; kept in ``file`` after each."""
    file.parent.mkdir(parents=True, exist_ok=True)
    done = json.loads(file.read_text("utf-8")) if file.exists() else {}
    starts = [start for start in range(0, options.count, SLICE) if str(start) not in done]
    began = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting = {pool.submit(_run_slice, options, start, began): start for start in starts}
        for future in as_completed(waiting):
            report = future.result()
            if report is None:
                continue
            done[str(waiting[future])] = {"outcomes": report.outcomes, "findings": report.findings}
            file.write_text(json.dumps(done), "utf-8")
            total = len(range(0, options.count, SLICE))
            print(f"{len(done)} of {total} slices, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return done


def _run_slice(options: argparse.Namespace, start: int, began: float) -> Report | None:
    """``None`` where the time is over."""
    if time.monotonic() - began > options.seconds:
        return None
    return run_inputs(options.seed, range(start, min(start + SLICE, options.count)))


if __name__ == "__main__":
    raise SystemExit(main())
