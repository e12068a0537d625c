"""Mapping: one way of a migration, from rows of one version to rows of another.

A column that both versions have goes along as it is, a column that the other version lacks is left behind; so it is
inside of objects, and of objects in arrays. What is said of a column comes instead: ``address.city`` of one inside of
an object, by the row's columns; ``lines[].sku`` of one of each object in an array, by that object's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from streams.contracts import Column, Contract
from streams.contracts.columns import json_types
from streams.contracts.documents import Document
from streams.errors import Problem
from streams.pipeline.expressions import ExpressionError, Scope, compile_expression, to_json
from streams.pipeline.expressions.compile import parse
from streams.pipeline.expressions.nodes import path_of
from streams.records import ChangeEvent, Operation, Row, SourceRecord

from .places import problem_at

Compute = Callable[[Row], object]
ITEMS = "[]"
_NOWHERE = SourceRecord(topic="", partition=0, offset=0, timestamp_ms=0, key=None, value=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapper:
    """From a row, or an object in one, to that of the target's version."""

    known: frozenset[str]
    """Columns of the target."""
    left: frozenset[str]
    """Columns that the target lacks."""
    is_open: bool
    """Columns that neither knows go along."""
    computed: Mapping[str, Compute] = field(default_factory=dict)
    takes_null: frozenset[str] = frozenset()
    inside: Mapping[str, Mapper] = field(default_factory=dict)
    """By column, of objects; what is computed in them is computed by the whole row."""
    of_items: Mapping[str, Mapper] = field(default_factory=dict)
    """By column, of each object in an array."""

    def __call__(self, row: Row) -> dict[str, object]:
        """The row of the target's version."""
        return self.mapped(row, row)

    def mapped(self, held: Mapping[str, object], row: Row) -> dict[str, object]:
        """``held``, which is ``row`` or an object in it, as the target has it."""
        mapped = {name: value for name, value in held.items() if name not in self.left and self._goes(name)}
        for name, mapper in self.inside.items():
            inner = mapped.get(name)
            if isinstance(inner, dict) or (inner is None and mapper.makes(row)):
                mapped[name] = mapper.mapped(inner if isinstance(inner, dict) else {}, row)
        for name, mapper in self.of_items.items():
            if isinstance(listed := mapped.get(name), list):
                mapped[name] = [mapper(one) if isinstance(one, dict) else one for one in listed]
        for name, compute in self.computed.items():
            value = compute(row)
            mapped.pop(name, None)
            if value is not None or name in self.takes_null:
                mapped[name] = value
        return mapped

    def _goes(self, name: str) -> bool:
        return self.is_open or name in self.known

    def makes(self, row: Row) -> bool:
        """Whether something is computed where there was no object."""
        return any(compute(row) is not None for compute in self.computed.values()) or any(
            mapper.makes(row) for mapper in self.inside.values()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """The columns of a row, or of an object in it, and the schema that says so."""

    columns: Mapping[str, Column]
    shape: Mapping[str, Any]

    def inside(self, name: str, *, of_items: bool) -> _Side:
        column, properties = self.columns.get(name), self.shape.get("properties")
        shape = properties.get(name) if isinstance(properties, dict) else None
        if of_items:
            column = column.items if column else None
            shape = shape.get("items") if isinstance(shape, dict) else None
        return _Side(columns=column.fields if column else {}, shape=shape if isinstance(shape, dict) else {})

    def takes_null(self, name: str) -> bool:
        shape = self.shape["properties"][name]
        types = json_types(shape) if isinstance(shape, dict) else set()
        return not types or "null" in types


def read_mapper(document: Document, way: str, source: Contract, target: Contract, problems: list[Problem]) -> Mapper:
    """What ``document`` says of ``way``; mistakes are added to ``problems``."""
    reader = _Reader(document, way, source, target, problems)
    said = {tuple(_steps(name, target)): (name, text) for name, text in document.value.get(way, {}).items()}
    whole = [_Side(columns=contract.columns, shape=contract.schema) for contract in (source, target)]
    return reader.mapper(whole[0], whole[1], said, source.columns, is_open=not target.is_closed)


def _steps(name: str, target: Contract) -> Iterator[str]:
    """``lines[].sku`` as ``lines[]`` and ``sku``; a column may have a point in its own name."""
    yield from [name] if name in target.columns else name.split(".")


Said = Mapping[tuple[str, ...], tuple[str, str]]
"""By steps that are still to go, what is written: the whole name, and its expression."""


class _Reader:
    def __init__(
        self, document: Document, way: str, source: Contract, target: Contract, problems: list[Problem]
    ) -> None:
        self._document = document
        self._way = way
        self._versions = source.version, target.version
        self._problems = problems

    def mapper(
        self, source: _Side, target: _Side, said: Said, scope: Mapping[str, Column], *, is_open: bool = True
    ) -> Mapper:
        here = {steps[0]: held for steps, held in said.items() if len(steps) == 1}
        computed = {name: made for name, held in here.items() if (made := self._computed(held, name, target, scope))}
        nested = dict.fromkeys((*_objects(source, target), *(steps[0] for steps in said if len(steps) > 1)))
        mappers: dict[str, Mapper] = {}
        for step in nested:
            deeper = {steps[1:]: held for steps, held in said.items() if steps[0] == step and len(steps) > 1}
            name, of_items = step.removesuffix(ITEMS), step.endswith(ITEMS)
            was, now = (side.inside(name, of_items=of_items) for side in (source, target))
            mappers[step] = self.mapper(was, now, deeper, was.columns if of_items else scope)
        return Mapper(
            known=frozenset(target.columns),
            left=frozenset(source.columns.keys() - target.columns.keys()),
            is_open=is_open,
            computed=computed,
            takes_null=frozenset(name for name in computed if target.takes_null(name)),
            inside={step: held for step, held in mappers.items() if not step.endswith(ITEMS)},
            of_items={step.removesuffix(ITEMS): held for step, held in mappers.items() if step.endswith(ITEMS)},
        )

    def _computed(
        self, held: tuple[str, str], name: str, target: _Side, scope: Mapping[str, Column]
    ) -> Compute | None:
        whole, text = held
        old, new = self._versions
        column = target.columns.get(name)
        if column is None:
            known = ", ".join(sorted(target.columns)) or "no columns here"
            self._problem(whole, f"{new} has no column {whole!r}; it has: {known}")
            return None
        try:
            return _compute(text, scope, column)
        except ExpressionError as error:
            self._problem(whole, f"of a row of {old}: {error.message}")
            return None

    def _problem(self, name: str, message: str) -> None:
        self._problems.append(problem_at(self._document, (self._way, name), message))


def _objects(source: _Side, target: _Side) -> Iterator[str]:
    """Objects, and arrays of objects, that both have and that differ in what they have."""
    for name in source.columns.keys() & target.columns.keys():
        for step, of_items in ((name, False), (name + ITEMS, True)):
            was, now = (side.inside(name, of_items=of_items) for side in (source, target))
            if was.columns and now.columns:
                yield step


def _compute(text: str, columns: Mapping[str, Column], column: Column) -> Compute:
    expression = compile_expression(text, Scope(columns=columns, envelope=False))
    path = _plain_path(parse(text))
    if path:  # another name for the same value, to the last byte
        return lambda row: _at(row, path)
    evaluate = expression.evaluate
    return lambda row: to_json(evaluate(_as_event(row)), column)


def _plain_path(tree: Any) -> list[str]:
    """The names that a path is, where it is nothing else."""
    if not isinstance(tree, exp.Column | exp.Dot):
        return []
    steps, _ = path_of(tree)
    return [step for step in steps if isinstance(step, str)] if all(isinstance(step, str) for step in steps) else []


def _at(row: Row, path: list[str]) -> object:
    held: object = row
    for step in path:
        held = held.get(step) if isinstance(held, dict) else None
    return held


def _as_event(row: Row) -> ChangeEvent:
    return ChangeEvent(record=_NOWHERE, operation=Operation.READ, row=dict(row), source={}, key={}, event_time_ms=0)
