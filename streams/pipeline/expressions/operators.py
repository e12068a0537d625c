"""Operators: arithmetic, comparison and logic over closures, NULL in, NULL out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, DecimalException
from typing import Any
from uuid import UUID

from sqlglot import exp

from streams.contracts.model import ColumnType
from streams.records import ChangeEvent

from .scope import Evaluate

NUMERIC = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.DOUBLE})

EXACT = Context(prec=1000)
DIVISION = Context(prec=28)


def _divide(left: Any, right: Any) -> object:
    """Integers divide as PostgreSQL's do, towards zero; decimals to 28 digits; by zero: NULL."""
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return divide_numerics(left, right)


def divide_numerics(left: Any, right: Any) -> object:
    """The quotient of a numeric column, also where a value of it happens to be whole; by zero: NULL."""
    return None if right == 0 else DIVISION.divide(Decimal(left), Decimal(right))


def _modulo(left: Any, right: Any) -> object:
    """The remainder has the sign of the dividend, as in PostgreSQL; by zero: NULL."""
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        rest = abs(left) % abs(right)
        return rest if left >= 0 else -rest
    return EXACT.remainder(Decimal(left), Decimal(right))


def _exactly(of_ints: Callable[[Any, Any], Any], of_decimals: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> object:
        if isinstance(left, int) and isinstance(right, int):
            return of_ints(left, right)
        return of_decimals(Decimal(left), Decimal(right))

    return apply


ARITHMETIC: Mapping[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.Add: _exactly(operator.add, EXACT.add),
    exp.Sub: _exactly(operator.sub, EXACT.subtract),
    exp.Mul: _exactly(operator.mul, EXACT.multiply),
    exp.Div: _divide,
    exp.Mod: _modulo,
}

COMPARISONS: Mapping[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}


def arithmetic(apply: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate) -> Evaluate:
    """A closure that applies an operator to ``left`` and ``right``; what cannot be computed is NULL."""

    def evaluate(event: ChangeEvent) -> object:
        a, b = left(event), right(event)
        if a is None or b is None:
            return None
        try:
            return apply(a, b)
        except (TypeError, ValueError, DecimalException):
            return None

    return evaluate


def comparison(kind: type[exp.Expr], left: Evaluate, right: Evaluate) -> Evaluate:
    """A closure of ``left kind right``; values that cannot be compared give NULL."""
    apply = COMPARISONS[kind]

    def evaluate(event: ChangeEvent) -> object:
        a, b = left(event), right(event)
        if a is None or b is None:
            return None
        try:
            return apply(a, b)
        except TypeError:
            return None

    return evaluate


def comparison_with(kind: type[exp.Expr], left: Evaluate, right: Any) -> Evaluate:
    """A closure of ``left kind literal``: most conditions of most pipelines."""
    apply = COMPARISONS[kind]

    def evaluate(event: ChangeEvent) -> object:
        value = left(event)
        if value is None:
            return None
        try:
            return apply(value, right)
        except TypeError:
            return None

    return evaluate


def is_in(value: Evaluate, choices: list[object]) -> Evaluate:
    """Whether a value is among literals: NULL where it is not and one of them is NULL."""
    known, otherwise = frozenset(choices) - {None}, None if None in choices else False

    def evaluate(event: ChangeEvent) -> object:
        found = value(event)
        if found is None:
            return None
        try:
            return True if found in known else otherwise
        except TypeError:
            return None

    return evaluate


def same(left: Evaluate, right: Evaluate, *, is_wanted: bool) -> Evaluate:
    """IS [NOT] DISTINCT FROM: NULL is the same as NULL; never NULL itself."""
    return lambda event: (left(event) == right(event)) is is_wanted


def read_as(kind: ColumnType, text: str) -> object:
    """A text literal as the date, time or UUID it stands for; ``None`` where it is none."""
    try:
        match kind:
            case ColumnType.TIMESTAMP:
                moment = datetime.fromisoformat(text)
                return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            case ColumnType.DATE:
                return date.fromisoformat(text)
            case ColumnType.TIME:
                return time.fromisoformat(text)
            case ColumnType.UUID:
                return UUID(text)
            case _:
                return None
    except (ValueError, OverflowError):
        return None


def logical_and(parts: list[Evaluate]) -> Evaluate:
    """FALSE if any part is, else NULL if any is, else TRUE (Kleene)."""
    return _kleene(parts, decisive=False)


def logical_or(parts: list[Evaluate]) -> Evaluate:
    """TRUE if any part is, else NULL if any is, else FALSE (Kleene)."""
    return _kleene(parts, decisive=True)


def _kleene(parts: list[Evaluate], *, decisive: bool) -> Evaluate:
    """``decisive`` if any part is, else NULL if any is, else the opposite."""

    def evaluate(event: ChangeEvent) -> object:
        result: bool | None = not decisive
        for part in parts:
            value = part(event)
            if value is decisive:
                return decisive
            if value is None:
                result = None
        return result

    return evaluate
