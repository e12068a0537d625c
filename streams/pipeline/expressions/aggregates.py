"""Aggregate calls: ``count``, ``sum``, ``avg``, ``min``, ``max`` and the others, ``filter (where …)`` on any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlglot import exp

from streams.contracts.model import ColumnType

from .compile import Expression, expression_of, parse
from .operators import NUMERIC
from .scope import Evaluate, ExpressionError, Scope


class AggregateFunction(Enum):
    """What is kept of a group."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    ARG_MIN = "arg_min"
    ARG_MAX = "arg_max"
    APPROX_COUNT_DISTINCT = "approx_count_distinct"
    APPROX_QUANTILE = "approx_quantile"
    STRING_AGG = "string_agg"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateCall:
    """One aggregate column."""

    function: AggregateFunction
    argument: Expression | None
    """``None``: ``count(*)``. Where the filter does not hold it is NULL, and NULLs are skipped."""
    is_distinct: bool = False
    """Of equal values one counts."""
    by: Expression | None = None
    """What ``arg_min`` and ``arg_max`` look for the least or greatest of."""
    option: object = None
    """Of a quantile its fraction (``Decimal``), of a text its separator, of a list its bound."""
    type: ColumnType
    text: str
    meaning: str
    """The same however it is written: capitals of functions and spaces do not count."""

    @property
    def parts(self) -> tuple[Expression, ...]:
        """The expressions it reads."""
        return tuple(part for part in (self.argument, self.by) if part is not None)

    @property
    def envelope(self) -> frozenset[str]:
        """Parts of the envelope it reads."""
        return frozenset[str]().union(*(part.envelope for part in self.parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A call as it is written."""

    argument: Any
    by: Any = None
    option: object = None
    is_distinct: bool = False


MOST_LISTED = 10_000
"""Values that a list may keep of a group."""
COUNTED: Evaluate = lambda event: True  # noqa: E731  # what count(*) counts
AF = AggregateFunction
_FUNCTIONS: dict[type[exp.Expr], AggregateFunction] = {
    exp.Count: AF.COUNT,
    exp.Sum: AF.SUM,
    exp.Avg: AF.AVG,
    exp.Min: AF.MIN,
    exp.Max: AF.MAX,
    exp.First: AF.FIRST,
    exp.Last: AF.LAST,
    exp.ArgMin: AF.ARG_MIN,
    exp.ArgMax: AF.ARG_MAX,
    exp.ApproxDistinct: AF.APPROX_COUNT_DISTINCT,
    exp.ApproxQuantile: AF.APPROX_QUANTILE,
    exp.GroupConcat: AF.STRING_AGG,
    exp.List: AF.LIST,
}
_HINTS: dict[type[exp.Expr], str] = {
    exp.ArrayAgg: "what is kept must have a bound: write list(x, 100)",
    exp.WithinGroup: "exact percentiles would keep every value: write approx_quantile(x, 0.5)",
    exp.Median: "exact percentiles would keep every value: write approx_quantile(x, 0.5)",
}
_THERE_ARE = (
    "count(*), count(x), count(distinct x), sum(x), avg(x), min(x), max(x), first(x), last(x), arg_max(x, y),"
    " arg_min(x, y), approx_count_distinct(x), approx_quantile(x, 0.5), string_agg(x, ', ') and list(x, 100)"
)
_ORDERED = NUMERIC | {
    ColumnType.TEXT,
    ColumnType.TIMESTAMP,
    ColumnType.DATE,
    ColumnType.TIME,
    ColumnType.UUID,
}


def compile_aggregate(text: str, scope: Scope) -> AggregateCall:
    """Compile one aggregate; raises ``ExpressionError``, which names what there is."""
    whole = parse(text)
    tree = whole.this if isinstance(whole, exp.Filter) else whole
    function = _function_of(tree, text)
    written = _written(tree, text)
    argument = None if written.argument is None else _expression(written.argument, scope)
    by = None if written.by is None else _expression(written.by, scope)
    call = AggregateCall(
        function=function,
        argument=argument,
        by=by,
        option=written.option,
        is_distinct=written.is_distinct,
        type=_type_of(function, argument),
        text=text,
        meaning=whole.sql(dialect="postgres"),
    )
    _check(call)
    return _filtered(call, whole.expression.this, scope) if isinstance(whole, exp.Filter) else call


def _function_of(tree: exp.Expr, text: str) -> AggregateFunction:
    function = _FUNCTIONS.get(type(tree))
    if function is None:
        hint = _HINTS.get(type(tree)) or f"there are {_THERE_ARE}"
        what = "no such aggregate" if isinstance(tree, exp.AggFunc) else "no aggregate"
        raise ExpressionError(f"{text}: {what}; {hint}")
    return function


def _expression(tree: Any, scope: Scope) -> Expression:
    return expression_of(tree, tree.sql(dialect="postgres"), scope)


# -- what stands in the brackets


def _written(tree: Any, text: str) -> _Written:
    read = _READERS.get(type(tree), _one)
    return read(tree, text)


def _one(tree: Any, text: str) -> _Written:
    if isinstance(tree.this, exp.Star) and isinstance(tree, exp.Count):
        return _Written(argument=None)
    if isinstance(tree.this, exp.Star):
        raise ExpressionError(f"{text}: only count takes *; name a column")
    argument = tree.this
    if isinstance(argument, exp.Distinct):
        return _distinct(tree, text)
    if argument is None or tree.args.get("expressions"):
        raise ExpressionError(f"{text}: takes one argument")
    return _Written(argument=_unordered(argument, text))


def _distinct(tree: Any, text: str) -> _Written:
    if not isinstance(tree, exp.Count):
        raise ExpressionError(f"{text}: distinct is for count alone")
    if len(tree.this.expressions) != 1:
        raise ExpressionError(f"{text}: takes one argument")
    return _Written(argument=tree.this.expressions[0], is_distinct=True)


def _two(tree: Any, text: str) -> _Written:
    if tree.this is None or tree.expression is None or tree.args.get("count"):
        raise ExpressionError(f"{text}: takes two arguments, what is wanted and what it is looked for by")
    return _Written(argument=tree.this, by=tree.expression)


def _quantile(tree: Any, text: str) -> _Written:
    fraction = tree.args.get("quantile")
    number = Decimal(fraction.name) if isinstance(fraction, exp.Literal) and not fraction.is_string else None
    if tree.this is None or number is None or number > 1 or tree.args.get("accuracy"):
        raise ExpressionError(f"{text}: takes a number and a fraction from 0 to 1, as in approx_quantile(x, 0.5)")
    return _Written(argument=tree.this, option=number)


def _joined(tree: Any, text: str) -> _Written:
    separator = tree.args.get("separator")
    if not isinstance(separator, exp.Literal) or not separator.is_string or isinstance(tree.this, exp.Distinct):
        raise ExpressionError(f"{text}: takes a text and what stands between, as in string_agg(x, ', ')")
    return _Written(argument=_unordered(tree.this, text), option=separator.name)


def _listed(tree: Any, text: str) -> _Written:
    argument, bound = (*tree.expressions, None, None)[:2]
    number = int(bound.name) if isinstance(bound, exp.Literal) and bound.name.isdigit() else 0
    if len(tree.expressions) != 2 or not 0 < number <= MOST_LISTED:
        raise ExpressionError(f"{text}: takes a value and how many are kept, 1 to {MOST_LISTED}, as in list(x, 100)")
    return _Written(argument=_unordered(argument, text), option=number)


def _unordered(tree: Any, text: str) -> Any:
    if isinstance(tree, exp.Order):
        raise ExpressionError(f"{text}: takes no order by; values have the order they come in")
    return tree


_READERS: dict[type[exp.Expr], Callable[[Any, str], _Written]] = {
    exp.ArgMin: _two,
    exp.ArgMax: _two,
    exp.ApproxQuantile: _quantile,
    exp.GroupConcat: _joined,
    exp.List: _listed,
}


# -- types, and the filter


def _check(call: AggregateCall) -> None:
    function, text = call.function, call.text
    if function in (AF.MIN, AF.MAX, AF.ARG_MIN, AF.ARG_MAX):
        looked_for = call.by or call.argument
        _check_known(looked_for, text)
        if looked_for is not None and looked_for.type not in _ORDERED:
            raise ExpressionError(f"{text}: {looked_for.type.value} has no order")
    elif function in (AF.SUM, AF.AVG, AF.APPROX_QUANTILE):
        _check_known(call.argument, text)
        if call.argument is not None and call.argument.type not in NUMERIC:
            raise ExpressionError(f"{text}: {call.argument.type.value} is no number; cast it")
    elif function is AF.STRING_AGG and call.argument is not None and call.argument.type is not ColumnType.TEXT:
        raise ExpressionError(f"{text}: {call.argument.type.value} is no text; cast it, as in x::text")


def _check_known(argument: Expression | None, text: str) -> None:
    if argument is not None and argument.type is ColumnType.UNKNOWN:
        raise ExpressionError(f"{text}: the contract does not say of what type; cast it, as in x::numeric")


def _type_of(function: AggregateFunction, argument: Expression | None) -> ColumnType:
    match function:
        case AF.COUNT | AF.APPROX_COUNT_DISTINCT:
            return ColumnType.INTEGER
        case AF.AVG | AF.APPROX_QUANTILE:
            return ColumnType.DECIMAL
        case AF.STRING_AGG:
            return ColumnType.TEXT
        case AF.LIST:
            return ColumnType.ARRAY
        case _:
            return ColumnType.UNKNOWN if argument is None else argument.type


def _filtered(call: AggregateCall, tree: Any, scope: Scope) -> AggregateCall:
    """The same call, its argument NULL unless the condition is TRUE."""
    condition = _expression(tree, scope)
    if condition.type not in (ColumnType.BOOLEAN, ColumnType.UNKNOWN):
        raise ExpressionError(f"{call.text}: a filter is TRUE, FALSE or NULL; this is {condition.type.value}")
    holds = condition.evaluate
    evaluate = COUNTED if call.argument is None else call.argument.evaluate
    argument = replace(
        call.argument or condition,
        evaluate=lambda event: evaluate(event) if holds(event) is True else None,
        columns=condition.columns.union(*(part.columns for part in (call.argument,) if part is not None)),
        images=condition.images.union(*(part.images for part in (call.argument,) if part is not None)),
        envelope=condition.envelope.union(*(part.envelope for part in (call.argument,) if part is not None)),
    )
    return replace(call, argument=argument)
