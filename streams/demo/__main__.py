"""``python -m streams.demo --seconds 60``: a shop from its database to its live tables, on this machine alone."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

import click

from streams.embedded import MissingToolError

from .run import Demo, DemoError
from .summary import Ledgers


@click.command()
@click.option("--seconds", default=0.0, help="How long the shop trades; 0: until Ctrl-C.", show_default=True)
@click.option("--rate", default=100.0, help="Transactions a second.", show_default=True)
@click.option("--schemas", default="schemas", type=click.Path(path_type=Path, exists=True), show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Keep data and logs here [default: a temporary folder].")
def main(seconds: float, rate: float, schemas: Path, data: Path | None) -> None:
    """PostgreSQL and Kafka, a capture, two workers and a shop that trades; then the books are compared.

    Exit code 0 only if everything that must agree does.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts what runs in its background deaf to the first
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="streams-demo-", ignore_cleanup_errors=True) as temporary:
        try:
            sys.exit(run(Demo((data or Path(temporary)).absolute(), schemas.absolute(), say=click.echo), seconds, rate))
        except (DemoError, MissingToolError) as error:
            click.echo(f"the demo cannot go on: {error}", err=True)
            sys.exit(1)


def run(demo: Demo, seconds: float, rate: float) -> int:
    """The whole demo; its exit code."""
    click.echo("starting PostgreSQL and Kafka")
    with demo:
        click.echo("creating the shop, starting capture and two workers")
        demo.open_shop()
        click.echo(f"\n  watch the tables move: http://127.0.0.1:{demo.ports[0]}/\n")
        made = demo.trade_for(seconds, rate=rate, each_second=lambda at: _progress(demo, at, seconds))
        click.echo(f"\n{made:,} transactions; waiting until all is processed and the last windows close")
        books = Ledgers(demo)
        books.drain()
        click.echo("\n".join(["", *books.report(), "", "do the numbers agree?"]))
        findings = books.compare()
        click.echo("\n".join(findings.lines))
        restarts = demo.supervisor.restarts() if demo.supervisor else 0
        click.echo(f"\nstopping; {restarts} restarts on the way")
    click.echo("all numbers agree" if not findings.differences else "NOT ALL NUMBERS AGREE")
    return 1 if findings.differences else 0


def _progress(demo: Demo, at: float, seconds: float) -> None:
    """One line, redrawn on a terminal, each fifth second elsewhere."""
    if not sys.stdout.isatty() and int(at) % 5:
        return
    statuses = demo.statuses()
    events = sum(sum(status["ledger"].values()) for status in statuses)
    lag = sum(task["lag"] or 0 for status in statuses for task in status["tasks"])
    whole = f" of {seconds:.0f}" if seconds else ""
    line = f"  {at:5.0f} s{whole}   {events:>9,} events processed   {lag:>6,} waiting   {len(statuses)} workers"
    click.echo(f"\r{line}", nl=not sys.stdout.isatty())


if __name__ == "__main__":
    main()
