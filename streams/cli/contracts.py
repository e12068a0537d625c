"""``streams contracts``: look at what ``schemas/`` agrees on, and check it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from streams.contracts import Column, Contract, ContractFamily, Contracts, UnknownContractError, read_contracts
from streams.contracts.iglu import dataset_of, split_format
from streams.errors import ConfigurationError
from streams.quality.book import read_quality
from streams.quality.rules import OF_ROWS, RuleSet
from streams.settings import Settings

from .lazy import Lazy, LazyGroup
from .output import output_option, schemas_option, show_rows

COMMANDS = {
    "bump": Lazy("bump", "Publish a draft as the next version.", "bump_command"),
    "check": Lazy("check", "Every mistake in schemas/, and what of a change may not be published.", "check"),
    "compare": Lazy("compare", "What a changed schema breaks, and for whom.", "compare"),
    "docs": Lazy("docs", "Data dictionary and glossary, to be read and searched.", "docs"),
    "export": Lazy("export", "Contracts for other tools and languages.", "export"),
    "impact": Lazy("reach", "Whom a change reaches, down to columns.", "impact"),
    "matrix": Lazy("reach", "Who produces and consumes what, and where that clashes.", "matrix"),
    "mock": Lazy("mock", "Rows that a contract admits, or that miss a rule by a hair.", "mock"),
    "new": Lazy("new", "A schema, a contract and a pipeline to begin with.", "new"),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def command() -> None:
    """Contracts: what a dataset looks like, who may see what, and what identifies a row.

    \b
      streams contracts list                                   what there is
      streams contracts show com.acme.shop/orders              one contract, column by column, and its rules
      streams contracts check --base main                      every mistake in every file, and in what changed
      streams contracts compare OLD NEW                        what a changed schema breaks, and for whom
      streams contracts mock orders                            rows that it admits, or that miss a rule by a hair
      streams contracts export orders --as typescript          the same for other tools and languages
      streams contracts docs --out dictionary                  all of it for people, to be searched
      streams contracts new --from-table URL orders            a schema, a contract and a pipeline to begin with
      streams contracts bump com.acme.shop/orders              publish a draft as the next version
      streams contracts matrix                                 who produces and consumes what, and where that clashes
      streams contracts impact com.acme.shop/orders            whom a change reaches, down to columns
    """


@command.command(name="list")
@schemas_option
@output_option
def list_contracts(schemas: Path | None, output: str) -> None:
    """List the datasets: newest version, key, and the columns that need care."""
    contracts = _usable(schemas)
    show_rows((_family_row(family) for _, family in sorted(contracts.families.items())), output, title="Contracts")


@command.command()
@click.argument("dataset")
@schemas_option
@output_option
def show(dataset: str, schemas: Path | None, output: str) -> None:
    """Show one DATASET, column by column: vendor/name, or vendor/name/1-0-0 for a version of it."""
    contracts = _usable(schemas)
    contract = _resolve(contracts, dataset)
    rules = read_quality(contracts)[0].get(contract.subject, RuleSet())
    if output == "json":
        click.echo(json.dumps({**_contract_document(contract), "quality": list(_rule_rows(rules))}))
        return
    key = ", ".join(contract.key) or "none: rows are events"
    fields = "refused" if contract.is_closed else "carried along"
    click.echo(f"{contract.uri}\nkey: {key}\nunknown fields: {fields}")
    show_rows((_column_row(column) for column in contract.columns.values()), output)
    if rules.rules:
        show_rows(_rule_rows(rules), output, title="quality rules")


def _read(schemas: Path | None) -> Contracts:
    return read_contracts(schemas or Settings.from_env().schemas)


def _usable(schemas: Path | None) -> Contracts:
    """What can be read; problems of the rest are told on stderr and do not stop who looks at something else."""
    contracts = _read(schemas)
    if contracts.problems and not contracts.families:
        raise ConfigurationError(contracts.problems)
    if contracts.problems:
        click.echo(f"{len(contracts.problems)} problems in {contracts.folder}: streams contracts check", err=True)
    return contracts


def _resolve(contracts: Contracts, dataset: str) -> Contract:
    text, kind = split_format(dataset)
    parts = [*text.split("/"), "*-*-*"]
    try:
        return contracts.resolve(f"{contracts.subject_of('/'.join(parts[:2]), kind)}/{parts[2]}").newest
    except UnknownContractError as error:
        raise click.BadParameter(str(error), param_hint="DATASET") from None
    except ValueError:
        raise click.BadParameter("write vendor/name, such as com.acme.shop/orders", param_hint="DATASET") from None


def _family_row(family: ContractFamily) -> dict[str, object]:
    newest = family.newest
    classified = (column.name for column in newest.columns.values() if column.classification)
    return {
        "dataset": dataset_of(newest.subject),
        "format": newest.format,
        "newest": newest.version,
        "versions": len(family.versions),
        "key": ", ".join(newest.key),
        "columns": len(newest.columns),
        "classified": ", ".join(classified),
    }


def _column_row(column: Column) -> dict[str, object]:
    return {
        "column": column.name,
        "type": column.type.value,
        "json": " or ".join(sorted(column.json_types)) or "any",
        "format": column.format,
        "nullable": "yes" if column.nullable else "no",
        "source": column.physical_type,
        "class": column.classification,
    }


def _rule_rows(rules: RuleSet) -> Iterator[Mapping[str, object]]:
    for rule in rules.rules.values():
        place = rule.problem("")
        yield {
            "rule": rule.name,
            "columns": ", ".join(rule.columns),
            "says": rule.text,
            "on fail": rules.on_fail_of(rule).value if rule.dimension in OF_ROWS else "finding",
            "from": place.file if place.line is None else f"{place.file}:{place.line}",
        }


def _contract_document(contract: Contract) -> dict[str, object]:
    columns = [
        {**_column_row(column), "nullable": column.nullable, "scale": column.scale, "unit": column.unit}
        for column in contract.columns.values()
    ]
    return {
        "uri": contract.uri,
        "format": contract.format,
        "version": contract.version,
        "key": list(contract.key),
        "is_closed": contract.is_closed,
        "columns": columns,
        "schema": contract.schema,
    }
