"""Migrations: rows of one version of a contract as rows of the next, and back.

What both versions have goes along, and ``up`` and ``down`` say the rest in SQL. NULL is null where the column takes it;
elsewhere the row goes without that column.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from streams.contracts import Contract, Validator, compile_validator
from streams.contracts.documents import Document, DocumentError, parse_yaml
from streams.contracts.shape import shape_problems
from streams.errors import Problem
from streams.records import Row

from .mapping import Mapper, read_mapper
from .places import placed, problem_at

UP, DOWN = "up", "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """Both ways between a version and the one before it."""

    document: Document
    up: Mapper
    down: Mapper
    examples: tuple[Row, ...]
    """Rows of the old version, besides those of its schema."""


def read_migration(text: str, file: str, old: Contract, new: Contract, problems: list[Problem]) -> Migration | None:
    """The migration in ``text``; ``None`` where ``problems`` say why not."""
    try:
        document = parse_yaml(text, file)
    except DocumentError as error:
        problems.append(error.problem)
        return None
    found = list(map(placed, shape_problems(document, _grammar(), _grammar_validator())))
    if not found:
        up = read_mapper(document, UP, old, new, found)
        down = read_mapper(document, DOWN, new, old, found)
    problems += found
    if found:
        return None
    examples = tuple(_exact(row) for row in document.value.get("examples", ()))
    return Migration(document=document, up=up, down=down, examples=examples)


@cache
def _grammar() -> dict[str, Any]:
    held: dict[str, Any] = json.loads(files("streams.governance").joinpath("migration.schema.json").read_text("utf-8"))
    return held


@cache
def _grammar_validator() -> Validator:
    return compile_validator(_grammar())


def _exact(value: Any) -> Any:
    """YAML's floats as the decimals that were written."""
    if isinstance(value, Mapping):
        return {name: _exact(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_exact(held) for held in value]
    return Decimal(repr(value)) if isinstance(value, float) else value


def try_migration(migration: Migration, old: Contract, new: Contract, examples: Iterable[Row]) -> list[Problem]:
    """What goes wrong with the rows of ``old``: its own ``examples``, and those of the migration."""
    document, problems = migration.document, []
    listed = [(("examples", place), f"examples[{place}]", row) for place, row in enumerate(migration.examples)]
    schema = [((UP,), f"example {place + 1} of {old.version}", row) for place, row in enumerate(examples)]
    if not listed and not schema:
        message = f"no row to try it with; list rows of {old.version} under examples"
        return [problem_at(document, (), message)]
    for path, name, row in (*schema, *listed):
        if found := old.validator.violations(row):
            problems.append(problem_at(document, path, f"{name} is no row of {old.version}: {_told(found)}"))
            continue
        raised = migration.up(row)
        refusals = _refusals(migration, UP, new, raised, name)
        problems += refusals or _refusals(migration, DOWN, old, migration.down(raised), name)
    return problems


def weak_places(migration: Migration, new: Contract, witnesses: Mapping[str, Row]) -> list[Problem]:
    """Rows that show what breaks, by the change they show, and that are no rows of ``new`` after ``up`` either."""
    return [
        problem
        for change, row in witnesses.items()
        for problem in _refusals(migration, UP, new, migration.up(row), f"a row that shows {change}")
    ]


def _refusals(migration: Migration, way: str, target: Contract, row: Row, name: str) -> list[Problem]:
    problems = []
    for violation in target.validator.violations(row):
        column = violation.path.partition(".")[0].partition("[")[0]
        rule = f"{violation.path}: {violation.message}" if violation.path else violation.message
        came = way if way == UP else f"{UP} and {DOWN}"
        message = f"{name}, after {came}, is no row of {target.version}: {rule}"
        problems.append(problem_at(migration.document, (way, column) if column else (way,), message))
    return problems


def _told(violations: Iterable[Any]) -> str:
    return "; ".join(f"{one.path or 'the row'} {one.message}" for one in violations)
