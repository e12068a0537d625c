"""``streams contracts export``: what is agreed on, as files of other tools."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click

from streams.contracts import Contract, Contracts, UnknownContractError, read_contracts
from streams.contracts.exports import FORMATS, Exported, export_dataset
from streams.contracts.exports.sql import DIALECTS
from streams.errors import ConfigurationError
from streams.quality.book import dataset_of, datasets_of
from streams.settings import Settings

from .output import output_option, schemas_option


@click.command()
@click.argument("dataset", required=False)
@click.option("--as", "form", type=click.Choice(sorted(FORMATS)), required=True, help="What to write.")
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

    A model refuses nothing that the contract admits; what it admits beside that is told in
    streams/contracts/exports/README.md.
    """  # fmt: skip
    contracts = usable(schemas)
    chosen = [family.newest for _, family in sorted(contracts.families.items())]
    if dataset is not None:
        chosen = [chosen_contract(dataset, contracts)]
    files = [export_dataset(contract, contracts, form, dialect=dialect) for contract in chosen]
    deliver(files, out, output, is_one=dataset is not None)


def usable(schemas: Path | None) -> Contracts:
    """The contracts; what is wrong with them stops an export."""
    contracts = read_contracts(schemas or Settings.from_env().schemas)
    if contracts.problems:
        raise ConfigurationError(contracts.problems)
    return contracts


def chosen_contract(text: str, contracts: Contracts) -> Contract:
    """What ``text`` names: ``orders``, ``com.acme.shop/orders`` or ``com.acme.shop/orders/1-0-0``."""
    parts = text.removeprefix("iglu:").replace("/jsonschema", "", 1).split("/")
    name, version = "/".join(parts[:2]), parts[2] if len(parts) == 3 else "*-*-*"
    found = datasets_of(name, contracts.families)
    if len(found) != 1:
        names = ", ".join(map(dataset_of, found or sorted(contracts.families))) or "none"
        told = f"can be {names}; write the vendor, too" if found else f"is no dataset; there are: {names}"
        raise click.BadParameter(f"{text!r} {told}", param_hint="DATASET")
    try:
        return contracts.resolve(f"{found[0]}/{version}").newest
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
    is_file = is_one and not out.is_dir() and out.suffix != ""
    if not is_file and out.is_file():
        raise click.UsageError(f"{out} is a file, and a folder is needed")
    written = [(out if is_file else out / held.path, held.text) for held in listed]
    for place, text in written:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    places = [str(place) for place, _ in written]
    click.echo(json.dumps(places) if output == "json" else "\n".join(places))
