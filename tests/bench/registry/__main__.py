"""Look-ups beside a bare aiohttp handler, in turns, in one run: requests a second, CPU a request, ratios."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from tests.registry.process import serving
from tests.registry.running import ask, put

from .load import Measured, measure, request_of

SUBJECTS = 100


def schema(number: int) -> str:
    """A record of ten fields."""
    texts = [{"name": f"field_{place}", "type": ["null", "string"], "default": None} for place in range(9)]
    fields = [{"name": "id", "type": "long"}, *texts]
    return json.dumps({"type": "record", "name": f"Record{number}", "fields": fields})


@contextmanager
def bare(body: str) -> Iterator[tuple[int, int]]:
    """(port, pid) of a server that answers ``body`` to everything."""
    command = [sys.executable, "-m", "tests.bench.registry.bare", body]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def fill(url: str, schemas: int) -> Sequence[int]:
    """Ids of schemas in ``SUBJECTS`` subjects."""
    ask(url, "PUT", "/config", {"compatibility": "NONE"})
    return [put(url, f"subject-{number % SUBJECTS}", schema(number)) for number in range(schemas)]


@click.command()
@click.option("--runs", default=7, show_default=True)
@click.option("--seconds", default=3.0, show_default=True, help="Of each server in each run.")
@click.option("--schemas", default=1_000, show_default=True, help="That the registry holds; 100 at least.")
def main(runs: int, seconds: float, schemas: int) -> None:
    """Measure and print; nothing is asserted of times."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (url, process):
        ids = fill(url, schemas)
        port = int(url.rpartition(":")[2])
        body = json.dumps(ask(url, "GET", f"/schemas/ids/{ids[0]}")[1], separators=(",", ":"))
        paths = {
            "GET /schemas/ids/{id}": [request_of(f"/schemas/ids/{held}") for held in ids],
            "GET /subjects/{s}/versions/latest": [
                request_of(f"/subjects/subject-{number}/versions/latest") for number in range(SUBJECTS)
            ],
            "POST /subjects/{s}": [
                request_of(f"/subjects/subject-{n % SUBJECTS}", json.dumps({"schema": schema(n)}).encode())
                for n in range(schemas)
            ],
        }
        with bare(body) as (bare_port, bare_pid):
            for name, requests in paths.items():
                pairs = [
                    (measure(bare_port, bare_pid, paths["GET /schemas/ids/{id}"], seconds),
                     measure(port, process.pid, requests, seconds))
                    for _ in range(runs)
                ]  # fmt: skip
                _tell(name, pairs)


def _tell(name: str, pairs: Sequence[tuple[Measured, Measured]]) -> None:
    floors, own = ([pair[side] for pair in pairs] for side in (0, 1))
    by_time = [floor.per_second / held.per_second for floor, held in pairs]
    by_cpu = [held.cpu_us / floor.cpu_us for floor, held in pairs]
    print(f"{name}: {len(pairs)} runs")
    for title, side in (("bare aiohttp handler", floors), ("registry", own)):
        print(f"  {title:22} {_middle([m.per_second for m in side]):>8.0f} requests/s"
              f"  {_middle([m.cpu_us for m in side]):>6.0f} µs CPU a request")  # fmt: skip
    print(f"  ratio: {_middle(by_time):.2f} in requests/s ({min(by_time):.2f}–{max(by_time):.2f}),"
          f" {_middle(by_cpu):.2f} in CPU ({min(by_cpu):.2f}–{max(by_cpu):.2f})")  # fmt: skip


def _middle(numbers: Sequence[float]) -> float:
    return statistics.median(numbers)


if __name__ == "__main__":
    main()
