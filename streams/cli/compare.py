"""``streams contracts compare``: what a changed schema does to those who read and write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click

from streams.contracts import Contract, Contracts, UnknownContractError, read_contracts
from streams.contracts.compatibility import (
    KINDS,
    RULES,
    Comparison,
    Difference,
    Mode,
    SchemaTextError,
    Verdict,
    compare_history,
)
from streams.contracts.compatibility.compare import Kind, Rules
from streams.contracts.compatibility.versions import next_schemaver, next_semver
from streams.contracts.iglu import is_version, split_format
from streams.governance.evidence import FORMATS, Tally
from streams.settings import Settings

from .evidence import Records, Schema, judge_records, show_tally
from .output import output_option, show_rows

BREAKS = 1
_NAMED = ("record", "enum", "fixed", "error")


@click.command()
@click.argument("schemas_", metavar="OLD... NEW", nargs=-1, required=True)
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), default=Mode.BACKWARD.value,
              show_default=True, help="What must hold; transitive: with every OLD, else with the last.")
@click.option("--rules", type=click.Choice(get_args(Rules)), default=RULES[0], show_default=True,
              help="For JSON Schema: proof by documents, or what a registry says.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="What the schemas are [default: by name and content].")
@click.option("--reference", "references", type=click.Path(path_type=Path, exists=True, dir_okay=False), multiple=True,
              help="A file that the schemas refer to, by the name it is referred to; repeat for more.")
@click.option("--schemas", "folder", type=click.Path(path_type=Path, file_okay=False),
              help="Folder for names such as com.acme.shop/orders/1-0-0 [default: STREAMS_SCHEMAS, else schemas].")
@click.option("--records", metavar="TOPIC|FILE", help="Hold real records against NEW, too: how many would fail, and"
              " why; never their values. A file has one record a line, or is a JSON array.")
@click.option("--format", "record_format", type=click.Choice(FORMATS),
              help="Of the records [default: as a pipeline reads the topic, else json].")
@click.option("--resume", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Note there how far the records are, and go on from there next time.")
@output_option
def compare(
    schemas_: tuple[str, ...], mode: str, rules: Rules, kind: Kind | None, references: tuple[Path, ...],
    folder: Path | None, records: str | None, record_format: str | None, resume: Path | None, output: str,
) -> None:
    """Compare schemas: who can read what, the version the change asks for, and what breaks, with a document.

    OLD and NEW are files, or versions in the folder: com.acme.shop/orders/1-0-0. Several OLD stand for the versions
    so far, oldest first. Exit code 1: the mode does not hold, or records would fail that the last OLD takes.
    """  # fmt: skip
    if len(schemas_) < 2:
        raise click.UsageError("name an old schema and a new one")
    texts = [_read(name, folder) for name in schemas_]
    kind = kind or _kind_of(schemas_[-1], texts[-1])
    resources = {str(path): path.read_text("utf-8") for path in references}
    asked_of = partial(compare_history, mode=Mode(mode), kind=kind, rules=rules, resources=resources)
    verdict = _verdict(asked_of, schemas_, texts)
    found = [(schemas_[place], comparison) for place, comparison in verdict.comparisons]
    versions = _next_versions(schemas_[-2], texts[-2], found[0][1]) if found else {}
    if output != "json":
        _print(found, schemas_[-1], Mode(mode), is_compatible=verdict.is_compatible, versions=versions)
    old, new = (Schema(name=name, text=text, kind=kind) for name, text in zip(schemas_[-2:], texts[-2:], strict=True))
    asked = None if records is None else Records(name=records, format=record_format, resume=resume)
    tally = None if asked is None else judge_records(old, new, asked, folder)
    if output == "json":
        about = {"mode": mode, "rules": rules, "kind": kind, "compatible": verdict.is_compatible, **versions}
        _print_json({**about, **_as_json(found)}, tally)
    elif tally is not None:
        show_tally(tally)
    if not verdict.is_compatible or (tally is not None and tally.failed > tally.failed_before):
        raise SystemExit(BREAKS)


def _print_json(report: Mapping[str, Any], tally: Tally | None) -> None:
    evidence = {} if tally is None else {"records": _evidence_row(tally)}
    click.echo(json.dumps({**report, **evidence}, default=str))


def _evidence_row(tally: Tally) -> dict[str, Any]:
    causes = [{"code": code, "path": path, "rows": rows} for (code, path), rows in tally.causes.most_common()]
    return {**tally.as_json(), "causes": causes}


def _read(name: str, folder: Path | None) -> str:
    """The text of a schema: of a file, else of a version in the folder."""
    path = Path(name)
    if path.is_file():
        try:
            return path.read_text("utf-8")
        except UnicodeDecodeError:
            raise click.UsageError(f"{name} is no text in UTF-8") from None
    contracts = read_contracts(folder or Settings.from_env().schemas)
    try:
        return _text_of(_resolved(contracts, name))
    except (UnknownContractError, ValueError):
        message = f"{name} is no file, and no version such as com.acme.shop/orders/1-0-0 in {contracts.folder}"
        raise click.UsageError(message) from None


def _resolved(contracts: Contracts, name: str) -> Contract:
    text, kind = split_format(name)
    vendor, dataset, version = text.split("/")
    return contracts.resolve(f"{contracts.subject_of(f'{vendor}/{dataset}', kind)}/{version}").newest


def _text_of(contract: Contract) -> str:
    return json.dumps(contract.schema) if contract.format == "jsonschema" else contract.text


def _kind_of(name: str, text: str) -> Kind:
    """By the file's ending, else by what it looks like."""
    by_ending: Mapping[str, Kind] = {".avsc": "avro", ".proto": "protobuf"}
    if Path(name).suffix in by_ending:
        return by_ending[Path(name).suffix]
    if text.strip() and not text.lstrip().startswith(("{", "[", '"', "true", "false")):
        return "protobuf"
    try:
        held = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return KINDS[0]
    is_avro = isinstance(held, dict) and held.get("type") in _NAMED and "name" in held
    return "avro" if is_avro else KINDS[0]


def _verdict(ask: partial[Verdict], names: tuple[str, ...], texts: list[str]) -> Verdict:
    """What ``ask`` says of the last of ``texts``; a schema that cannot be read is named."""
    try:
        return ask(texts[:-1], texts[-1])
    except SchemaTextError as error:
        broken = [name for name, text in zip(names, texts, strict=True) if _is_broken(ask, text)]
        raise click.UsageError(f"cannot compare: {''.join(f'{name}: ' for name in broken[:1])}{error}") from None


def _is_broken(ask: partial[Verdict], text: str) -> bool:
    try:
        ask([text], text, rules="confluent-strict")
    except SchemaTextError:
        return True
    return False


def _next_versions(name: str, old: str, comparison: Comparison) -> dict[str, str]:
    """The versions that follow the one that ``old``, or its ``name``, says; empty where neither does."""
    named = name.rpartition("/")[2]
    try:
        version = named if is_version(named) else json.loads(old)["self"]["version"]
        schemaver = next_schemaver(version, comparison.bump)
        semver = next_semver(version.replace("-", "."), comparison.bump)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {"schemaver": schemaver, "semver": semver}


def _as_json(found: list[tuple[str, Comparison]]) -> dict[str, Any]:
    if not found:
        return {}
    compared = [{"old": name, **_comparison_row(comparison)} for name, comparison in found]
    return {**_comparison_row(found[0][1]), "compared": compared}


def _comparison_row(comparison: Comparison) -> dict[str, Any]:
    return {
        "backward": comparison.backward,
        "forward": comparison.forward,
        "full": comparison.full,
        "bump": comparison.bump,
        "differences": [difference_row(one) for one in comparison.differences],
    }


def difference_row(one: Difference) -> dict[str, Any]:
    """A difference as JSON."""
    return {
        "code": one.code, "path": one.path, "message": one.message, "breaks": list(one.breaks), "witness": one.witness,
        "witnesses": dict(one.witnesses), "hint": one.hint,
    }  # fmt: skip


def _print(
    found: list[tuple[str, Comparison]], new: str, mode: Mode, *, is_compatible: bool, versions: Mapping[str, str]
) -> None:
    for name, comparison in found:
        click.echo(f"{name} → {new}")
        backward, forward = ("yes" if holds else "no" for holds in (comparison.backward, comparison.forward))
        click.echo(f"  new reads old data: {backward}   old reads new data: {forward}")
        is_last = bool(versions) and name == found[0][0]
        following = f" ({versions['schemaver']}, or {versions['semver']})" if is_last else ""
        click.echo(f"  bump: {comparison.bump}{following}")
        if comparison.differences:
            show_rows((shown_difference(one) for one in comparison.differences), "table")
    click.echo(f"{mode.value}: {'holds' if is_compatible else 'does not hold'}")


def shown_difference(one: Difference) -> dict[str, object]:
    """A difference as a row of a table."""
    return {
        "code": one.code,
        "path": one.path,
        "breaks": ", ".join(one.breaks),
        "what": one.message,
        "witness": json.dumps(one.witness, ensure_ascii=False) if one.witnesses else "",
        "instead": one.hint,
    }
