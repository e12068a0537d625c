"""Nodes: one SQL construct after another becomes a closure.

A closure takes the event and returns a typed value, ``None`` for NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from sqlglot import exp

from streams.contracts.model import ColumnType

from . import choices, conditions
from .calls import call_closure, caster, find_function
from .moments import DURATIONS, PARTS, TRUNCATIONS, as_moment, truncate
from .node import Node, Visit, common_type, constant, join, require, sql_of
from .operators import ARITHMETIC, NUMERIC, arithmetic, divide_numerics
from .scope import ExpressionError, Scope, resolve
from .typed import text_of

_MOMENTS = frozenset({ColumnType.TIMESTAMP, ColumnType.DATE})
_READ = frozenset(
    {"this", "expression", "expressions", "query", "negate", "low", "high", "symmetric", "ifs", "default", "to", "unit"}
    | {"typed", "safe", "is_string"}
)
"""What compilers look at. Anything else that sqlglot found, such as a flag or a zone, would change the meaning."""
_SCALARS = frozenset(ColumnType) - {ColumnType.OBJECT, ColumnType.ARRAY, ColumnType.BYTES}


def compile_node(tree: exp.Expr, scope: Scope) -> Node:
    """Compile a subtree; raises ``ExpressionError`` for what this grammar has not."""
    if isinstance(tree, (exp.Column, exp.Dot, exp.Bracket)):
        return _path(tree, scope)
    visit: Visit = partial(compile_node, scope=scope)
    compiler = _COMPILERS.get(type(tree))
    if compiler is not None:
        if any(held for name, held in tree.args.items() if name not in _READ):
            raise ExpressionError(f"{sql_of(tree)}: not part of this grammar")
        node = compiler(tree, visit)
        # sqlglot keeps the NOT of some constructs (IS NOT NULL, NOT LIKE) as a mark on them.
        return conditions.negation(node) if tree.args.get("negate") else node
    if isinstance(tree, exp.Func):
        return _function(tree, visit)
    raise ExpressionError(f"{sql_of(tree)}: not part of this grammar")


def _path(tree: Any, scope: Scope) -> Node:
    steps, first = path_of(tree)
    try:
        reference = resolve(steps, scope, is_quoted=bool(first.args.get("quoted")))
    except ExpressionError as error:
        raise ExpressionError(error.message, first.meta.get("start")) from None
    return Node(
        evaluate=reference.evaluate,
        type=reference.type,
        columns=reference.columns,
        images=reference.images,
        envelope=reference.envelope,
    )


def path_of(tree: Any) -> tuple[list[str | int], exp.Expr]:
    """(names and places in arrays, counted from 0; the first name's identifier) of a path, however deep."""
    if isinstance(tree, exp.Column):
        return [part.name for part in tree.parts], tree.parts[0]
    if isinstance(tree, exp.Bracket) and len(tree.expressions) == 1:
        steps, first = path_of(tree.this)
        (place,) = tree.expressions
        if isinstance(place, exp.Literal) and (place.is_string or place.name.isdigit()):
            # sqlglot has turned PostgreSQL's places, counted from 1, into places counted from 0.
            return [*steps, place.name if place.is_string else int(place.name)], first
    if isinstance(tree, exp.Dot) and isinstance(tree.expression, exp.Identifier):
        steps, first = path_of(tree.this)
        return [*steps, tree.expression.name], first
    raise ExpressionError(f"{sql_of(tree)}: a path is names and places, such as items[1].price")


def _literal(tree: Any, visit: Visit) -> Node:
    if tree.is_string:
        return constant(str(tree.this), ColumnType.TEXT)
    text = str(tree.this)
    return constant(int(text), ColumnType.INTEGER) if text.isdigit() else constant(Decimal(text), ColumnType.DECIMAL)


def _arithmetic(tree: Any, visit: Visit) -> Node:
    if isinstance(tree.expression, exp.Interval) and isinstance(tree, (exp.Add, exp.Sub)):
        return _shift(tree, visit)
    left, right = visit(tree.this), visit(tree.expression)
    for part in (left, right):
        if part.type not in NUMERIC | {ColumnType.UNKNOWN}:
            raise ExpressionError(f"{sql_of(tree)}: {part.type.value} is no number; cast it")
    both = {left.type, right.type}
    kind = ColumnType.INTEGER if both == {ColumnType.INTEGER} else ColumnType.DECIMAL
    is_numeric = not both <= {ColumnType.INTEGER, ColumnType.UNKNOWN}
    apply = divide_numerics if isinstance(tree, exp.Div) and is_numeric else ARITHMETIC[type(tree)]
    return join(arithmetic(apply, left.evaluate, right.evaluate), kind, (left, right))


def _shift(tree: Any, visit: Visit) -> Node:
    """A timestamp or date plus or minus an interval: a timestamp."""
    part = require(visit(tree.this), _MOMENTS, "a timestamp", tree.this)
    span = _span(tree.expression) if isinstance(tree, exp.Add) else -_span(tree.expression)
    evaluate = call_closure(lambda value: as_moment(value) + span, [part.evaluate])
    return join(evaluate, ColumnType.TIMESTAMP, (part,))


def _span(tree: Any) -> timedelta:
    unit = tree.unit.name.lower().rstrip("s") if tree.unit is not None else ""
    one = DURATIONS.get(unit)
    if one is None or not isinstance(tree.this, exp.Literal):
        units = ", ".join(DURATIONS)
        raise ExpressionError(f"{sql_of(tree)}: write interval '90 minutes', with one of: {units}")
    try:
        microseconds = Decimal(tree.this.name) * (one // timedelta(microseconds=1))
        return timedelta(microseconds=int(microseconds))
    except (InvalidOperation, OverflowError):
        raise ExpressionError(f"{sql_of(tree)}: no length of time") from None


def _negative(tree: Any, visit: Visit) -> Node:
    part = require(visit(tree.this), NUMERIC, "a number", tree.this)
    if isinstance(part.value, Decimal):
        return constant(part.value.copy_negate(), part.type)
    if part.is_constant and isinstance(part.value, int):
        return constant(-part.value, part.type)
    return join(arithmetic(ARITHMETIC[exp.Sub], lambda event: 0, part.evaluate), part.type, (part,))


def _cast(tree: Any, visit: Visit) -> Node:
    part = visit(tree.this)
    cast, kind = caster(tree.to)
    return join(call_closure(cast, [part.evaluate]), kind, (part,))


def _concatenation(tree: Any, visit: Visit) -> Node:
    parts = [require(visit(side), _SCALARS, "a plain value", side) for side in (tree.this, tree.expression)]
    evaluate = call_closure(lambda left, right: text_of(left) + text_of(right), [part.evaluate for part in parts])
    return join(evaluate, ColumnType.TEXT, parts)


def _truncation(tree: Any, visit: Visit) -> Node:
    unit = str(tree.args["unit"].name).lower()
    if unit not in TRUNCATIONS:
        raise ExpressionError(f"date_trunc: no unit {unit!r}; there are: {', '.join(TRUNCATIONS)}")
    part = require(visit(tree.this), _MOMENTS, "a timestamp", tree.this)
    return join(call_closure(partial(truncate, unit), [part.evaluate]), ColumnType.TIMESTAMP, (part,))


def _extract(tree: Any, visit: Visit) -> Node:
    name = str(tree.this.name).lower()
    take = PARTS.get(name)
    if take is None:
        raise ExpressionError(f"extract: no part {name!r}; there are: {', '.join(PARTS)}")
    part = require(visit(tree.expression), _MOMENTS, "a timestamp", tree.expression)
    return join(call_closure(lambda value: take(as_moment(value)), [part.evaluate]), ColumnType.DECIMAL, (part,))


def _function(tree: exp.Expr, visit: Visit) -> Node:
    if isinstance(tree, exp.AggFunc):
        raise ExpressionError(f"{sql_of(tree)}: one event has no {tree.key}; aggregates stand in aggregate: columns")
    name, arguments = call_arguments(tree)
    function = find_function(name, len(arguments))
    parts = [
        require(visit(argument), function.takes[min(place, len(function.takes) - 1)], f"what {name} takes", argument)
        for place, argument in enumerate(arguments)
    ]
    evaluate = call_closure(function.call, [part.evaluate for part in parts], sees_null=function.sees_null)
    return join(evaluate, function.gives or common_type(parts, tree), parts)


_SQL_NAMES = {"startswith": "starts_with", "pow": "power", "strposition": "strpos"}
_TRIMS = {"LEADING": "ltrim", "TRAILING": "rtrim"}


def call_arguments(tree: Any) -> tuple[str, list[exp.Expr]]:
    """(SQL name, arguments in their order) of a call, however sqlglot keeps it."""
    if isinstance(tree, exp.Anonymous):
        return str(tree.this).lower(), list(tree.expressions)
    name = _SQL_NAMES.get(tree.key, tree.key)
    if isinstance(tree, exp.Trim):
        name = _TRIMS.get(str(tree.args.get("position")), name)
    arguments: list[exp.Expr] = []
    for held in (tree.args.get(key) for key in tree.arg_types):
        arguments += held if isinstance(held, list) else [held] if isinstance(held, exp.Expr) else []
    return name, arguments


_COMPILERS: Mapping[type[exp.Expr], Callable[[Any, Visit], Node]] = {
    exp.Literal: _literal,
    exp.Boolean: lambda tree, visit: constant(bool(tree.this), ColumnType.BOOLEAN),
    exp.Null: lambda tree, visit: constant(None, ColumnType.UNKNOWN),
    exp.Paren: lambda tree, visit: visit(tree.this),
    exp.Neg: _negative,
    exp.Cast: _cast,
    exp.DPipe: _concatenation,
    exp.TimestampTrunc: _truncation,
    exp.Extract: _extract,
    **conditions.COMPILERS,
    **choices.COMPILERS,
    **dict.fromkeys(ARITHMETIC, _arithmetic),
}
