"""``streams contracts bump``: a draft becomes the next version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from streams.contracts import read_contracts
from streams.contracts.iglu import is_name, is_vendor, split_format
from streams.contracts.load import CONTRACT_FILE, DRAFT_FILES
from streams.contracts.numbers import NUMBERS_FILE
from streams.errors import ConfigurationError
from streams.governance.drafts import Bumped, Draft, bump, format_of
from streams.governance.files import Files, read_files
from streams.governance.numbers import recorded_numbers
from streams.governance.published import LOCK, lock_text, read_lock
from streams.governance.series import SchemaVersion, all_series, leading_formats, resources_of
from streams.governance.steps import migration_file
from streams.governance.terms import with_version
from streams.settings import Settings

from .compare import difference_row, shown_difference
from .output import output_option, schemas_option, show_rows

FOUND_PROBLEMS = 1


@click.command(name="bump")
@click.argument("dataset")
@click.option("--from", "draft", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="The draft: .avsc is Avro, .proto Protobuf, all else JSON Schema [default: draft.json, draft.avsc or"
              " draft.proto in the dataset's folder, which is removed once published].")
@click.option("--dry-run", is_flag=True, help="Only tell what the change is and which version it would be.")
@schemas_option
@output_option
def bump_command(dataset: str, draft: Path | None, dry_run: bool, schemas: Path | None, output: str) -> None:
    """Publish a draft of DATASET (vendor/name) as its next version: the number follows from the change.

    \b
      cp schemas/com.acme.shop/orders/jsonschema/1-0-0 schemas/com.acme.shop/orders/draft.json
      edit schemas/com.acme.shop/orders/draft.json
      streams contracts bump com.acme.shop/orders

    Writes jsonschema/M-R-A (or in avro/, protobuf/), the next version into contract.yaml, and a line into
    published.sha256 where that is kept.
    Exit code 1: the draft cannot be a version.
    """  # fmt: skip
    folder = schemas or Settings.from_env().schemas
    vendor, _, name = split_format(dataset)[0].partition("/")
    if not is_vendor(vendor) or not is_name(name):
        raise click.BadParameter("write vendor/name, such as com.acme.shop/orders", param_hint="DATASET")
    place = draft or _draft_in(folder / vendor / name)
    files = read_files(folder)
    try:
        bumped = _bumped(place, f"{vendor}/{name}", files)
    except ConfigurationError as error:
        for problem in error.problems:
            click.echo(str(problem), err=output == "json")
        raise SystemExit(FOUND_PROBLEMS) from None
    written = _published(bumped, files)
    if bumped.is_new and not dry_run:
        _write(folder, written)
        _write(folder, _numbers_after(bumped, folder))
        if draft is None:
            place.unlink()
    _tell(bumped, written, files, output, is_dry=dry_run)


def _draft_in(folder: Path) -> Path:
    there = [place for name in DRAFT_FILES if (place := folder / name).is_file()]
    if not there:
        message = f"no draft in {folder}; copy the newest version to {DRAFT_FILES[0]} there and edit it, or use --from"
        raise click.UsageError(message)
    if len(there) > 1:
        raise click.UsageError(f"several drafts in {folder}; name one of them by --from")
    return there[0]


def _bumped(place: Path, dataset: str, files: Files) -> Bumped:
    every = all_series(files)
    draft = Draft(file=str(place), dataset=dataset, format=format_of(str(place)), text=place.read_text("utf-8"))
    series = next((one for one in every if (one.dataset, one.format) == (dataset, draft.format)), None)
    return bump(draft, series, resources_of(every))


def _published(bumped: Bumped, files: Files) -> Mapping[str, str]:
    """The files that publishing writes; empty where nothing changed."""
    if not bumped.is_new:
        return {}
    version = bumped.version
    written = {version.file: version.text}
    contract = f"{version.dataset}/{CONTRACT_FILE}"
    if contract in files and bumped.old is not None and version.format == _leading(version, files):
        step = "addition" if bumped.comparison is None or bumped.comparison.bump == "none" else bumped.comparison.bump
        if (following := with_version(files[contract].decode(), contract, step)) is not None:
            written[contract] = following[0]
    recorded = read_lock(files, [])
    if recorded is not None:
        added = {**files, version.file: version.text.encode()}
        new = {name: content for name, content in added.items() if name in recorded or name == version.file}
        written[LOCK] = lock_text(new, recorded)
    return written


def _numbers_after(bumped: Bumped, folder: Path) -> Mapping[str, str]:
    """The dataset's numbers of Protobuf's fields, where they are recorded, with those of the new version."""
    file = f"{bumped.version.dataset}/{NUMBERS_FILE}"
    if not (folder / file).exists():
        return {}
    return {name: text for name, text in recorded_numbers(read_contracts(folder), frozenset()).items() if name == file}


def _write(folder: Path, written: Mapping[str, str]) -> None:
    for name, text in written.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())


def _tell(bumped: Bumped, written: Mapping[str, str], files: Files, output: str, *, is_dry: bool) -> None:
    if output == "json":
        click.echo(json.dumps(_report(bumped, [] if is_dry else sorted(written), files), default=str))
        return
    version, old = bumped.version, bumped.old
    if not bumped.is_new:
        click.echo(f"{version.dataset}: nothing changed since {version.version}; nothing is written")
        return
    was = "the first version" if old is None else f"after {old.version}"
    click.echo(f"{version.dataset} {version.version} ({was})")
    if bumped.comparison is not None and bumped.comparison.differences:
        show_rows((shown_difference(one) for one in bumped.comparison.differences), output)
    for name in written:
        click.echo(f"{'would write' if is_dry else 'wrote'} {name}")
    if old is not None and (migration := _missing_migration(bumped, files)) is not None:
        click.echo(
            f"rows of {old.version} are refused now: write {migration} with up and down,"
            " by column an expression over the other version's row"
        )


def _report(bumped: Bumped, written: list[str], files: Files) -> Mapping[str, object]:
    comparison = bumped.comparison
    return {
        "dataset": bumped.version.dataset,
        "old": bumped.old and bumped.old.version,
        "bump": "none" if comparison is None else comparison.bump,
        "new": bumped.version.version,
        "written": written,
        "migration": _missing_migration(bumped, files),
        "differences": [difference_row(one) for one in comparison.differences] if comparison else [],
    }


def _leading(version: SchemaVersion, files: Files) -> str:
    """The format that rows of the dataset are migrated in, and that its contract is about."""
    return leading_formats(all_series(files)).get(version.dataset, version.format)


def _missing_migration(bumped: Bumped, files: Files) -> str | None:
    """The file that the gate will ask for."""
    breaks = bumped.comparison is not None and not bumped.comparison.backward
    file = migration_file(bumped.version)
    return file if breaks and bumped.version.format == _leading(bumped.version, files) and file not in files else None
