"""Nodes: one SQL construct after another becomes a closure.

A closure takes the event and returns a typed value, ``None`` for NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlglot import exp

from streams.contracts.model import ColumnType
from streams.records import ChangeEvent

from .calls import CAST_TYPES, call_function, cast_to
from .operators import ARITHMETIC, COMPARISONS, NUMERIC, arithmetic, comparison, like, logical_and, logical_or
from .scope import Evaluate, ExpressionError, Reference, Scope, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A compiled subtree."""

    evaluate: Evaluate
    type: ColumnType
    columns: frozenset[str] = field(default_factory=frozenset)
    images: frozenset[str] = field(default_factory=frozenset)
    reads_key: bool = False
    is_constant: bool = False


def compile_node(tree: exp.Expr, scope: Scope) -> Node:
    """Compile a subtree; raises ``ExpressionError`` for what this grammar has not."""
    compiler = _COMPILERS.get(type(tree))
    if compiler is not None:
        return compiler(tree, scope)
    if isinstance(tree, exp.Func):
        return _function(tree, scope)
    raise ExpressionError(f"{tree.sql(dialect='postgres')}: not part of this grammar")


def _join(evaluate: Evaluate, kind: ColumnType, parts: Iterable[Node]) -> Node:
    parts = tuple(parts)
    return Node(
        evaluate=evaluate,
        type=kind,
        columns=frozenset[str]().union(*(part.columns for part in parts)),
        images=frozenset[str]().union(*(part.images for part in parts)),
        reads_key=any(part.reads_key for part in parts),
        is_constant=all(part.is_constant for part in parts),
    )


def constant(value: object, kind: ColumnType) -> Node:
    """A literal."""
    return Node(evaluate=lambda event: value, type=kind, is_constant=True)


def _literal(tree: Any, scope: Scope) -> Node:
    if tree.is_string:
        return constant(str(tree.this), ColumnType.TEXT)
    text = str(tree.this)
    return constant(int(text), ColumnType.INTEGER) if text.isdigit() else constant(Decimal(text), ColumnType.DECIMAL)


def _reference(reference: Reference) -> Node:
    return Node(
        evaluate=reference.evaluate,
        type=reference.type,
        columns=reference.columns,
        images=reference.images,
        reads_key=reference.reads_key,
    )


def _column(tree: Any, scope: Scope) -> Node:
    first = tree.parts[0]
    return _reference(resolve([part.name for part in tree.parts], scope, is_quoted=bool(first.args.get("quoted"))))


def _dot(tree: Any, scope: Scope) -> Node:
    parts = list(tree.parts)
    return _reference(resolve([part.name for part in parts], scope, is_quoted=bool(parts[0].args.get("quoted"))))


def _paren(tree: Any, scope: Scope) -> Node:
    return compile_node(tree.this, scope)


def _comparison(tree: Any, scope: Scope) -> Node:
    left, right = compile_node(tree.this, scope), compile_node(tree.expression, scope)
    _check_comparable(left, right, tree)
    return _join(comparison(type(tree), left.evaluate, right.evaluate), ColumnType.BOOLEAN, (left, right))


def _check_comparable(left: Node, right: Node, tree: exp.Expr) -> None:
    """Texts are compared with dates as the dates' ISO text; other mixtures are mistakes."""
    kinds = {left.type, right.type} - {ColumnType.UNKNOWN}
    if len(kinds) < 2 or kinds <= NUMERIC:
        return
    if ColumnType.TEXT in kinds and len(kinds) == 2 and (left.is_constant or right.is_constant):
        other = next(iter(kinds - {ColumnType.TEXT}))
        if other in CAST_TYPES.values() and other not in NUMERIC and other is not ColumnType.BOOLEAN:
            return
    names = " with ".join(sorted(kind.value for kind in kinds))
    raise ExpressionError(f"{tree.sql(dialect='postgres')}: compares {names}; cast one of them")


def _arithmetic(tree: Any, scope: Scope) -> Node:
    left, right = compile_node(tree.this, scope), compile_node(tree.expression, scope)
    for part in (left, right):
        if part.type not in NUMERIC | {ColumnType.UNKNOWN}:
            raise ExpressionError(f"{tree.sql(dialect='postgres')}: {part.type.value} is no number; cast it")
    both = {left.type, right.type}
    kind = ColumnType.INTEGER if both == {ColumnType.INTEGER} else ColumnType.DECIMAL
    return _join(arithmetic(type(tree), left.evaluate, right.evaluate), kind, (left, right))


def _negative(tree: Any, scope: Scope) -> Node:
    part = compile_node(tree.this, scope)
    inner = part.evaluate
    if part.is_constant and isinstance(value := inner(None), (int, Decimal)):  # type: ignore[arg-type]  # unused
        return constant(-value, part.type)
    return _join(arithmetic(exp.Sub, lambda event: 0, inner), part.type, (part,))


def _and(tree: Any, scope: Scope) -> Node:
    parts = [_boolean(part, scope) for part in tree.flatten()]
    return _join(logical_and([part.evaluate for part in parts]), ColumnType.BOOLEAN, parts)


def _or(tree: Any, scope: Scope) -> Node:
    parts = [_boolean(part, scope) for part in tree.flatten()]
    return _join(logical_or([part.evaluate for part in parts]), ColumnType.BOOLEAN, parts)


def _boolean(tree: exp.Expr, scope: Scope) -> Node:
    node = compile_node(tree, scope)
    if node.type not in (ColumnType.BOOLEAN, ColumnType.UNKNOWN):
        raise ExpressionError(f"{tree.sql(dialect='postgres')}: is {node.type.value}, not a condition")
    return node


def _not(tree: Any, scope: Scope) -> Node:
    part = _boolean(tree.this, scope)
    inner = part.evaluate

    def negate(event: ChangeEvent) -> object:
        value = inner(event)
        return None if value is None else not value

    return _join(negate, ColumnType.BOOLEAN, (part,))


def _is(tree: Any, scope: Scope) -> Node:
    part = compile_node(tree.this, scope)
    inner, is_negated = part.evaluate, bool(tree.args.get("negate"))
    wanted = None if isinstance(tree.expression, exp.Null) else tree.expression.this
    return _join(lambda event: (inner(event) is wanted) is not is_negated, ColumnType.BOOLEAN, (part,))


def _distinct(tree: Any, scope: Scope) -> Node:
    left, right = compile_node(tree.this, scope), compile_node(tree.expression, scope)
    a, b, is_equal = left.evaluate, right.evaluate, isinstance(tree, exp.NullSafeEQ)
    return _join(lambda event: (a(event) == b(event)) is is_equal, ColumnType.BOOLEAN, (left, right))


def _in(tree: Any, scope: Scope) -> Node:
    if not tree.expressions:
        raise ExpressionError("IN takes a list of values here, no query")
    pairs = [exp.EQ(this=tree.this.copy(), expression=choice.copy()) for choice in tree.expressions]
    parts = [_comparison(pair, scope) for pair in pairs]
    return _join(logical_or([part.evaluate for part in parts]), ColumnType.BOOLEAN, parts)


def _between(tree: Any, scope: Scope) -> Node:
    low = _comparison(exp.GTE(this=tree.this.copy(), expression=tree.args["low"].copy()), scope)
    high = _comparison(exp.LTE(this=tree.this.copy(), expression=tree.args["high"].copy()), scope)
    return _join(logical_and([low.evaluate, high.evaluate]), ColumnType.BOOLEAN, (low, high))


def _like(tree: Any, scope: Scope) -> Node:
    value, pattern = compile_node(tree.this, scope), compile_node(tree.expression, scope)
    evaluate = like(value.evaluate, pattern.evaluate, is_caseless=isinstance(tree, exp.ILike))
    return _join(evaluate, ColumnType.BOOLEAN, (value, pattern))


def _case(tree: Any, scope: Scope) -> Node:
    subject = tree.this
    tests = [exp.EQ(this=subject.copy(), expression=held.this.copy()) if subject else held.this
             for held in tree.args["ifs"]]
    conditions = [_boolean(test, scope) for test in tests]
    results = [compile_node(held.args["true"], scope) for held in tree.args["ifs"]]
    default = tree.args.get("default")
    otherwise = constant(None, ColumnType.UNKNOWN) if default is None else compile_node(default, scope)
    arms = [(test.evaluate, result.evaluate) for test, result in zip(conditions, results, strict=True)]
    last = otherwise.evaluate

    def evaluate(event: ChangeEvent) -> object:
        for test, result in arms:
            if test(event) is True:
                return result(event)
        return last(event)

    return _join(evaluate, _common_type([*results, otherwise]), [*conditions, *results, otherwise])


def _coalesce(tree: Any, scope: Scope) -> Node:
    parts = [compile_node(part, scope) for part in (tree.this, *tree.expressions)]
    inner = [part.evaluate for part in parts]

    def evaluate(event: ChangeEvent) -> object:
        for part in inner:
            if (value := part(event)) is not None:
                return value
        return None

    return _join(evaluate, _common_type(parts), parts)


def _nullif(tree: Any, scope: Scope) -> Node:
    left, right = compile_node(tree.this, scope), compile_node(tree.expression, scope)
    a, b = left.evaluate, right.evaluate

    def evaluate(event: ChangeEvent) -> object:
        value = a(event)
        return None if value is not None and value == b(event) else value

    return _join(evaluate, left.type, (left, right))


def _common_type(parts: Iterable[Node]) -> ColumnType:
    kinds = {part.type for part in parts} - {ColumnType.UNKNOWN}
    if len(kinds) == 1:
        return next(iter(kinds))
    return ColumnType.DECIMAL if kinds and kinds <= NUMERIC else ColumnType.UNKNOWN


def _cast(tree: Any, scope: Scope) -> Node:
    part = compile_node(tree.this, scope)
    kind = CAST_TYPES.get(tree.to.this)
    if kind is None:
        raise ExpressionError(f"cast to {tree.to.sql(dialect='postgres')}: not part of this grammar")
    return _join(cast_to(kind, part.evaluate), kind, (part,))


def _function(tree: exp.Expr, scope: Scope) -> Node:
    name, arguments = call_arguments(tree)
    parts = [compile_node(argument, scope) for argument in arguments]
    evaluate, kind = call_function(name, [part.evaluate for part in parts])
    return _join(evaluate, kind or _common_type(parts), parts)


def call_arguments(tree: Any) -> tuple[str, list[exp.Expr]]:
    """(SQL name, arguments in their order) of a call, however sqlglot keeps it."""
    if isinstance(tree, exp.Anonymous):
        return str(tree.this).lower(), list(tree.expressions)
    if isinstance(tree, exp.TimestampTrunc):
        return "date_trunc", [exp.Literal.string(str(tree.args["unit"].name).lower()), tree.this]
    name = {"regexplike": "regexp_like", "startswith": "starts_with", "dpipe": "concat_null", "pow": "power"}.get(
        tree.key, tree.key
    )
    arguments: list[exp.Expr] = []
    for held in (tree.args.get(key) for key in tree.arg_types):
        arguments += held if isinstance(held, list) else [held] if isinstance(held, exp.Expr) else []
    return name, arguments


_Compiler = Callable[[Any, Scope], Node]

_COMPILERS: dict[type[exp.Expr], _Compiler] = {
    exp.Literal: _literal,
    exp.Boolean: lambda tree, scope: constant(bool(tree.this), ColumnType.BOOLEAN),
    exp.Null: lambda tree, scope: constant(None, ColumnType.UNKNOWN),
    exp.Column: _column,
    exp.Dot: _dot,
    exp.Paren: _paren,
    exp.Neg: _negative,
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
    exp.Case: _case,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.Cast: _cast,
    exp.DPipe: _function,
    **dict.fromkeys(COMPARISONS, _comparison),
    **dict.fromkeys(ARITHMETIC, _arithmetic),
}
