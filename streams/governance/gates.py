"""Gates: whether a change of a folder of contracts may be published; every reason why not in one report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from streams.contracts import Contract, Contracts
from streams.contracts.compatibility.model import BACKWARD
from streams.contracts.iglu import is_version
from streams.errors import Problem
from streams.pipeline.grammar import read_pipelines
from streams.records import Row

from .files import Base, Files
from .matrix import matrix_problems, pipeline_uses, read_matrix
from .migrations import read_migration, try_migration, weak_places
from .numbers import numbers_problems
from .published import base_problems, in_base, known_files, lock_problems, read_lock, unrecorded
from .series import JSON, SchemaVersion, Series, all_series, leading_formats, resources_of
from .steps import Step, gaps, migration_file, steps_of, told, wrong_bump
from .terms import terms_problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the gates say."""

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    """What is wrong and published, so that nobody can mend it, or that others must mend."""


def check_gates(contracts: Contracts, files: Files, base: Base | None = None, *, records: bool = False) -> Findings:
    """Hold ``files``, of which ``contracts`` were read, against their history.

    ``base``: what is published. ``records``: versions are about to be recorded, so it is no mistake that some are not,
    and what ``base`` does not know may have changed.
    """
    return _Gates(contracts, files, base).findings(records=records)


class _Gates:
    """Collects what is wrong."""

    def __init__(self, contracts: Contracts, files: Files, base: Base | None) -> None:
        self._contracts = contracts
        self._files = files
        self._base = base
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []
        self._lock = read_lock(files, self._problems)
        self._known = known_files(base, self._lock or ())
        self._series = all_series(files)
        self._leading = leading_formats(self._series)

    def findings(self, *, records: bool) -> Findings:
        """Everything."""
        resources = resources_of(self._series)
        for series in self._series:
            for gap in gaps(series):
                self._judge(gap)
            for step in steps_of(series, resources):
                self._check(step)
        self._problems += _without_version(self._files, self._series)
        self._check_matrix()
        if self._lock is not None and records:
            self._problems += lock_problems(self._files, in_base(self._lock, self._base))
        elif self._lock is not None:
            self._problems += (*lock_problems(self._files, self._lock), *unrecorded(self._files, self._lock))
        if not records:
            at_base = frozenset() if self._base is None else frozenset(self._base.tip)
            self._problems += numbers_problems(self._contracts, self._files, self._base, self._known | at_base)
        if self._base is not None:
            self._problems += base_problems(self._files, self._base)
        if self._base is not None and not self._base.is_assumed:
            self._problems += terms_problems(self._files, self._series, self._base)
        return Findings(problems=tuple(dict.fromkeys(self._problems)), warnings=tuple(self._warnings))

    def _judge(self, problem: Problem) -> None:
        """What is published under a wrong number keeps it."""
        (self._warnings if problem.file in self._known else self._problems).append(problem)

    def _check(self, step: Step) -> None:
        file = migration_file(step.new)
        if (problem := wrong_bump(step, has_migration=file in self._files)) is not None:
            self._judge(problem)
        if step.new.format != self._leading[step.new.dataset]:
            return
        if file in self._files:
            self._try_migration(step, file)
        elif step.is_breaking:
            message = (
                f"rows of {step.old.version} are refused ({told(step.comparison)}); say in {file}"
                " how they become rows of this version (up) and go back (down)"
            )
            self._problems.append(step.new.problem((), message))

    def _check_matrix(self) -> None:
        """What services say of versions that are not there; who waits for whom may be mended elsewhere."""
        said = read_matrix(self._files, self._contracts, self._problems)
        pipelines, _ = read_pipelines(self._contracts.pipeline_texts)
        for is_wrong, problem in matrix_problems((*said, *pipeline_uses(pipelines, self._contracts)), self._contracts):
            (self._problems if is_wrong else self._warnings).append(problem)

    def _try_migration(self, step: Step, file: str) -> None:
        old, new = self._contract(step.old), self._contract(step.new)
        if old is None or new is None:  # what is wrong with it is told by the loader
            return
        text = self._files[file].decode(errors="replace")
        migration = read_migration(text, file, old, new, self._problems)
        if migration is None:
            return
        found = try_migration(migration, old, new, _examples(step.old))
        self._problems += found
        self._warnings += () if found else weak_places(migration, new, _witnesses(step))

    def _contract(self, version: SchemaVersion) -> Contract | None:
        family = self._contracts.family(f"iglu:{version.dataset}/{version.format}")
        return None if family is None else family.version(version.version)


def _examples(version: SchemaVersion) -> Iterable[Row]:
    """The rows that the schema itself gives, numbers exact; only JSON Schemas have any."""
    if version.format != JSON:
        return []
    held: Mapping[str, Any] = json.loads(version.text, parse_float=Decimal)
    listed = held.get("examples")
    return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []


def _witnesses(step: Step) -> Mapping[str, Row]:
    """By code and place of a change a row of the old version that the new one refuses."""
    return {
        f"{one.code} {one.path}": one.witness
        for one in step.comparison.differences
        if BACKWARD in one.breaks and isinstance(one.witness, dict)
    }


def _without_version(files: Files, all_of: Sequence[Series]) -> Iterator[Problem]:
    """Migrations to what is not there."""
    leading = leading_formats(all_of)
    leads = (series for series in all_of if series.format == leading[series.dataset])
    known = {migration_file(version) for series in leads for version in series.versions[1:]}
    for file in files:
        parts = file.split("/")
        if len(parts) != 4 or parts[2] != "migrations" or file in known:
            continue
        name = parts[3].removesuffix(".yaml")
        if name == parts[3] or not is_version(name):
            message = "a migration is named after the version that it leads to, such as 1-1-0.yaml"
        else:
            message = f"there is no version {name} with one before it"
        yield Problem(file=file, message=message)
