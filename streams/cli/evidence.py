"""What ``streams contracts compare --records`` adds: real records, held against the candidate."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from streams.contracts import Contract, Contracts, read_contracts
from streams.contracts.compatibility.compare import Kind
from streams.contracts.iglu import FORMATS, is_version, split_format
from streams.contracts.registry_http import HttpRegistry
from streams.contracts.rows import RowsError, rows_of
from streams.governance.evidence import Judge, Tally, codec_maker, contract_of, tally_of
from streams.governance.traffic import Batch, TrafficError, file_batches, topic_batches
from streams.pipeline.grammar import read_pipelines
from streams.pipeline.spec import Source
from streams.settings import Settings

from .output import show_rows

SAVE_SECONDS = 5.0
Place = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A schema as it was named."""

    name: str
    text: str
    kind: Kind = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """A file in which a run notes how far it is, so that the next goes on there."""

    file: Path
    of: str
    """What is compared with what; of anything else nothing can be gone on from."""

    def read(self) -> tuple[Tally, Place]:
        """Where the last run was; nothing and the beginning if there was none."""
        if not self.file.exists():
            return Tally(), {}
        try:
            held = json.loads(self.file.read_text("utf-8"))
            of, tally, place = held["of"], tally_of(held["tally"]), dict(held["place"])
        except (ValueError, KeyError, TypeError):
            raise click.BadParameter(f"{self.file} is of no run of this command", param_hint="--resume") from None
        if of != self.of:
            raise click.BadParameter(f"{self.file} is of other schemas or records", param_hint="--resume")
        return tally, place

    def write(self, tally: Tally, place: Place) -> None:
        """All or nothing: a run may be ended at any time."""
        told = {"of": self.of, "place": place, "tally": tally.as_json()}
        beside = self.file.with_name(self.file.name + ".new")
        beside.write_text(json.dumps(told), "utf-8")
        beside.replace(self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is to be read."""

    name: str
    """A file, else a topic."""
    format: str | None
    resume: Path | None


def judge_records(old: Schema, new: Schema, records: Records, folder: Path | None) -> Tally:
    """Hold the records of a file or a topic against ``new``; raises ``ConfigurationError``."""
    settings = Settings.from_env()
    contracts = read_contracts(folder or settings.schemas)
    source = _source(records.name, records.format, contracts)
    was, now = _contracts(old, new, contracts)
    url = settings.registry_url()
    named = contracts.family(now.subject)  # versions that records may name
    judge = Judge(was, now, codec_maker(source, named, HttpRegistry(url) if url else None))
    batches = _batches(records.name, settings)
    of = _digest(old.text, new.text, records.name, source.format)
    try:
        return _run(judge, batches, None if records.resume is None else Resume(file=records.resume, of=of))
    except TrafficError as error:
        raise click.BadParameter(str(error), param_hint="--records") from None


def _batches(name: str, settings: Settings) -> Callable[[Place], Iterator[Batch]]:
    if Path(name).is_file():
        return partial(file_batches, Path(name))
    return partial(topic_batches, settings.librdkafka(), name)


def _source(records: str, format_name: str | None, contracts: Contracts) -> Source:
    """How records are read: as told, as a pipeline reads the topic, else as plain JSON."""
    if format_name is None:
        pipelines, _ = read_pipelines(contracts.pipeline_texts)
        format_name = next((held.source.format for held in pipelines if held.source.topic == records), "json")
    return Source(topic=records, format=format_name, contract="", key=None, event_time=None, max_future_ms=0)


def _contracts(old: Schema, new: Schema, contracts: Contracts) -> tuple[Contract, Contract]:
    parsed = [_rows(schema) for schema in (old, new)]
    if not all(isinstance(schema, dict) for schema in parsed):
        raise click.UsageError("--records is for schemas of rows: JSON objects")
    subject = next((found for schema in parsed if (found := _subject(schema))), "iglu:of/records/jsonschema")
    pairs = zip((old, new), parsed, strict=True)
    was, now = (contract_of(one.name, schema, one.text, subject, contracts) for one, schema in pairs)
    return was, now


def _rows(schema: Schema) -> Any:
    """The JSON Schema of its rows."""
    if schema.kind == "json":
        return json.loads(schema.text)
    # Terms are of the dataset that the schema is named after, where it is named as a version of one.
    parts = split_format(schema.name)[0].split("/")
    vendor, name, version = parts if len(parts) == 3 and is_version(parts[2]) else ("of", "records", "1-0-0")
    try:
        return rows_of(schema.text, {"vendor": vendor, "name": name, "format": schema.kind, "version": version})
    except RowsError as error:
        raise click.UsageError(f"{schema.name}: {error}") from None


def _subject(schema: Mapping[str, Any]) -> str | None:
    named = schema.get("self")
    if not isinstance(named, dict) or "vendor" not in named or "name" not in named:
        return None
    return f"iglu:{named['vendor']}/{named['name']}/{named.get('format', FORMATS[0])}"


def _run(judge: Judge, batches: Callable[[Place], Iterator[Batch]], resume: Resume | None) -> Tally:
    tally, place = (Tally(), dict[str, int]()) if resume is None else resume.read()
    saved_s = time.monotonic()
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("reading records", total=1.0)
            for batch in batches(place):
                judge.judge(batch.records, tally)
                place = batch.place
                shown = f"{tally.failed:,} of {tally.judged:,} would fail"
                progress.update(bar, completed=batch.share, description=shown)
                if resume is not None and time.monotonic() - saved_s > SAVE_SECONDS:
                    resume.write(tally, place)
                    saved_s = time.monotonic()
    finally:
        if resume is not None:
            resume.write(tally, place)
    return tally


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def show_tally(tally: Tally) -> None:
    """Counts and causes."""
    click.echo(f"{tally.failed:,} of {tally.judged:,} would fail ({tally.records:,} records)")
    if tally.failed_before:
        click.echo(f"{tally.failed_before:,} of them are refused by the old schema, too")
    if tally.causes:
        rows: Iterable[Mapping[str, object]] = (
            {"code": code, "path": path or "(row)", "rows": rows} for (code, path), rows in tally.causes.most_common()
        )
        show_rows(rows, "table")
