"""Aggregate calls: ``count(*)``, ``count(x)``, ``sum(x)``, ``avg(x)``, ``min(x)``, ``max(x)``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqlglot import exp

from streams.contracts.model import ColumnType

from .compile import Expression, expression_of, parse
from .operators import NUMERIC
from .scope import ExpressionError, Scope


class AggregateFunction(Enum):
    """What is kept of a group."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateCall:
    """One aggregate column."""

    function: AggregateFunction
    argument: Expression | None
    """``None``: ``count(*)``."""
    type: ColumnType
    text: str
    meaning: str
    """The same however it is written: capitals of functions and spaces do not count."""


_FUNCTIONS: dict[type[exp.Expr], AggregateFunction] = {
    exp.Count: AggregateFunction.COUNT,
    exp.Sum: AggregateFunction.SUM,
    exp.Avg: AggregateFunction.AVG,
    exp.Min: AggregateFunction.MIN,
    exp.Max: AggregateFunction.MAX,
}
_ORDERED = NUMERIC | {
    ColumnType.TEXT,
    ColumnType.TIMESTAMP,
    ColumnType.DATE,
    ColumnType.TIME,
    ColumnType.UUID,
}


def compile_aggregate(text: str, scope: Scope) -> AggregateCall:
    """Compile one aggregate; raises ``ExpressionError``, by name for what arrives later."""
    tree = parse(text)
    meaning = tree.sql(dialect="postgres")
    function = _FUNCTIONS.get(type(tree))
    if function is None:
        if isinstance(tree, (exp.AggFunc, exp.Filter)):
            raise ExpressionError(f"{text}: arrives later; there are count, sum, avg, min and max")
        raise ExpressionError(f"{text}: no aggregate; write count(*), count(x), sum(x), avg(x), min(x) or max(x)")
    if isinstance(tree.this, exp.Distinct):
        raise ExpressionError(f"{text}: distinct aggregates arrive later")
    if tree.this is None or tree.args.get("expressions"):
        raise ExpressionError(f"{text}: takes one argument")
    if isinstance(tree.this, exp.Star) and function is not AggregateFunction.COUNT:
        raise ExpressionError(f"{text}: only count takes *; name a column")
    if isinstance(tree.this, exp.Star):
        return AggregateCall(function=function, argument=None, type=ColumnType.INTEGER, text=text, meaning=meaning)
    argument = expression_of(tree.this, tree.this.sql(dialect="postgres"), scope)
    _check(function, argument, text)
    kind = _type_of(function, argument)
    return AggregateCall(function=function, argument=argument, type=kind, text=text, meaning=meaning)


def _check(function: AggregateFunction, argument: Expression, text: str) -> None:
    is_sum = function in (AggregateFunction.SUM, AggregateFunction.AVG)
    if argument.type is ColumnType.UNKNOWN and function is not AggregateFunction.COUNT:
        raise ExpressionError(f"{text}: the contract does not say of what type; cast it, as in x::numeric")
    if is_sum and argument.type not in NUMERIC:
        raise ExpressionError(f"{text}: {argument.type.value} is no number; cast it")
    if function in (AggregateFunction.MIN, AggregateFunction.MAX) and argument.type not in _ORDERED:
        raise ExpressionError(f"{text}: {argument.type.value} has no order")


def _type_of(function: AggregateFunction, argument: Expression) -> ColumnType:
    match function:
        case AggregateFunction.COUNT:
            return ColumnType.INTEGER
        case AggregateFunction.AVG:
            return ColumnType.DECIMAL
        case _:
            return argument.type
