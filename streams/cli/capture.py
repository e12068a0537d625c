"""``streams capture``: changes of a PostgreSQL database into Kafka."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from streams.capture.config import CaptureConfig
from streams.capture.options import PGOUTPUT, PLUGINS, WAL2JSON, CaptureError, CaptureOptions
from streams.capture.outgoing.rules import Format
from streams.capture.postgres.lag import size_bytes_of
from streams.settings import Settings

from .capture_progress import ShownProgress
from .capture_rules import FILE_SAYS, open_config, rules_of, words
from .capture_slots import drop, slots
from .output import JsonLines, output_option

logger = logging.getLogger("streams.capture")


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``table=value`` options as a dictionary."""
    wrong = [value for value in values if "=" not in value]
    if wrong:
        raise click.BadParameter("write it as table=value")
    return dict(value.split("=", 1) for value in values)


def _table(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """A table with or without its schema."""
    return None if value is None else value.removeprefix("public.")


def _check_tables(tables: tuple[str, ...], options: Mapping[str, Mapping[str, str]]) -> None:
    """Options of tables that are not captured would be forgotten silently."""
    if not tables:
        raise click.UsageError("--tables names no table")
    for option, by_table in options.items():
        if unknown := sorted(set(by_table) - set(tables)):
            raise click.UsageError(f"{option} names {', '.join(unknown)}, but --tables does not")


PLUGIN_OF = {"protocol": PGOUTPUT, "is_streaming": PGOUTPUT, "wal2json_format": WAL2JSON}
"""Options that only one plugin has a use for."""


def _check_useful(context: click.Context, options: CaptureOptions) -> None:
    """Options that would be forgotten silently."""
    for parameter in context.command.params:
        is_given = context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
        plugin = PLUGIN_OF.get(parameter.name or "")
        if is_given and plugin not in (None, options.plugin):
            raise click.UsageError(f"{parameter.opts[0]} is for --plugin {plugin}")
    if options.is_dropping_slot and options.max_slot_lag_bytes is None:
        raise click.UsageError("--drop-slot-beyond needs --max-slot-lag")


def _size(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """``10GB`` in bytes."""
    try:
        return None if value is None else size_bytes_of(value)
    except ValueError:
        raise click.BadParameter("write a size such as 10GB or 512MB") from None


@click.group(invoke_without_command=True)
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False),
              help="All of this in a file: Python (read, not run), YAML or JSON.")
@click.option("--database", help="postgresql://user@host:port/name; needs the REPLICATION right.")
@click.option("--tables", help="Tables of schema public, separated by commas.")
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
@click.option("--signal-table", callback=_table, metavar="TABLE",
              help="Its new rows (id, type, data) ask for snapshots while the log is followed, as Debezium's do.")
@click.option("--snapshot-rows", default=10_000, show_default=True, type=click.IntRange(1),
              help="Read at a time in a snapshot; fewer where they are large.")
@click.option("--heartbeat", "heartbeat_s", default=5.0, show_default=True, type=click.FloatRange(0.1),
              help="Seconds between heartbeats.")
@click.option("--max-slot-lag", "max_slot_lag_bytes", callback=_size, metavar="SIZE",
              help="10GB: warn near it, stop with exit code 3 beyond it, unless the lag shrinks [default: no limit].")
@click.option("--drop-slot-beyond", "is_dropping_slot", is_flag=True,
              help="Then drop the slot as well: the server's disk comes before the changes that wait.")
@click.option("--filter", "filters", multiple=True, metavar="SQL",
              help="Only changes for which it is true: \"op != 'DELETE'\".")
@click.option("--mask", "masks", multiple=True, metavar="COLUMN[,…][=METHOD]",
              help="Cover columns: redact (default), hash, partial or drop.")
@click.option("--route", "routes", multiple=True, metavar="TABLE=SINK[,…]",
              help="A table's changes go to <topic>.<sink> as well.")
@click.option("--format", "value_format", default=Format.JSON.value, show_default=True,
              type=click.Choice([held.value for held in Format]), help="avro and protobuf need a registry.")
@click.option("--registry", help="URL of a schema registry [default with avro and protobuf: STREAMS_REGISTRY].")
@click.option("--subjects", type=click.Choice(["topic", "record", "topic-record"]), default="topic", show_default=True,
              help="How schemas are named in the registry: <topic>-value, by their type, or both.")
@click.option("--contracts", "schemas", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of contracts that changed tables are compared with [default: STREAMS_SCHEMAS].")
@click.option("--metrics-port", type=int, help="Prometheus metrics on this port of STREAMS_WEB_HOST.")
@output_option
@click.pass_context
def command(context: click.Context, /, config: Path | None, output: str, **flags: Any) -> None:
    """A snapshot of the tables once, then every change, each once, in Debezium's envelope.

    \b
      streams capture --database postgresql://me@localhost/shop --tables users,orders
      streams capture --database … --tables orders --key orders=customer_id
      streams capture --database … --tables users --mask ssn --filter "op != 'DELETE'" --route users=warehouse
      streams capture --database … --tables users --format avro --registry http://schema-registry:8081
      streams capture --config cdc_config.py
      streams capture slots --database …                 how much log the server keeps, and for whom
      streams capture drop --database … --slot streams   a slot and its position, for good

    It goes on where it stopped, also after kill -9. Kafka is taken from STREAMS_BROKERS. PostgreSQL needs
    wal_level = logical; the slot and the publication are made when they are missing. With --output json, progress
    and events are JSON objects, a line each.

    Filters see the row as PostgreSQL has it, then masks cover it, then routes send it. A filter that drops a DELETE
    drops its tombstone; one that reads other columns than the key needs REPLICA IDENTITY FULL. A masked value is in
    no key, image or header. hash needs STREAMS_MASK_KEY_FILE.

    JSON has decimals as text and times as ISO 8601 in UTC. With a registry, keys and values are in Confluent's wire
    format, and their schemas are the subjects <topic>-key and <topic>-value: Avro exactly as Debezium's, JSON with
    a JSON Schema, Protobuf with the JSON's words. A table that changes gets a new schema id.

    Without user or database in the URL, those of psql hold. STREAMS_HOSTS=source_db=10.0.0.5:5432 gives a host of
    the database or the registry an address.
    """
    if context.invoked_subcommand is not None:
        return
    _speak(output)
    settings = Settings.from_env()
    flags["schemas"] = flags["schemas"] or settings.schemas
    if config is None:
        options = _options_of_flags(settings, **flags)
    else:
        options = _options_of_file(settings, open_config(context, config), flags)
    _check_useful(context, options)
    _run(options, output)


def _options_of_flags(settings: Settings, *, database: str | None, tables: str | None, **flags: Any) -> CaptureOptions:
    if not database or tables is None:
        raise click.UsageError("name --database and --tables, or a --config")
    names = words(tables)
    topics, keys = flags.pop("topics"), flags.pop("keys")
    _check_tables(names, {"--key": keys, "--topic": topics})
    form = Format(flags.pop("value_format"))
    registry = flags.pop("registry") or (settings.registry if form is not Format.JSON else "")
    if form is not Format.JSON and not registry:
        raise click.UsageError(f"--format {form.value} needs --registry or STREAMS_REGISTRY")
    by_table = {table: topics.get(table, f"{flags['prefix']}.{table}.v1") for table in names}
    rules = rules_of(flags.pop("filters"), flags.pop("masks"), flags.pop("routes"), by_table)
    return CaptureOptions(
        database=settings.resolve(database),
        tables=names,
        topics=topics,
        keys={table: words(columns) for table, columns in keys.items()},
        format=form,
        registry=settings.resolve_all(registry),
        rules=rules,
        **_machine(settings),
        **flags,
    )


def _options_of_file(settings: Settings, config: CaptureConfig, flags: Mapping[str, Any]) -> CaptureOptions:
    """What the file has no words for comes from the command line."""
    said = {held.name: getattr(config, held.name) for held in fields(config)}
    others = {name: value for name, value in flags.items() if name not in FILE_SAYS}
    return CaptureOptions(
        **{
            **others,
            **said,
            **_machine(settings),
            "database": settings.resolve(config.database),
            "registry": settings.resolve_all(config.registry),
        }
    )


def _machine(settings: Settings) -> dict[str, Any]:
    """What this machine says of every capture."""
    return {
        "kafka": settings.librdkafka(),
        "app": settings.app,
        "metrics_host": settings.web_host,
        "spool": settings.data,
        "mask_key": settings.mask_key(),
    }


def _run(options: CaptureOptions, output: str) -> None:
    try:
        from streams.capture.run import Capture
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'contract-streams[capture]'") from None
    try:
        with closing(ShownProgress(is_drawn=output == "table" and sys.stderr.isatty())) as progress:
            Capture(options, progress).run()
    except CaptureError as error:
        if output == "json":
            logger.error("capture stopped: %s", error)
        else:
            click.echo(f"capture stopped: {error}", err=True)
        sys.exit(error.exit_code)


def _speak(output: str) -> None:
    """Log lines for people on stderr, or JSON lines for programs on stdout."""
    for name in ("httpx", "httpx2"):  # a line a request says nothing that a failure would not
        logging.getLogger(name).setLevel(logging.WARNING)
    if output == "json":
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        logging.basicConfig(level=logging.INFO, handlers=[handler])
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")


command.add_command(slots)
command.add_command(drop)
