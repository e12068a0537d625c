"""``streams contracts export``: what is agreed on, and what pipelines and workers do with it, for other tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from streams.contracts import Contract, Contracts, UnknownContractError, read_contracts
from streams.contracts.exports import FORMATS, Exported, export_dataset
from streams.contracts.exports.odcs import Elsewhere
from streams.contracts.exports.sql import DIALECTS
from streams.contracts.iglu import dataset_of, split_format
from streams.contracts.registry import MemoryRegistry
from streams.dsl import load_modules
from streams.errors import ConfigurationError
from streams.governance.asyncapi import Cluster, asyncapi_of, only
from streams.pipeline.compile import compile_topology
from streams.quality.book import datasets_of, read_quality
from streams.quality.rules import RuleSet
from streams.quality.written import written_checks, written_levels
from streams.settings import Settings
from streams.worker.web.openapi import openapi_of, types_of, with_datasets

from .output import output_option, schemas_option

DOCUMENTS = ("asyncapi", "openapi")
"""Forms that are one document about everything."""


@click.command()
@click.argument("dataset", required=False)
@click.option("--as", "form", type=click.Choice(sorted({*FORMATS, *DOCUMENTS})), required=True, help="What to write.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR|FILE",
              help="Write there instead of printing; a folder where several files come.")
@click.option("--dialect", type=click.Choice(DIALECTS), default=DIALECTS[0], show_default=True, help="Of --as sql.")
@schemas_option
@output_option
def export(
    dataset: str | None, form: str, out: Path | None, dialect: str, schemas: Path | None, output: str
) -> None:
    """Write DATASET (vendor/name, or a name or a version of it) for other tools; without it, all there is.

    \b
      streams contracts export orders --as typescript
      streams contracts export com.acme.shop/orders/1-0-0 --as protobuf
      streams contracts export --as pydantic --out models
      streams contracts export --as asyncapi --out asyncapi.json      all topics of the pipelines
      streams contracts export --as openapi                           the workers' HTTP interface, and rows

    A model refuses nothing that the contract admits; what it admits beside that is told in
    streams/contracts/exports/README.md.
    """  # fmt: skip
    contracts = usable(schemas)
    chosen = [family.newest for _, family in sorted(contracts.families.items())]
    if dataset is not None:
        chosen = [chosen_contract(dataset, contracts)]
    if form in DOCUMENTS:
        files = [_document(form, chosen, contracts, is_whole=dataset is None)]
    else:
        book = _book(contracts) if form == "odcs" else {}
        files = [
            export_dataset(contract, contracts, form, dialect=dialect, more=_elsewhere(contract, book))
            for contract in chosen
        ]
    deliver(files, out, output, is_one=dataset is not None)


def _book(contracts: Contracts) -> Mapping[str, RuleSet]:
    book, problems = read_quality(contracts)
    if problems:
        raise ConfigurationError(problems)
    return book


def _elsewhere(contract: Contract, book: Mapping[str, RuleSet]) -> Elsewhere:
    """Rules of quality that are not in the contract's own file."""
    rules = book.get(contract.subject, RuleSet())
    own = f"{dataset_of(contract.subject)}/contract.yaml"
    return Elsewhere(checks=written_checks(rules, but_in=own), levels=written_levels(rules, but_in=own))


def _document(form: str, chosen: list[Contract], contracts: Contracts, *, is_whole: bool) -> Exported:
    """One document about the pipelines of the folder; of one dataset, the part about it."""
    settings = Settings.from_env()
    if form == "openapi" and not is_whole:
        return _as_json("openapi.json", types_of(chosen, contracts))
    topology = compile_topology(
        contracts, app=settings.app, mask_key=b"only to look", registry=MemoryRegistry(),
        built=load_modules(settings.pipeline_modules),
    )  # fmt: skip
    if form == "openapi":
        url = f"http://{settings.web_host}:{settings.web_port}"
        document = with_datasets(openapi_of(topology.plans, contracts, url=url), chosen, contracts)
        return _as_json("openapi.json", document)
    is_secure = "SSL" in settings.kafka.get("security.protocol", "").upper()
    cluster = Cluster(brokers=settings.brokers, is_secure=is_secure, registry=settings.registry)
    document = asyncapi_of(topology, contracts, cluster)
    return _as_json("asyncapi.json", document if is_whole else only(document, chosen[0].subject))


def _as_json(path: str, document: Mapping[str, Any]) -> Exported:
    return Exported(path=path, text=json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def usable(schemas: Path | None) -> Contracts:
    """The contracts; what is wrong with them stops an export."""
    contracts = read_contracts(schemas or Settings.from_env().schemas)
    if contracts.problems:
        raise ConfigurationError(contracts.problems)
    return contracts


def chosen_contract(text: str, contracts: Contracts) -> Contract:
    """What ``text`` names: ``orders``, ``com.acme.shop/orders`` or ``com.acme.shop/orders/1-0-0``."""
    plain, kind = split_format(text)
    parts = plain.split("/")
    name, version = "/".join(parts[:2]), parts[2] if len(parts) == 3 else "*-*-*"
    found = datasets_of(name, contracts.families)
    if len(found) != 1:
        names = ", ".join(map(dataset_of, found or sorted(contracts.families))) or "none"
        told = f"can be {names}; write the vendor, too" if found else f"is no dataset; there are: {names}"
        raise click.BadParameter(f"{text!r} {told}", param_hint="DATASET")
    try:
        return contracts.resolve(f"{contracts.subject_of(dataset_of(found[0]), kind)}/{version}").newest
    except (UnknownContractError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="DATASET") from None


def deliver(files: Iterable[Exported], out: Path | None, output: str, *, is_one: bool) -> None:
    """Print one file, or write them; several go to a folder. As JSON: path and text of each."""
    listed = list(files)
    if out is None:
        if output == "json":
            click.echo(json.dumps([{"path": held.path, "text": held.text} for held in listed]))
        elif is_one or len(listed) == 1:
            click.echo(listed[0].text, nl=False)
        else:
            raise click.UsageError(f"these are {len(listed)} files: --out DIR, or name a dataset")
        return
    is_file = (is_one or len(listed) == 1) and not out.is_dir() and out.suffix != ""
    if not is_file and out.is_file():
        raise click.UsageError(f"{out} is a file, and a folder is needed")
    written = [(out if is_file else out / held.path, held.text) for held in listed]
    for place, text in written:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    places = [str(place) for place, _ in written]
    click.echo(json.dumps(places) if output == "json" else "\n".join(places))
