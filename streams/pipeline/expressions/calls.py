"""Calls: functions and casts over closures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, DecimalException
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from sqlglot import exp

from streams.contracts.model import ColumnType
from streams.records import ChangeEvent

from .functions import FUNCTIONS
from .scope import Evaluate, ExpressionError
from .typed import read_number, to_json

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

_IMPURE = frozenset({"currenttimestamp", "currentdate", "currenttime", "now", "random", "rand", "gen_random_uuid"})


def call_function(name: str, arguments: list[Evaluate]) -> tuple[Evaluate, ColumnType | None]:
    """A closure of the call and its type; raises ``ExpressionError`` for an unknown name or a wrong count."""
    if name in _IMPURE:
        raise ExpressionError(f"{name}: an event's result may not depend on when it is computed")
    if name == "concat_null":
        return _guarded(lambda *parts: "".join(map(_text, parts)), arguments), ColumnType.TEXT
    function = FUNCTIONS.get(name)
    if function is None:
        near = get_close_matches(name, FUNCTIONS, n=1)
        raise ExpressionError(f"no function {name!r}; " + (f"did you mean {near[0]}?" if near else f"{_known()}"))
    fewest, most = function.arguments
    if not fewest <= len(arguments) <= most:
        raise ExpressionError(f"{name} takes {fewest} to {most} arguments, not {len(arguments)}")
    if function.skips_null:
        return _unguarded(function.call, arguments), function.type
    return _guarded(function.call, arguments), function.type


def _known() -> str:
    return "there are: " + ", ".join(sorted(FUNCTIONS))


def _guarded(call: Callable[..., object], arguments: list[Evaluate]) -> Evaluate:
    """NULL where an argument is NULL or the call does not fit its arguments."""

    def evaluate(event: ChangeEvent) -> object:
        values = [argument(event) for argument in arguments]
        if None in values:
            return None
        try:
            return call(*values)
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            return None

    return evaluate


def _unguarded(call: Callable[..., object], arguments: list[Evaluate]) -> Evaluate:
    def evaluate(event: ChangeEvent) -> object:
        try:
            return call(*[argument(event) for argument in arguments])
        except (TypeError, ValueError):
            return None

    return evaluate


def cast_to(kind: ColumnType, inner: Evaluate) -> Evaluate:
    """A closure that casts; what does not fit is NULL."""
    convert = _CASTS[kind]

    def evaluate(event: ChangeEvent) -> object:
        value = inner(event)
        if value is None:
            return None
        try:
            return convert(value)
        except (TypeError, ValueError, DecimalException):
            return None

    return evaluate


def _integer(value: Any) -> object:
    if isinstance(value, bool):
        return int(value)
    number = read_number(value)
    return None if number is None else int(Decimal(number).quantize(Decimal(1), ROUND_HALF_UP))  # type: ignore[arg-type]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(to_json(value, ColumnType.TEXT))


def _boolean(value: Any) -> object:
    if isinstance(value, (bool, int)):
        return bool(value)
    return {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}.get(str(value).lower())


def _timestamp(value: Any) -> object:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _date(value: Any) -> object:
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value))


_CASTS: Mapping[ColumnType, Callable[[Any], object]] = {
    ColumnType.INTEGER: _integer,
    ColumnType.DECIMAL: read_number,
    ColumnType.TEXT: _text,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.TIMESTAMP: _timestamp,
    ColumnType.DATE: _date,
    ColumnType.UUID: lambda value: value if isinstance(value, UUID) else UUID(str(value)),
}
