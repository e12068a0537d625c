"""What ``streams contracts check --against`` does: real data, held against the contract they should honour."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from streams.contracts import Contracts, read_contracts
from streams.contracts.iglu import dataset_of
from streams.contracts.registry_http import HttpRegistry
from streams.drafting.events.reading import UnknownFormError, guess_format
from streams.errors import ConfigurationError, Problem
from streams.governance.evidence import Tally
from streams.governance.report import junit
from streams.governance.traffic import Batch, TrafficError, file_batches, topic_batches, url_batches
from streams.pipeline.grammar import read_pipelines
from streams.settings import Settings
from streams.testing.checker import Checker, find_contract

from .output import show_rows

KAFKA = "kafka://"
FOUND_PROBLEMS = 1
PARAMETER = "--against"


def check_against(
    dataset: str, against: str, form: str | None, folder: Path | None, junit_file: Path | None, output: str
) -> None:
    """Count what honours the contract and what does not; exit code 1: something does not, or there was nothing."""
    settings = Settings.from_env()
    contracts = read_contracts(folder or settings.schemas)
    if contracts.problems and not contracts.families:
        raise ConfigurationError(contracts.problems)
    try:
        form, batches = _opened(against, form, contracts, settings)
        checker = _checker(dataset, form, contracts, settings)
        tally = _judged(checker, batches)
    except (TrafficError, UnknownFormError) as error:
        raise click.BadParameter(str(error), param_hint=PARAMETER) from None
    named = f"{dataset_of(checker.contract.subject)}/{checker.contract.version}"
    problems = list(_problems(named, against, tally))
    if junit_file is not None:
        junit_file.write_text(junit(problems, [named]), "utf-8")
    _show(named, against, form, tally, output)
    if problems:
        raise SystemExit(FOUND_PROBLEMS)


def _checker(dataset: str, form: str, contracts: Contracts, settings: Settings) -> Checker:
    try:
        contract = find_contract(dataset, contracts)
    except LookupError as error:
        raise click.BadParameter(str(error), param_hint="DATASET") from None
    url = settings.registry_url()
    registry = HttpRegistry(url) if url else None
    return Checker(contract, contracts, form=form, now_ms=time.time_ns() // 1_000_000, registry=registry)


def _opened(
    against: str, form: str | None, contracts: Contracts, settings: Settings
) -> tuple[str, Iterator[Batch]]:
    """(format, data): as told, as a pipeline reads the topic, else as the first records look."""
    batches = _source(against, settings)({})
    if form is None:
        pipelines, _ = read_pipelines(contracts.pipeline_texts)
        topic = against.removeprefix(KAFKA)
        form = next((held.source.format for held in pipelines if held.source.topic == topic), None)
    if form is not None:
        return form, batches
    first = next(batches, None)
    if first is None or not first.records:
        return "json", iter(() if first is None else (first,))
    return guess_format(first.records), chain([first], batches)


def _source(against: str, settings: Settings) -> Callable[[Any], Iterator[Batch]]:
    if against.startswith(KAFKA):
        return partial(topic_batches, settings.librdkafka(), against.removeprefix(KAFKA))
    if against.startswith(("http://", "https://")):
        return lambda place: url_batches(against)
    if not Path(against).is_file():
        message = f"{against} is no file; a topic is {KAFKA}TOPIC, an address http://…"
        raise click.BadParameter(message, param_hint=PARAMETER)
    return partial(file_batches, Path(against))


def _judged(checker: Checker, batches: Iterator[Batch]) -> Tally:
    tally = Tally()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("reading records", total=1.0)
        for batch in batches:
            checker.start_batch()
            for record in batch.records:
                tally.records += 1
                for faults in checker.rows(record):
                    tally.judged += 1
                    tally.failed += bool(faults)
                    tally.causes.update({(fault.code, fault.path) for fault in faults})
            shown = f"{tally.failed:,} of {tally.judged:,} do not honour it"
            progress.update(bar, completed=batch.share, description=shown)
    return tally


def _problems(named: str, against: str, tally: Tally) -> Iterator[Problem]:
    if not tally.judged:
        yield Problem(file=named, message=f"no rows in {_shown(against)}: nothing was checked")
    for (code, path), rows in tally.causes.most_common():
        yield Problem(file=named, path=path or "(row)", message=f"{code}: {rows} of {tally.judged} rows")


def _shown(against: str) -> str:
    """An address without its credentials and its query, which may hold some."""
    scheme, separator, rest = against.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}" if separator else against


def _show(named: str, against: str, form: str, tally: Tally, output: str) -> None:
    if output == "json":
        causes = [{"code": code, "path": path, "rows": rows} for (code, path), rows in tally.causes.most_common()]
        told = {"contract": named, "against": _shown(against), "format": form, "records": tally.records}
        click.echo(json.dumps({**told, "rows": tally.judged, "failed": tally.failed, "causes": causes}))
        return
    if not tally.judged:
        click.echo(f"no rows in {_shown(against)}: nothing was checked")
        return
    what = "all honour" if not tally.failed else f"{tally.failed:,} do not honour"
    click.echo(f"{tally.judged:,} rows in {tally.records:,} records ({form}): {what} {named}")
    if tally.causes:
        rows = ({"code": code, "path": path or "(row)", "rows": n} for (code, path), n in tally.causes.most_common())
        show_rows(rows, "table")
