"""``streams contracts check``: every mistake in every file, and whether a change may be published."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from streams.contracts import Contracts, read_contracts
from streams.contracts.registry import MemoryRegistry
from streams.dsl import load_modules
from streams.errors import ConfigurationError, Problem
from streams.governance.evidence import FORMATS
from streams.governance.files import Base, Files, GitError, find_base, read_base, read_files
from streams.governance.gates import check_gates
from streams.governance.numbers import recorded_numbers
from streams.governance.published import LOCK, in_base, lock_text, read_lock
from streams.governance.report import junit, workflow_lines
from streams.pipeline.compile import compile_topology
from streams.pipeline.spec import Pipeline
from streams.settings import Settings

from .against import check_against
from .output import output_option, schemas_option

FOUND_PROBLEMS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found."""

    contracts: Contracts
    files: Files
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    built: int
    """Pipelines that Python modules hold."""


@click.command()
@click.argument("dataset", required=False)
@click.option("--against", metavar="kafka://TOPIC|FILE|URL", help="Hold real data against the contract of DATASET, and"
              " check nothing else.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Of those data [default: as a pipeline reads the"
              " topic, else as they look].")
@click.option("--base", metavar="REF", help="A branch, tag or commit of git: what it holds is published"
              " [default: the main branch, of versions of schemas].")
@click.option("--record", is_flag=True, help=f"If all is fine, note the versions in {LOCK}, so that edits are seen.")
@click.option("--junit", "junit_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the report as JUnit's XML, too; a test case for each file.")
@click.option("--github/--no-github", envvar="GITHUB_ACTIONS", default=False,
              help="Annotate the lines in GitHub's view of the change [default: inside of its workflows].")
@schemas_option
@output_option
def check(
    dataset: str | None, against: str | None, form: str | None, base: str | None, record: bool,
    junit_file: Path | None, github: bool, schemas: Path | None, output: str,
) -> None:
    """Check every file: schemas, contracts, their history, and the pipelines that use them.

    \b
    Also refused:
      a gap between versions, and a version that says less (or more) than the change from the one before it
      an edit of a published version: against git, and against published.sha256
      a change that refuses rows of the version before, without a migration that the old version's examples pass
      with --base, a contract that changed under its old version

    Pipelines of STREAMS_PIPELINE_MODULES are checked, too. Exit code 1: something is wrong.

    \b
      streams contracts check orders --against kafka://cdc.orders.v1
      streams contracts check com.acme.shop/orders/1-0-0 --against sent.jsonl --junit report.xml
      streams contracts check orders --against http://127.0.0.1:8080/orders

    tells how many rows do not honour schema and rules, by path and code, and never a value of them. A file or an
    answer has one record a line, or is a JSON array. Exit code 1: some do not, or there were none.
    """  # fmt: skip
    if (dataset is None) != (against is None):
        raise click.UsageError("DATASET and --against go together")
    if dataset is not None and against is not None:
        check_against(dataset, against, form, schemas, junit_file, output)
        return
    folder = schemas or Settings.from_env().schemas
    report = examine(folder, _base(folder, base), records=record)
    if record and not report.problems:
        _record(folder, report, _base(folder, base))
    if junit_file is not None:
        _write(junit_file, junit(report.problems, report.files))
    if output == "json":
        rows = {"problems": list(map(problem_row, report.problems)), "warnings": list(map(str, report.warnings))}
        click.echo(json.dumps(rows))
    else:
        _print_findings(report)
    if github:
        _annotate(report, folder, to_stderr=output == "json")
    if report.problems:
        raise SystemExit(FOUND_PROBLEMS)


def examine(folder: Path, base: Base | None = None, *, records: bool = False) -> Report:
    """Everything that is wrong in ``folder``."""
    contracts = read_contracts(folder)
    files = read_files(folder) if folder.is_dir() else {}
    problems, built = _all_problems(contracts)
    gates = check_gates(contracts, files, base, records=records)
    return Report(
        contracts=contracts,
        files=files,
        problems=(*problems, *gates.problems),
        warnings=gates.warnings,
        built=len(built),
    )


def _base(folder: Path, name: str | None) -> Base | None:
    if name is None:
        return find_base(folder) if folder.is_dir() else None
    try:
        return read_base(folder, name)
    except GitError as error:
        raise click.BadParameter(str(error), param_hint="--base") from None


def _all_problems(contracts: Contracts) -> tuple[list[Problem], Sequence[Pipeline]]:
    """What is wrong with files and modules, and the pipelines that the modules hold."""
    problems: list[Problem] = []
    built: tuple[Pipeline, ...] = ()
    try:
        built = load_modules(Settings.from_env().pipeline_modules)
    except ConfigurationError as error:
        problems += error.problems
    try:
        # Files are judged here, not this machine's secrets and settings: any key and any registry serve.
        compile_topology(contracts, app="check", mask_key=b"only to check", registry=MemoryRegistry(), built=built)
    except ConfigurationError as error:
        problems += error.problems
    return problems, built


def _record(folder: Path, report: Report, base: Base | None) -> None:
    """All versions are published from now on."""
    files = report.files
    published = frozenset(read_lock(files, []) or ()) | frozenset(() if base is None else base.tip)
    for name, text in recorded_numbers(report.contracts, published).items():
        _write(folder / name, text)
    _write(folder / LOCK, lock_text(files, in_base(read_lock(files, []) or {}, base)))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}") from None


def _print_findings(report: Report) -> None:
    folder, problems = report.contracts.folder, report.problems
    for warning in report.warnings:
        click.echo(f"warning: {warning}")
    for problem in problems:
        click.echo(str(problem))
    if problems:
        click.echo(f"{len(problems)} problem{'s' * (len(problems) > 1)} in {folder}")
        return
    versions = sum(len(family.versions) for family in report.contracts.families.values())
    click.echo(
        f"{folder} is fine: {len(report.contracts.families)} datasets in {versions} versions,"
        f" {len(report.contracts.pipeline_texts) + report.built} pipelines"
    )


def _annotate(report: Report, folder: Path, *, to_stderr: bool) -> None:
    """GitHub reads them from what a step writes, on either stream."""
    try:
        shown = folder.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        shown = folder.as_posix()
    shown = "" if shown == "." else shown
    found: Iterable[tuple[tuple[Problem, ...], str]] = ((report.problems, "error"), (report.warnings, "warning"))
    for problems, level in found:
        for line in workflow_lines(problems, shown, level=level):
            click.echo(line, err=to_stderr)


def problem_row(problem: Problem) -> Mapping[str, object]:
    """A problem as JSON."""
    return {"file": problem.file, "line": problem.line, "path": problem.path, "message": problem.message}
