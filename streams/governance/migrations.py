"""Migrations: rows of one version of a contract as rows of the next, and back.

A column that both versions have goes along as it is, a column that the other version lacks is left behind, and ``up``
and ``down`` say the rest in SQL. NULL is null where the column takes it; elsewhere the row goes without that column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from sqlglot import exp

from streams.contracts import Column, Contract, Validator, compile_validator
from streams.contracts.columns import json_types
from streams.contracts.documents import Document, DocumentError, parse_yaml
from streams.contracts.shape import shape_problems
from streams.errors import Problem
from streams.pipeline.expressions import ExpressionError, Scope, compile_expression, to_json
from streams.pipeline.expressions.compile import parse
from streams.records import ChangeEvent, Operation, Row, SourceRecord

from .places import placed, problem_at

Compute = Callable[[Row], object]
UP, DOWN = "up", "down"
_NOWHERE = SourceRecord(topic="", partition=0, offset=0, timestamp_ms=0, key=None, value=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapper:
    """One way of a migration."""

    target: Contract
    carried: frozenset[str]
    """Columns of both versions."""
    left: frozenset[str]
    """Columns that the target lacks."""
    computed: Mapping[str, Compute]
    takes_null: frozenset[str]

    def __call__(self, row: Row) -> dict[str, object]:
        """The row of the target's version."""
        is_open = not self.target.is_closed
        mapped = {
            name: value
            for name, value in row.items()
            if name in self.carried or (is_open and name not in self.left and name not in self.target.columns)
        }
        for name, compute in self.computed.items():
            value = compute(row)
            mapped.pop(name, None)
            if value is not None or name in self.takes_null:
                mapped[name] = value
        return mapped


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
        up = _mapper(document, UP, old, new, found)
        down = _mapper(document, DOWN, new, old, found)
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


def _mapper(document: Document, way: str, source: Contract, target: Contract, problems: list[Problem]) -> Mapper:
    computed: dict[str, Compute] = {}
    for name, text in document.value.get(way, {}).items():
        column = target.columns.get(name)
        if column is None:
            known = ", ".join(sorted(target.columns))
            problems.append(document.problem((way, name), f"{target.version} has no column {name!r}; it has: {known}"))
            continue
        try:
            computed[name] = _compute(text, source.columns, column)
        except ExpressionError as error:
            problems.append(document.problem((way, name), f"of a row of {source.version}: {error.message}"))
    return Mapper(
        target=target,
        carried=frozenset(source.columns.keys() & target.columns.keys()),
        left=frozenset(source.columns.keys() - target.columns.keys()),
        computed=computed,
        takes_null=frozenset(name for name in computed if _takes_null(target, name)),
    )


def _compute(text: str, columns: Mapping[str, Column], column: Column) -> Compute:
    expression = compile_expression(text, Scope(columns=columns, envelope=False))
    tree = parse(text)
    if isinstance(tree, exp.Column) and len(tree.parts) == 1:  # another name for the same value, to the last byte
        named = tree.name
        return lambda row: row.get(named)
    evaluate = expression.evaluate
    return lambda row: to_json(evaluate(_as_event(row)), column)


def _as_event(row: Row) -> ChangeEvent:
    return ChangeEvent(record=_NOWHERE, operation=Operation.READ, row=dict(row), source={}, key={}, event_time_ms=0)


def _takes_null(contract: Contract, name: str) -> bool:
    properties: Any = contract.schema["properties"]
    shape = properties[name]
    types = json_types(shape) if isinstance(shape, dict) else set()
    return not types or "null" in types


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
