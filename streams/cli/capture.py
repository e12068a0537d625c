"""``streams capture``: changes of a PostgreSQL database into Kafka."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import click

from streams.capture.options import PGOUTPUT, PLUGINS, CaptureError, CaptureOptions
from streams.settings import Settings

from .output import JsonLines, output_option

logger = logging.getLogger("streams.capture")


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``table=value`` options as a dictionary."""
    wrong = [value for value in values if "=" not in value]
    if wrong:
        raise click.BadParameter("write it as table=value")
    return dict(value.split("=", 1) for value in values)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _check_tables(tables: tuple[str, ...], options: Mapping[str, Mapping[str, str]]) -> None:
    """Options of tables that are not captured would be forgotten silently."""
    if not tables:
        raise click.UsageError("--tables names no table")
    for option, by_table in options.items():
        if unknown := sorted(set(by_table) - set(tables)):
            raise click.UsageError(f"{option} names {', '.join(unknown)}, but --tables does not")


@click.command()
@click.option("--database", required=True, help="postgresql://user@host:port/name; needs the REPLICATION right.")
@click.option("--tables", required=True, help="Tables of schema public, separated by commas.")
@click.option("--topic-prefix", "prefix", default="cdc", show_default=True, help="Topics are <prefix>.<table>.v1.")
@click.option("--topic", "topics", multiple=True, callback=_pairs, help="orders=shop.orders: another topic name.")
@click.option("--key", "keys", multiple=True, callback=_pairs,
              help="orders=customer_id[,…]: record key and partition by these columns [default: the primary key].")
@click.option("--partitions", default=4, show_default=True, type=click.IntRange(1),
              help="Of topics that do not exist yet.")
@click.option("--slot", default="streams", show_default=True, help="Replication slot; also the name of its position.")
@click.option("--publication", default="streams", show_default=True)
@click.option("--plugin", default=PGOUTPUT, show_default=True, type=click.Choice(PLUGINS),
              help="What writes PostgreSQL's log; wal2json is a package of its own.")
@click.option("--wal2json-format", type=click.IntRange(1, 2), default=2, show_default=True,
              help="1 tells of no truncates.")
@click.option("--protocol", type=click.IntRange(1, 4), help="Of pgoutput [default: the server's newest].")
@click.option("--streaming/--no-streaming", "is_streaming", default=True, show_default=True,
              help="Large transactions come while they are open, and wait in STREAMS_DATA for their end.")
@click.option("--transaction-topic", "is_telling_transactions", is_flag=True,
              help="Tell where transactions begin and end, to <prefix>.transaction.")
@click.option("--heartbeat", "heartbeat_s", default=5.0, show_default=True, type=click.FloatRange(0.1),
              help="Seconds between heartbeats.")
@click.option("--metrics-port", type=int, help="Prometheus metrics on this port of STREAMS_WEB_HOST.")
@output_option
def command(
    database: str, tables: str, topics: dict[str, str], keys: dict[str, str], output: str, **others: Any
) -> None:
    """A snapshot of the tables once, then every change, each once, in Debezium's JSON envelope.

    \b
      streams capture --database postgresql://me@localhost/shop --tables users,orders
      streams capture --database … --tables orders --key orders=customer_id

    It goes on where it stopped, also after kill -9. Kafka is taken from STREAMS_BROKERS. PostgreSQL needs
    wal_level = logical; the slot and the publication are made when they are missing. Decimals are written as
    text, times as ISO 8601 in UTC. With --output json, progress and events are JSON objects, a line each.
    """
    _speak(output)
    settings = Settings.from_env()
    names = _words(tables)
    _check_tables(names, {"--key": keys, "--topic": topics})
    options = CaptureOptions(
        database=settings.resolve(database),
        tables=names,
        kafka=settings.librdkafka(),
        app=settings.app,
        topics=topics,
        keys={table: _words(columns) for table, columns in keys.items()},
        metrics_host=settings.web_host,
        spool=settings.data,
        **others,
    )
    _run(options, output)


def _run(options: CaptureOptions, output: str) -> None:
    try:
        from streams.capture.run import Capture
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'contract-streams[capture]'") from None
    try:
        Capture(options, _Progress(is_drawn=output == "table" and sys.stderr.isatty())).run()
    except CaptureError as error:
        if output == "json":
            logger.error("capture stopped: %s", error)
        else:
            click.echo(f"capture stopped: {error}", err=True)
        sys.exit(1)


def _speak(output: str) -> None:
    """Log lines for people on stderr, or JSON lines for programs on stdout."""
    if output == "json":
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        logging.basicConfig(level=logging.INFO, handlers=[handler])
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")


class _Progress:
    """A line a table on a terminal, redrawn; else a log line each tenth."""

    def __init__(self, *, is_drawn: bool) -> None:
        self._is_drawn = is_drawn
        self._said: dict[str, int] = {}

    def __call__(self, table: str, done: int, expected: int) -> None:
        tenth = 10 if not expected else done * 10 // expected
        if self._is_drawn:
            end = "\n" if done == expected else ""
            click.echo(f"\rsnapshot of {table}: {done:,} of about {expected:,} rows", err=True, nl=False)
            click.echo(end, err=True, nl=False)
        elif self._said.get(table) != tenth:
            self._said[table] = tenth
            facts = {"table": table, "rows": done, "expected": expected}
            logger.info("snapshot of %s: %d of about %d rows", table, done, expected, extra={"facts": facts})
