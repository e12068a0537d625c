"""``streams contracts matrix`` and ``impact``: who produces and consumes what, and whom a change reaches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from streams.contracts import Contract, Contracts, read_contracts
from streams.contracts.iglu import dataset_of, version_numbers
from streams.contracts.registry import MemoryRegistry
from streams.dsl import load_modules
from streams.errors import ConfigurationError
from streams.governance.files import Files, read_files
from streams.governance.matrix import MATRIX_FILE, Row, Use, datasets_of, pipeline_uses, read_matrix, rows_of
from streams.governance.picture import picture_of, picture_of_matrix
from streams.governance.reach import Hit, reach_of
from streams.governance.references import EVERY_VERSION, Reference
from streams.pipeline.compile import compile_topology
from streams.pipeline.grammar import read_pipelines
from streams.planning.drawing import draw
from streams.planning.graph import Graph
from streams.settings import Settings

from .output import output_option, schemas_option, show_rows

FOUND_PROBLEMS = 1


@click.command()
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw it into this file.")
@schemas_option
@output_option
def matrix(svg: Path | None, schemas: Path | None, output: str) -> None:
    """Show which services and pipelines produce and consume which versions, and where that clashes.

    Services say it in schemas/matrix.yaml; of pipelines it is read from their files. Exit code 1: somebody consumes
    what nobody produces, or only in other versions, or a version that is not there.
    """
    folder, contracts, uses, has_services = _read(schemas)
    rows = rows_of(uses, contracts)
    wrong = [row for row in rows if row.is_wrong] if has_services else []
    if svg is not None:
        _draw(picture_of_matrix(rows), "Contracts and who speaks them", svg)
    if output == "json":
        by_state = {state: [_row(row) for row in wrong if row.state == state] for state in _STATES}
        report = {"contracts": list(map(_row, rows)), **{_STATES[state]: held for state, held in by_state.items()}}
        click.echo(json.dumps(report))
    else:
        show_rows((_joined(_row(row)) for row in rows), output, title="Contracts and who speaks them")
        if not has_services:
            click.echo(f"{folder / MATRIX_FILE} names no services: what pipelines read counts as produced", err=True)
    if wrong:
        raise SystemExit(FOUND_PROBLEMS)


_STATES = {
    "no producer": "missing_producers", "version conflict": "version_conflicts", "unknown version": "unknown_versions"
}  # fmt: skip


@click.command()
@click.argument("subject", metavar="SUBJECT[@VERSION]")
@click.option("--column", "columns", multiple=True, help="Only what a change of this column reaches; repeat for more.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw it into this file.")
@schemas_option
@output_option
def impact(subject: str, columns: tuple[str, ...], svg: Path | None, schemas: Path | None, output: str) -> None:
    """Tell which services, pipelines, tables and columns a change of a contract reaches.

    \b
      streams contracts impact com.acme.shop/orders                    whatever changes
      streams contracts impact com.acme.shop/orders --column amount    one column
      streams contracts impact com.acme.shop/orders@1-1-0              what that version changed

    DIRECT: the value goes in; INDIRECT: it decides. Read from expressions and schemas/matrix.yaml, not from data.
    """
    _, contracts, uses, _ = _read(schemas)
    start, changed = _changed(contracts, subject, columns)
    built = load_modules(Settings.from_env().pipeline_modules)
    topology = compile_topology(
        contracts, app="impact", mask_key=b"only to look", registry=MemoryRegistry(), built=built
    )
    reach = reach_of(start, changed, topology.plans, uses, datasets_of(contracts))
    if svg is not None:
        _draw(picture_of(reach), f"What a change of {start} reaches", svg)
    rows = list(map(_hit, reach.hits))
    if output == "json":
        about = {"contract": start.contract, "version": start.version, "columns": list(changed)}
        click.echo(json.dumps({**about, "hits": rows}))
        return
    click.echo(f"{start}: {', '.join(changed) or 'no column changed'}")
    show_rows(map(_joined, rows), output, title="Reached")


def _read(schemas: Path | None) -> tuple[Path, Contracts, tuple[Use, ...], bool]:
    """(folder, contracts, who uses them, whether services say so); raises ``ConfigurationError``."""
    folder = schemas or Settings.from_env().schemas
    contracts = read_contracts(folder)
    files: Files = read_files(folder) if folder.is_dir() else {}
    problems = list(contracts.problems)
    said = read_matrix(files, contracts, problems)
    pipelines, unreadable = read_pipelines(contracts.pipeline_texts)
    problems += unreadable
    if problems:
        raise ConfigurationError(problems)
    built = load_modules(Settings.from_env().pipeline_modules)
    return folder, contracts, (*said, *pipeline_uses((*pipelines, *built), contracts)), bool(said)


def _changed(contracts: Contracts, subject: str, columns: tuple[str, ...]) -> tuple[Reference, tuple[str, ...]]:
    """What changes: the columns that are named, else those that the version changed, else all."""
    name, _, version = subject.removeprefix("iglu:").partition("@")
    name = dataset_of(name)
    family = contracts.families.get(contracts.subject_of(name))
    if family is None:
        known = ", ".join(datasets_of(contracts))
        raise click.BadParameter(f"no contract {name}; there are: {known}", param_hint="SUBJECT")
    held = family.newest if not version else family.version(version)
    if held is None:
        known = ", ".join(one.version for one in family.versions)
        raise click.BadParameter(f"no version {version} of {name}; there are: {known}", param_hint="SUBJECT")
    before = [one for one in family.versions if version_numbers(one.version) < version_numbers(held.version)]
    there = {**(before[-1].columns if before else {}), **held.columns}
    if unknown := [column for column in columns if column not in there]:
        message = f"no column {', '.join(unknown)}; there are: {', '.join(there)}"
        raise click.BadParameter(message, param_hint="--column")
    changed = columns or (_differing(before[-1], held) if version and before else tuple(there))
    return Reference(contract=name, version=version or EVERY_VERSION), tuple(dict.fromkeys(changed))


def _differing(old: Contract, new: Contract) -> tuple[str, ...]:
    """Columns whose shape differs, or that became required or optional."""
    was, now = (dict(_shapes(contract)) for contract in (old, new))
    return tuple(name for name in {**was, **now} if was.get(name) != now.get(name))


def _shapes(contract: Contract) -> Iterator[tuple[str, object]]:
    properties: Any = contract.schema.get("properties", {})
    required: Any = contract.schema.get("required", ())
    for name, shape in properties.items():
        yield name, (shape, name in required)


def _draw(graph: Graph, title: str, file: Path) -> None:
    try:
        file.write_text(draw(graph, title=title), "utf-8")
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="--svg") from None
    click.echo(f"drawn in {file}", err=True)


def _row(row: Row) -> Mapping[str, object]:
    return {
        "contract": row.reference.contract,
        "version": row.reference.version,
        "producers": list(row.producers),
        "consumers": list(row.consumers),
        "state": row.state,
    }


def _hit(hit: Hit) -> Mapping[str, object]:
    place = {"kind": hit.place.kind.value, "name": hit.place.name, "column": hit.column}
    return {**place, "from": list(hit.origins), "how": hit.how}


def _joined(row: Mapping[str, object]) -> Mapping[str, object]:
    return {name: ", ".join(held) if isinstance(held, list) else held for name, held in row.items()}
