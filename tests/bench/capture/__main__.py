"""``make bench-capture``: one load through every reader, in one run. ``--help`` tells the rest."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from streams.embedded import EmbeddedServices
from tests.capture.process import CapturedDatabase

from .bench import FULL, QUICK, READERS, Bench, Result


@click.command()
@click.option("--quick", is_flag=True, help="50,000 changes, the largest transaction 10,000.")
@click.option("--readers", default=",".join(READERS), show_default=True, help="Which, in which order.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(quick: bool, readers: str, output: str) -> None:
    """Changes in transactions of 1 to 1,000 rows and one of 200,000 are read by pg_recvlogical (into a file), by a real
    Debezium and by our capture, each from a slot that was made before the load, one after the other; and by a capture
    that is killed every 20 seconds or 120,000 records, whichever comes first. What is in Kafka then is compared with
    what triggers saw: exit code 1 if one change is lost, twice, out of order or wrong.
    """
    console = Console(stderr=output == "json", soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="streams-bench-") as folder:
        place = Path(folder)
        with (
            EmbeddedServices(place / "services") as services,
            CapturedDatabase(postgres=services.postgres, kafka=services.kafka, name="bench", folder=place) as database,
        ):
            bench = Bench(database, place, QUICK if quick else FULL, console.print)
            _, results = bench.run(readers.split(","))
    if output == "json":
        print(json.dumps([asdict(result) for result in results], indent=2))
    else:
        Console().print(_table(results))
    sys.exit(1 if any(any(result.wrong.values()) for result in results) else 0)


def _table(results: list[Result]) -> Table:
    """A line a reader, beside Debezium where it has run."""
    beside = next((result.outcome.measured for result in results if result.reader == "debezium"), None)
    table = Table(title=f"{results[0].outcome.measured.events:,} changes; ×: times Debezium's")
    for column in ("", "changes/s", "×", "CPU µs each", "×", "peak MB", "kills"):
        table.add_column(column, justify="right" if column else "left")
    for result in results:
        run, kills = result.outcome.measured, result.outcome.kills
        times = (run.events_per_s / beside.events_per_s, run.cpu_us / beside.cpu_us) if beside else (0.0, 0.0)
        rate, cost = (f"{ratio:.2f}" if ratio else "" for ratio in times)
        cpu = ("", "", "") if kills else (f"{run.cpu_us:.1f}", cost, f"{run.peak_mb:,.0f}")
        table.add_row(result.reader, f"{run.events_per_s:,.0f}", rate, *cpu, str(kills or ""))
    return table


if __name__ == "__main__":
    main()
