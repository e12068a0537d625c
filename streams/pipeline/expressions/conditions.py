"""Conditions: comparison, membership, patterns and logic, each TRUE, FALSE or NULL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from streams.contracts.model import ColumnType
from streams.records import ChangeEvent

from .node import Node, Visit, alike, join, require, sql_of
from .operators import COMPARISONS, comparison, comparison_with, is_in, logical_and, logical_or, same
from .patterns import like, like_pattern, regexp, regexp_pattern
from .scope import Evaluate, ExpressionError

_BOOLEAN = frozenset({ColumnType.BOOLEAN})
_TEXT = frozenset({ColumnType.TEXT})


def compare(kind: type[exp.Expr], left: Node, right: Node, tree: exp.Expr) -> Node:
    """``left kind right``; a literal on the right is looked at once."""
    left, right = alike(left, right, tree)
    if right.is_constant and right.value is not None and ColumnType.UNKNOWN not in (left.type, right.type):
        evaluate = comparison_with(kind, left.evaluate, right.value)
    else:
        evaluate = comparison(kind, left.evaluate, right.evaluate)
    return join(evaluate, ColumnType.BOOLEAN, (left, right))


def condition(tree: exp.Expr, visit: Visit) -> Node:
    """A subtree that must be a condition."""
    node = visit(tree)
    if node.type not in (ColumnType.BOOLEAN, ColumnType.UNKNOWN):
        raise ExpressionError(f"{sql_of(tree)}: is {node.type.value}, not a condition")
    return node if node.type is ColumnType.BOOLEAN else replace(node, evaluate=_truth_of(node.evaluate))


def _truth_of(inner: Evaluate) -> Evaluate:
    """A value of unknown type as a condition: what is neither true nor false is NULL."""

    def evaluate(event: ChangeEvent) -> object:
        value = inner(event)
        return value if isinstance(value, bool) else None

    return evaluate


def _comparison(tree: Any, visit: Visit) -> Node:
    return compare(type(tree), visit(tree.this), visit(tree.expression), tree)


def _and(tree: Any, visit: Visit) -> Node:
    parts = [condition(part, visit) for part in tree.flatten()]
    return join(logical_and([part.evaluate for part in parts]), ColumnType.BOOLEAN, parts)


def _or(tree: Any, visit: Visit) -> Node:
    parts = [condition(part, visit) for part in tree.flatten()]
    return join(logical_or([part.evaluate for part in parts]), ColumnType.BOOLEAN, parts)


def _not(tree: Any, visit: Visit) -> Node:
    return negation(condition(tree.this, visit))


def negation(part: Node) -> Node:
    """NOT ``part``: NULL stays NULL."""
    inner = part.evaluate

    def negate(event: ChangeEvent) -> object:
        value = inner(event)
        return None if value is None else not value

    return join(negate, ColumnType.BOOLEAN, (part,))


def _is(tree: Any, visit: Visit) -> Node:
    asked = tree.expression
    if isinstance(asked, exp.Null):
        wanted, part = None, visit(tree.this)
    elif isinstance(asked, exp.Boolean):
        wanted, part = bool(asked.this), require(visit(tree.this), _BOOLEAN, "a condition", tree.this)
    else:
        raise ExpressionError(f"{sql_of(tree)}: IS takes NULL, TRUE, FALSE or UNKNOWN")
    inner = part.evaluate
    return join(lambda event: inner(event) is wanted, ColumnType.BOOLEAN, (part,))


def _distinct(tree: Any, visit: Visit) -> Node:
    left, right = alike(visit(tree.this), visit(tree.expression), tree)
    evaluate = same(left.evaluate, right.evaluate, is_wanted=isinstance(tree, exp.NullSafeEQ))
    return join(evaluate, ColumnType.BOOLEAN, (left, right))


def _in(tree: Any, visit: Visit) -> Node:
    if not tree.expressions:
        raise ExpressionError("IN takes a list of values here, no query")
    value = visit(tree.this)
    pairs = [alike(value, visit(choice), tree) for choice in tree.expressions]
    choices = [choice for _, choice in pairs]
    if value.type is not ColumnType.UNKNOWN and all(choice.is_constant for choice in choices):
        evaluate = is_in(value.evaluate, [choice.value for choice in choices])
        return join(evaluate, ColumnType.BOOLEAN, (value,))
    parts = [compare(exp.EQ, value, choice, tree) for choice in choices]
    return join(logical_or([part.evaluate for part in parts]), ColumnType.BOOLEAN, parts)


def _between(tree: Any, visit: Visit) -> Node:
    value, low, high = visit(tree.this), visit(tree.args["low"]), visit(tree.args["high"])
    straight = _both(value, low, high, tree)
    if not tree.args.get("symmetric"):
        return straight
    turned = _both(value, high, low, tree)
    return join(logical_or([straight.evaluate, turned.evaluate]), ColumnType.BOOLEAN, (straight, turned))


def _both(value: Node, low: Node, high: Node, tree: exp.Expr) -> Node:
    parts = [compare(exp.GTE, value, low, tree), compare(exp.LTE, value, high, tree)]
    return join(logical_and([part.evaluate for part in parts]), ColumnType.BOOLEAN, parts)


def _like(tree: Any, visit: Visit) -> Node:
    value, pattern = _texts(tree, visit)
    is_caseless = isinstance(tree, exp.ILike)
    if pattern.is_constant and isinstance(pattern.value, str):
        evaluate = _matches(value.evaluate, like_pattern(pattern.value, is_caseless=is_caseless).fullmatch)
    else:
        evaluate = like(value.evaluate, pattern.evaluate, is_caseless=is_caseless)
    return join(evaluate, ColumnType.BOOLEAN, (value, pattern))


def _regexp(tree: Any, visit: Visit) -> Node:
    value, pattern = _texts(tree, visit)
    is_caseless = isinstance(tree, exp.RegexpILike)
    if pattern.is_constant and isinstance(pattern.value, str):
        compiled = regexp_pattern(pattern.value, is_caseless=is_caseless)
        if compiled is None:
            raise ExpressionError(f"{sql_of(tree)}: no valid regular expression")
        evaluate = _matches(value.evaluate, compiled.search)
    else:
        evaluate = regexp(value.evaluate, pattern.evaluate, is_caseless=is_caseless)
    return join(evaluate, ColumnType.BOOLEAN, (value, pattern))


def _texts(tree: Any, visit: Visit) -> tuple[Node, Node]:
    value = require(visit(tree.this), _TEXT, "text", tree.this)
    return value, require(visit(tree.expression), _TEXT, "text", tree.expression)


def _matches(value: Evaluate, match: Callable[[str], object]) -> Evaluate:
    def evaluate(event: ChangeEvent) -> object:
        text = value(event)
        return match(text) is not None if isinstance(text, str) else None

    return evaluate


COMPILERS: Mapping[type[exp.Expr], Callable[[Any, Visit], Node]] = {
    exp.And: _and,
    exp.Or: _or,
    exp.Not: _not,
    exp.Is: _is,
    exp.NullSafeEQ: _distinct,
    exp.NullSafeNEQ: _distinct,
    exp.In: _in,
    exp.Between: _between,
    exp.Like: _like,
    exp.ILike: _like,
    exp.RegexpLike: _regexp,
    exp.RegexpILike: _regexp,
    **dict.fromkeys(COMPARISONS, _comparison),
}
