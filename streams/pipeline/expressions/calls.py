"""Calls: functions and casts over closures. What does not fit its arguments is NULL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from sqlglot import exp

from streams.contracts.model import ColumnType
from streams.records import ChangeEvent

from .functions import FUNCTIONS, Function
from .operators import EXACT
from .scope import Evaluate, ExpressionError
from .typed import read_number, text_of

_D = exp.DataType.Type

CAST_TYPES: Mapping[Any, ColumnType] = {
    _D.SMALLINT: ColumnType.INTEGER,
    _D.INT: ColumnType.INTEGER,
    _D.BIGINT: ColumnType.INTEGER,
    _D.DECIMAL: ColumnType.DECIMAL,
    _D.TEXT: ColumnType.TEXT,
    _D.VARCHAR: ColumnType.TEXT,
    _D.BOOLEAN: ColumnType.BOOLEAN,
    _D.TIMESTAMP: ColumnType.TIMESTAMP,
    _D.TIMESTAMPTZ: ColumnType.TIMESTAMP,
    _D.DATE: ColumnType.DATE,
    _D.UUID: ColumnType.UUID,
}

_INTEGER_BITS: Mapping[Any, int] = {_D.SMALLINT: 16, _D.INT: 32, _D.BIGINT: 64}

_IMPURE = frozenset(
    {"currenttimestamp", "currentdate", "currenttime", "localtimestamp", "now", "random", "rand", "uuid"}
)


def find_function(name: str, count: int) -> Function:
    """The function ``name`` for ``count`` arguments; raises ``ExpressionError`` that says what there is."""
    if name in _IMPURE:
        raise ExpressionError(f"{name}: an event's result may not depend on when or where it is computed")
    function = FUNCTIONS.get(name)
    if function is None:
        near = get_close_matches(name, FUNCTIONS, n=1)
        known = "there are: " + ", ".join(sorted({*FUNCTIONS, "coalesce", "nullif", "date_trunc", "extract"}))
        raise ExpressionError(f"no function {name!r}; " + (f"did you mean {near[0]}?" if near else known))
    fewest, most = function.arguments
    if not fewest <= count <= most:
        wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise ExpressionError(f"{name} takes {wanted} arguments, not {count}")
    return function


def call_closure(call: Callable[..., object], arguments: list[Evaluate], *, sees_null: bool = False) -> Evaluate:
    """NULL where an argument is NULL, unless the call sees to that, or where the call does not fit its arguments."""
    if len(arguments) == 1 and not sees_null:
        return _call_of_one(call, arguments[0])

    def evaluate(event: ChangeEvent) -> object:
        values = [argument(event) for argument in arguments]
        if not sees_null and None in values:
            return None
        try:
            return call(*values)
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            return None

    return evaluate


def _call_of_one(call: Callable[..., object], argument: Evaluate) -> Evaluate:
    def evaluate(event: ChangeEvent) -> object:
        value = argument(event)
        if value is None:
            return None
        try:
            return call(value)
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            return None

    return evaluate


def caster(target: Any) -> tuple[Callable[[Any], object], ColumnType]:
    """What a cast to sqlglot's type ``target`` does and gives; raises ``ExpressionError`` for a type there is not."""
    kind = CAST_TYPES.get(target.this)
    if kind is None:
        raise ExpressionError(f"cast to {target.sql(dialect='postgres')}: not part of this grammar")
    sizes = [int(size.name) for size in target.expressions]
    if kind is ColumnType.DECIMAL and sizes:
        return _numeric(sizes[0], sizes[1] if len(sizes) > 1 else 0), kind
    if kind is ColumnType.TEXT and sizes:
        return lambda value: text_of(value)[: sizes[0]], kind
    if kind is ColumnType.INTEGER:
        return _integer(_INTEGER_BITS[target.this]), kind
    return _CASTS[kind], kind


def _numeric(precision: int, scale: int) -> Callable[[Any], object]:
    """``numeric(precision, scale)``: rounded to its scale; NULL where the digits do not fit."""
    unit, limit = Decimal(1).scaleb(-scale), Decimal(10) ** (precision - scale)

    def cast(value: Any) -> object:
        number = read_number(value)
        if number is None:
            return None
        rounded = Decimal(number).quantize(unit, ROUND_HALF_UP, EXACT)  # type: ignore[arg-type]  # int or Decimal
        return rounded if abs(rounded) < limit else None

    return cast


def _integer(bits: int) -> Callable[[Any], object]:
    """A whole number of ``bits``; text must be one, a decimal is rounded; NULL where it does not fit."""
    limit = 1 << (bits - 1)

    def cast(value: Any) -> object:
        number = int(value) if isinstance(value, (bool, str)) else read_number(value)
        if isinstance(number, Decimal):
            number = int(number.quantize(Decimal(1), ROUND_HALF_UP, EXACT))
        return number if isinstance(number, int) and -limit <= number < limit else None

    return cast


def _boolean(value: Any) -> object:
    if isinstance(value, (bool, int)):
        return bool(value)
    text = str(value).strip().lower()
    found = {is_true for word, is_true in _TRUTH.items() if text and word.startswith(text)}
    return found.pop() if len(found) == 1 else None


_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
"""PostgreSQL takes these words and what only one of them begins with."""


def _timestamp(value: Any) -> object:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _date(value: Any) -> object:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else datetime.fromisoformat(str(value)).date()


_CASTS: Mapping[ColumnType, Callable[[Any], object]] = {
    ColumnType.DECIMAL: read_number,
    ColumnType.TEXT: text_of,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.TIMESTAMP: _timestamp,
    ColumnType.DATE: _date,
    ColumnType.UUID: lambda value: value if isinstance(value, UUID) else UUID(str(value)),
}
