"""``streams plan``: what the files in ``schemas/`` mean, and what differs from what runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from streams.contracts import read_contracts
from streams.contracts.registry import MemoryRegistry
from streams.dsl import load_modules
from streams.errors import ConfigurationError
from streams.pipeline.compile import compile_topology
from streams.pipeline.topology import TopicSpec, Topology
from streams.pipeline.truncating.build import fit_partitions
from streams.planning.difference import Difference, Verdict, find_differences
from streams.planning.meaning import Meaning, TableMeaning, meaning_of
from streams.planning.running import PATIENCE_SECONDS, Running, read_running
from streams.settings import Settings
from streams.worker.topics import BrokerAwayError, TopicKeeper

from .output import output_option, schemas_option, show_rows

FOUND_PROBLEMS = 1
UNIT = 1024.0


@click.command()
@schemas_option
@click.option("--rows", multiple=True, metavar="[TABLE=]N", help="Entries a table will have; no name: each table.")
@click.option("--offline", is_flag=True, help="Ask no broker: what the files mean, and nothing is compared.")
@click.option("--apply", "is_applied", is_flag=True, help="Create the topics that are missing, as a worker would.")
@output_option
def command(schemas: Path | None, rows: tuple[str, ...], offline: bool, is_applied: bool, output: str) -> None:
    """Say what the files mean, and what differs from what runs.

    \b
      streams plan                            topics, tables, tasks, keys; then every difference and what to type next
      streams plan --rows 1000000             with the state that tables of a million entries take
      streams plan --apply                    make the missing topics, where workers may not
      streams plan --offline --output json    for a pull request, without a broker

    A difference is safe, or needs: a new table name (what is stored is of another kind), reset or backfill (what is
    stored would be half old, half new), another topic. Exit code 0: the same, or all is safe; 1: something needs you.
    """
    settings = Settings.from_env()
    counts = _counts(rows)
    topology = read_topology(settings, schemas)
    if unknown := sorted(counts.keys() - (known := {table.name for table in meaning_of(topology).tables}) - {""}):
        there = ", ".join(sorted(known))
        raise click.BadParameter(f"no table {', '.join(unknown)}; there are: {there}", param_hint="--rows")
    if offline and is_applied:
        raise click.UsageError("--apply asks a broker, --offline asks none: leave one of them out")
    running, why_not = (None, "--offline: nothing was asked") if offline else _ask(settings, topology)
    if is_applied:
        running = _apply(settings, topology, running, why_not)
    if running is not None:
        topology = fit_partitions(topology, {name: held.partitions for name, held in running.topics.items()})
    differences = () if running is None else find_differences(topology, running)
    _show(meaning_of(topology), running, differences, counts, output, why_not)
    if any(difference.verdict is not Verdict.SAFE for difference in differences):
        raise SystemExit(FOUND_PROBLEMS)


def read_topology(settings: Settings, schemas: Path | None) -> Topology:
    """What the files say; raises ``ConfigurationError`` with every mistake."""
    # What is planned does not depend on this machine's secret: any serves.
    key = settings.mask_key() or b"only to describe"
    contracts = read_contracts(schemas or settings.schemas)
    return compile_topology(
        contracts,
        app=settings.app,
        only=settings.pipelines,
        mask_key=key,
        registry=MemoryRegistry(),
        built=load_modules(settings.pipeline_modules),
    )


def _counts(rows: tuple[str, ...]) -> Mapping[str, int]:
    """By table the number of its entries; under the empty name that of all others."""
    counts: dict[str, int] = {}
    for text in rows:
        name, _, number = text.rpartition("=")
        if not number.isdigit():
            raise click.BadParameter(f"{text}: a number, or table=number", param_hint="--rows")
        counts[name] = int(number)
    return counts


def _ask(settings: Settings, topology: Topology) -> tuple[Running | None, str]:
    try:
        return read_running(settings.librdkafka(), topology, app=settings.app), ""
    except BrokerAwayError as error:
        return None, str(error)


def _apply(settings: Settings, topology: Topology, running: Running | None, why_not: str) -> Running:
    """The missing topics are made; what runs then. Sources are not ours to make."""
    if running is None:
        raise click.ClickException(why_not)
    keeper = TopicKeeper(settings.librdkafka(), broker_seconds=PATIENCE_SECONDS, patience_seconds=PATIENCE_SECONDS)
    try:
        topology = keeper.fitted(topology)
        keeper.prepare(topology, max_record_bytes=settings.max_record_bytes)
    except ConfigurationError as error:
        raise click.ClickException(f"nothing was made: {error}") from None
    return read_running(settings.librdkafka(), topology, app=settings.app)


# -- what is shown


def _show(
    meaning: Meaning,
    running: Running | None,
    differences: tuple[Difference, ...],
    counts: Mapping[str, int],
    output: str,
    why_not: str,
) -> None:
    parts: dict[str, list[dict[str, object]]] = {
        "topics": [_topic(spec, running) for spec in meaning.topology.topics],
        "tables": [_table(table, running, counts) for table in meaning.tables],
        "tasks": list(_tasks(meaning, running)),
        "keys": [
            {"pipeline": key.pipeline, "what": key.what, "columns": list(key.columns), "meets_in": key.place}
            for key in meaning.keys
        ],
        "differences": [
            {"verdict": held.verdict.value, "what": held.what, "change": held.change, "next": held.next}
            for held in differences
        ],
    }
    if output == "json":
        head = {"app": meaning.topology.app, "compared": running is not None, "why_not_compared": why_not or None}
        workers = [] if running is None else sorted(running.members)
        click.echo(json.dumps({**head, "workers": workers, **parts}))
        return
    for title in ("topics", "tables", "tasks", "keys"):
        show_rows(map(_flat, parts[title]), output, title=title)
    _conclude(parts["differences"], running, why_not)


def _conclude(differences: list[dict[str, object]], running: Running | None, why_not: str) -> None:
    if running is None:
        click.echo(f"not compared with what runs: {why_not}")
        return
    click.echo(f"workers now: {', '.join(sorted(running.members)) or 'none'}")
    if not differences:
        click.echo("what runs is what the files say")
        return
    show_rows(differences, "table", title="differences")


def _topic(spec: TopicSpec, running: Running | None) -> dict[str, object]:
    state = None if running is None else running.topics.get(spec.name)
    source = None if running is None else running.topics.get(spec.source)
    partitions: object = f"as {spec.source}" if source is None else source.partitions
    return {
        "topic": spec.name,
        "kind": spec.kind.value.replace("_", " "),
        "partitions": partitions if state is None else state.partitions,
        "settings": dict(spec.config),
        "is": "unknown" if running is None else "to be made" if state is None else "there",
    }


def _table(table: TableMeaning, running: Running | None, counts: Mapping[str, int]) -> dict[str, object]:
    entries, basis = _entries(table, running, counts)
    size = None if entries is None or table.entry_bytes is None else entries * table.entry_bytes
    return {
        "table": table.name,
        "pipeline": table.pipeline,
        "kind": table.kind,
        "key": list(table.key),
        "window": table.window,
        "entry_bytes": table.entry_bytes,
        "entries": entries,
        "bytes": size,
        "by": basis,
    }


def _entries(table: TableMeaning, running: Running | None, counts: Mapping[str, int]) -> tuple[int | None, str]:
    """(number of entries, where it comes from)."""
    given = counts.get(table.name, counts.get("") if table.kind != "state" else None)
    if given is not None:
        return given, "--rows × width by contract"
    state = None if running is None else running.topics.get(table.changelog)
    if state is None:
        return None, "width by contract"
    return state.records, "changelog's records (not all compacted yet) × width by contract"


def _tasks(meaning: Meaning, running: Running | None) -> Iterator[dict[str, object]]:
    for task in meaning.tasks:
        state = None if running is None else running.topics.get(task.sources[0])
        yield {
            "reads": list(task.sources),
            "pipelines": list(task.pipelines),
            "tasks": None if state is None else state.partitions,
            "keeps": list(task.stores),
            "by_repartition": any(source in meaning.repartitions for source in task.sources),
        }


def _flat(row: Mapping[str, object]) -> dict[str, object]:
    return {name.replace("_", " "): _cell(name, value) for name, value in row.items()}


def _cell(name: str, value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        # Said of nearly all of them, and always the same.
        return "\n".join(f"{key}={held}" for key, held in value.items() if key != "message.timestamp.after.max.ms")
    if name == "bytes" and isinstance(value, int):
        return size_text(value)
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


def size_text(count: float) -> str:
    """Bytes for people.

    >>> size_text(3 << 20)
    '3.0 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < UNIT:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= UNIT
    return f"{count:.1f} TB"
