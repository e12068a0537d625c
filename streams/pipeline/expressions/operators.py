"""Operators: arithmetic, comparison, logic and patterns over closures, NULL in, NULL out."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Context, Decimal, DecimalException
from typing import Any
from uuid import UUID

from sqlglot import exp

from streams.contracts.model import ColumnType
from streams.records import ChangeEvent

from .scope import Evaluate

NUMERIC = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.DOUBLE})

_EXACT = Context(prec=1000)
_DIVISION = Context(prec=28)


def _divide(left: Any, right: Any) -> object:
    """Integers divide as PostgreSQL's do, towards zero; decimals to 28 digits; by zero: NULL."""
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return _DIVISION.divide(Decimal(left), Decimal(right))


def _modulo(left: Any, right: Any) -> object:
    """The remainder has the sign of the dividend, as in PostgreSQL; by zero: NULL."""
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        rest = abs(left) % abs(right)
        return rest if left >= 0 else -rest
    return _EXACT.remainder(Decimal(left), Decimal(right))


def _exactly(of_ints: Callable[[Any, Any], Any], of_decimals: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> object:
        if isinstance(left, int) and isinstance(right, int):
            return of_ints(left, right)
        return of_decimals(Decimal(left), Decimal(right))

    return apply


ARITHMETIC: Mapping[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.Add: _exactly(operator.add, _EXACT.add),
    exp.Sub: _exactly(operator.sub, _EXACT.subtract),
    exp.Mul: _exactly(operator.mul, _EXACT.multiply),
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


def arithmetic(kind: type[exp.Expr], left: Evaluate, right: Evaluate) -> Evaluate:
    """A closure of ``left kind right``; what cannot be computed is NULL."""
    apply = ARITHMETIC[kind]

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
        if type(a) is not type(b):
            a, b = _align(a, b)
        try:
            return apply(a, b)
        except TypeError:
            return None

    return evaluate


def _align(left: Any, right: Any) -> tuple[Any, Any]:
    """A text beside a date, time or UUID is read as one."""
    if isinstance(left, str):
        return _read_as(right, left), right
    if isinstance(right, str):
        return left, _read_as(left, right)
    return left, right


def _read_as(model: object, text: str) -> object:
    try:
        match model:
            case datetime():
                moment = datetime.fromisoformat(text)
                return moment if moment.tzinfo else moment.replace(tzinfo=model.tzinfo)
            case date():
                return date.fromisoformat(text)
            case time():
                return time.fromisoformat(text)
            case UUID():
                return UUID(text)
    except ValueError:
        pass
    return text


def logical_and(parts: list[Evaluate]) -> Evaluate:
    """FALSE if any part is, else NULL if any is, else TRUE (Kleene)."""

    def evaluate(event: ChangeEvent) -> object:
        result: bool | None = True
        for part in parts:
            value = part(event)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    return evaluate


def logical_or(parts: list[Evaluate]) -> Evaluate:
    """TRUE if any part is, else NULL if any is, else FALSE (Kleene)."""

    def evaluate(event: ChangeEvent) -> object:
        result: bool | None = False
        for part in parts:
            value = part(event)
            if value is True:
                return True
            if value is None:
                result = None
        return result

    return evaluate


def like(value: Evaluate, pattern: Evaluate, *, is_caseless: bool) -> Evaluate:
    """``%`` any run, ``_`` any character, backslash escapes; patterns are compiled once each."""
    compiled: dict[str, re.Pattern[str]] = {}

    def evaluate(event: ChangeEvent) -> object:
        text, shape = value(event), pattern(event)
        if not isinstance(text, str) or not isinstance(shape, str):
            return None
        found = compiled.get(shape)
        if found is None:
            if len(compiled) > 100:
                compiled.clear()
            found = compiled[shape] = _like_pattern(shape, is_caseless=is_caseless)
        return found.fullmatch(text) is not None

    return evaluate


def _like_pattern(shape: str, *, is_caseless: bool) -> re.Pattern[str]:
    parts, steps = [], iter(shape)
    for step in steps:
        if step == "%":
            parts.append(".*")
        elif step == "_":
            parts.append(".")
        else:
            parts.append(re.escape(next(steps, "\\") if step == "\\" else step))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if is_caseless else 0))
