"""Scope: what the names in an expression mean.

Bare names are columns of the row. ``op``, ``before.x``, ``after.x``, ``source.x`` and ``key.x`` are the envelope;
a column with such a name is quoted. Paths of any depth reach into objects and arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from streams.contracts.model import Column, ColumnType
from streams.records import ChangeEvent

from .typed import Reader, reader_of

Evaluate = Callable[[ChangeEvent], object]

IMAGES = frozenset({"before", "after"})
ENVELOPE = frozenset({"op", "source", "key"}) | IMAGES


class ExpressionError(ValueError):
    """An expression that cannot be compiled; ``position`` counts characters from 0 where it is known."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The columns of a row, and whether the format has an envelope."""

    columns: Mapping[str, Column]
    envelope: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a name stands for."""

    evaluate: Evaluate
    type: ColumnType
    columns: frozenset[str]
    """Row columns it reads."""
    images: frozenset[str] = frozenset()
    """Columns of ``before`` and ``after`` it reads."""
    envelope: frozenset[str] = frozenset()
    """Parts of the envelope it reads: ``op``, ``key``, ``source``."""


Steps = Sequence[str | int]
"""Names, and places in arrays counted from 0."""


def resolve(parts: Steps, scope: Scope, *, is_quoted: bool) -> Reference:
    """The reference that the path ``parts`` names; ``is_quoted``: its first name is, and so is a column."""
    first, rest = str(parts[0]), parts[1:]
    if not is_quoted and first in ENVELOPE and (first == "op" or rest) and scope.envelope:
        return _envelope(first, rest, scope)
    column = scope.columns.get(first)
    if column is None:
        near = get_close_matches(first, [*scope.columns, *(ENVELOPE if scope.envelope else ())], n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(scope.columns))}"
        raise ExpressionError(f"no column {first!r}; {hint}")
    if rest:
        return Reference(evaluate=_path(first, rest), type=ColumnType.UNKNOWN, columns=frozenset({first}))
    return Reference(evaluate=_column(first, reader_of(column)), type=column.type, columns=frozenset({first}))


def _column(name: str, read: Reader | None) -> Evaluate:
    if read is None:
        return lambda event: event.row.get(name)

    def evaluate(event: ChangeEvent) -> object:
        value = event.row.get(name)
        return None if value is None else read(value)

    return evaluate


def _path(name: str, rest: Steps) -> Evaluate:
    def evaluate(event: ChangeEvent) -> object:
        return descend(event.row.get(name), rest)

    return evaluate


def descend(value: object, steps: Steps) -> object:
    """What ``steps`` reach inside ``value``; NULL where there is nothing."""
    for step in steps:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _envelope(first: str, rest: Steps, scope: Scope) -> Reference:
    if first == "op":
        return Reference(
            evaluate=lambda event: event.operation.name,
            type=ColumnType.TEXT,
            columns=frozenset(),
            envelope=frozenset({"op"}),
        )
    if first in IMAGES:
        return _image(first, rest, scope)
    if first == "key":
        return Reference(
            evaluate=lambda event: descend(event.key, rest),
            type=ColumnType.UNKNOWN,
            columns=frozenset(),
            envelope=frozenset({"key"}),
        )
    return Reference(
        evaluate=lambda event: descend(event.source, rest),
        type=ColumnType.UNKNOWN,
        columns=frozenset(),
        envelope=frozenset({"source"}),
    )


def _image(image: str, rest: Steps, scope: Scope) -> Reference:
    name = str(rest[0])
    column = scope.columns.get(name)
    if column is None:
        raise ExpressionError(f"no column {name!r} in {image}; there are: {', '.join(sorted(scope.columns))}")
    read = reader_of(column) if len(rest) == 1 else None

    def evaluate(event: ChangeEvent) -> object:
        row = event.before if image == "before" else event.after
        value = None if row is None else descend(row, rest)
        return value if value is None or read is None else read(value)

    kind = column.type if len(rest) == 1 else ColumnType.UNKNOWN
    return Reference(evaluate=evaluate, type=kind, columns=frozenset(), images=frozenset({name}))
