"""``streams contracts new``: a schema, a contract and a pipeline to begin with, from a table or from events."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import Progress

from streams.contracts import Contracts, read_contracts
from streams.contracts.iglu import is_name, is_vendor
from streams.contracts.registry_http import HttpRegistry
from streams.drafting.events.draft import Observed, TooWideError, draft_events
from streams.drafting.events.reading import (
    IGLU,
    SelfDescribed,
    UnknownFormError,
    described_by,
    guess_format,
    reader_of,
)
from streams.drafting.model import Draft
from streams.drafting.place import masks_of, references_of
from streams.drafting.write import draft_files
from streams.errors import ConfigurationError, Problem
from streams.governance.evidence import FORMATS
from streams.governance.published import LOCK
from streams.governance.traffic import TrafficError, topic_batches
from streams.pipeline.formats.codecs import REGISTERED_FORMATS
from streams.pipeline.spec import Source
from streams.records import SourceRecord
from streams.settings import Settings

from .check import examine
from .output import output_option, schemas_option

LOOKED_AT = 1_000
"""Records that show how all are written."""
FOUND_PROBLEMS = 1


@click.command()
@click.argument("table", required=False)
@click.option("--from-table", "source", metavar="URL", help="Draft from TABLE of PostgreSQL, schema public; or name the"
              " table here, and --database.")
@click.option("--database", metavar="URL", help="postgresql://user@host:port/name.")
@click.option("--from-topic", "topic", metavar="TOPIC", help="Draft from the events that are in a topic.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of the events [default: as they look].")
@click.option("--limit", type=click.IntRange(1), default=100_000, show_default=True, help="Records to look at, from the"
              " oldest on.")
@click.option("--vendor", help="Whose dataset it is, such as com.acme.shop [default: the folder's only one].")
@click.option("--name", help="The dataset's [default: the table's, or of cdc.orders.v1 orders].")
@click.option("--topic-prefix", "prefix", default="cdc", show_default=True, help="The capture's, with --from-table.")
@click.option("--dry-run", is_flag=True, help="Show the files and write nothing.")
@schemas_option
@output_option
def new(
    table: str | None, source: str | None, database: str | None, topic: str | None, form: str | None, limit: int,
    vendor: str | None, name: str | None, prefix: str, dry_run: bool, schemas: Path | None, output: str,
) -> None:
    """Draft a schema, a contract and a pipeline, and write what was not there.

    \b
      streams contracts new --from-table postgresql://me@localhost/shop orders --vendor com.acme.shop
      streams contracts new --from-topic cdc.orders.v1 --vendor com.acme.shop --dry-run

    Of a table the catalog says types, sizes, keys, constraints and comments; of events is drafted what was true of
    all that were seen. No row's value is shown or written, but for words that are the only ones of a column. Classes
    of private columns are guesses. Exit code 1: the drafts would not stand with what is there, nothing was written.
    """  # fmt: skip
    settings = Settings.from_env()
    folder = schemas or settings.schemas
    contracts = read_contracts(folder)
    if (source is None) == (topic is None):
        raise click.UsageError("name --from-table URL TABLE or --from-topic TOPIC")
    if topic is not None:
        draft = _from_topic(topic, form, limit, _names(vendor, name), contracts, settings)
    else:
        url, table = (database, source) if table is None else (source, table)
        if not url or table is None:
            raise click.UsageError("--from-table takes the database's URL and the table's name")
        draft = _from_table(settings.resolve(url), table, prefix, _names(vendor, name), contracts)
    _finish(draft, folder, contracts, output, dry_run=dry_run)


Names = tuple[str | None, str | None]
"""Vendor and name as they were told."""


def _names(vendor: str | None, name: str | None) -> Names:
    if vendor is not None and not is_vendor(vendor):
        raise click.BadParameter("letters, digits, - _ and ., such as com.acme.shop", param_hint="--vendor")
    if name is not None and not is_name(name):
        raise click.BadParameter("letters, digits, - and _, such as orders", param_hint="--name")
    return vendor, name


def _vendor(told: str | None, contracts: Contracts) -> str:
    known = {subject.removeprefix("iglu:").partition("/")[0] for subject in contracts.families}
    if told is None and len(known) != 1:
        raise click.UsageError("say whose dataset it is: --vendor, such as com.acme.shop")
    return told or known.pop()


def _name(told: str | None, source: str) -> str:
    """Of a table ``Order Items`` and of a topic ``shop.order-items.v1`` the last word that is none of a version."""
    words = [word for word in source.split(".") if not re.fullmatch(r"v?[0-9]+", word)] or [source]
    name = told or re.sub(r"[^a-zA-Z0-9_-]+", "_", words[-1]).strip("_")
    if not name:
        raise click.UsageError("no name can be made of it: --name")
    return name


# -- a table


def _from_table(url: str, table: str, prefix: str, names: Names, contracts: Contracts) -> Draft:
    try:
        from streams.capture.options import CaptureError, CaptureOptions
        from streams.capture.postgres.database import Database
        from streams.drafting.table.catalog import read_table
        from streams.drafting.table.draft import draft_table
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'contract-streams[capture]'") from None
    table = table.removeprefix("public.")
    options = CaptureOptions(database=url, tables=(table,), kafka={}, prefix=prefix)
    vendor, name = _vendor(names[0], contracts), _name(names[1], table.replace(".", "_"))
    try:
        with Database(options, lambda: False).session() as cursor:
            return draft_table(read_table(cursor, table), vendor=vendor, name=name, topic=options.topic_of(table))
    except CaptureError as error:
        raise click.UsageError(str(error)) from None


# -- events


def _from_topic(
    topic: str, form: str | None, limit: int, names: Names, contracts: Contracts, settings: Settings
) -> Draft:
    try:
        first, records = _peeked(_records(topic, limit, settings))
        form = form or guess_format(first)
        described = _described(first, contracts) if form == IGLU else None
        seen = _observed(topic, form, records, limit, settings, described)
    except (TrafficError, UnknownFormError, TooWideError) as error:
        raise click.UsageError(f"{topic}: {error}") from None
    if not seen.rows:
        raise click.UsageError(f"{topic}: no rows among {seen.unreadable:,} records that could not be read as {form}")
    if described is not None:
        vendor, name, version = described.vendor, described.name, described.version
        return draft_events(seen, vendor=vendor, name=name, topic=topic, form=form, version=version)
    vendor, name = _vendor(names[0], contracts), _name(names[1], topic)
    return draft_events(seen, vendor=vendor, name=name, topic=topic, form=form)


def _records(topic: str, limit: int, settings: Settings) -> Iterator[SourceRecord]:
    batches = topic_batches(settings.librdkafka(), topic, {})
    with closing(batches):  # type: ignore[type-var]  # a generator
        yield from islice((record for batch in batches for record in batch.records), limit)


def _peeked(records: Iterator[SourceRecord]) -> tuple[list[SourceRecord], Iterator[SourceRecord]]:
    """(the first, all of them)."""
    first = list(islice(records, LOOKED_AT))

    def all_of_them() -> Iterator[SourceRecord]:
        yield from first
        yield from records

    return first, all_of_them()


def _described(first: list[SourceRecord], contracts: Contracts) -> SelfDescribed:
    named = described_by(first)
    if not named:
        raise UnknownFormError("records do not name a schema as Iglu's events do")
    newest = named[-1]
    if others := [held.version for held in named[:-1]]:
        told = f"{newest.vendor}/{newest.name}: drafted is {newest.version}; events of {', '.join(others)} name theirs"
        click.echo(f"warning: {told}, and are dead letters until there is a schema for them", err=True)
    return newest


def _observed(
    topic: str, form: str, records: Iterator[SourceRecord], limit: int, settings: Settings,
    described: SelfDescribed | None,
) -> Observed:  # fmt: skip
    url = settings.registry_url()
    if form in REGISTERED_FORMATS and not url:
        message = f"{form} names its schemas by id: set it to a registry's URL"
        raise ConfigurationError([Problem(file="STREAMS_REGISTRY", message=message)])
    source = Source(topic=topic, format=form, contract="", key=None, event_time=None, max_future_ms=0)
    read = reader_of(source, HttpRegistry(url) if url else None, described)
    seen = Observed()
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("reading records", total=limit)
        while batch := list(islice(records, LOOKED_AT)):
            seen.add(batch, read)
            progress.update(bar, advance=len(batch), description=f"{seen.rows:,} rows")
    return seen


# -- the files


def _finish(draft: Draft, folder: Path, contracts: Contracts, output: str, *, dry_run: bool) -> None:
    files = draft_files(draft, refers=references_of(draft, contracts), masks=masks_of(draft))
    there = [name for name in files if (folder / name).exists()]
    problems = [] if there else _problems(folder, files)
    if output == "json":
        told = {"files": files, "notes": draft.notes, "there": there, "problems": list(map(str, problems))}
        click.echo(json.dumps({**told, "written": not (dry_run or there or problems)}))
    else:
        _show(draft, files, there, problems, dry_run=dry_run)
    if there or problems:
        raise SystemExit(FOUND_PROBLEMS)
    if not dry_run:
        _write(folder, files, output)


def _problems(folder: Path, files: Mapping[str, str]) -> list[Problem]:
    """What is wrong in the folder with the drafts, and is not without them."""
    before = set(map(str, examine(folder).problems)) if folder.is_dir() else set()
    with TemporaryDirectory() as place:
        copy = Path(place, "schemas")
        if folder.is_dir():
            # What is published is recorded by who publishes it.
            shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".*", LOCK))
        for name, text in files.items():
            _put(copy / name, text)
        return [problem for problem in examine(copy).problems if str(problem) not in before]


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as held:
        held.write(text)


def _write(folder: Path, files: Mapping[str, str], output: str) -> None:
    for name, text in files.items():
        _put(folder / name, text)
    if output != "json" and (folder / LOCK).exists():
        click.echo(f"not in {LOCK} yet: streams contracts check --record, once it is agreed on")


def _show(draft: Draft, files: Mapping[str, str], there: list[str], problems: list[Problem], *, dry_run: bool) -> None:
    for name, text in files.items():
        click.echo(f"--- {name}\n{text}" if dry_run else f"{name}{': is there already' if name in there else ''}")
    for problem in problems:
        click.echo(str(problem))
    for note in draft.notes:
        click.echo(f"note: {note}", err=True)
    if there:
        click.echo(f"{', '.join(there)}: there already, so nothing was written; --name gives another name")
    elif problems:
        click.echo("nothing was written")
