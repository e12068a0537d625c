"""Checks: CHECK constraints as what a schema or a rule says.

Bounds, lengths, lists and plain patterns of one column become its schema. Everything else becomes a rule of quality
with the condition itself where pipelines can run it, else a text for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

DIALECT = "postgres"
_FLIPPED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE,
}  # fmt: skip
_PLAIN_TYPES = ("TEXT", "VARCHAR", "CHAR", "BPCHAR", "DECIMAL", "INT", "BIGINT", "SMALLINT", "DOUBLE", "FLOAT")
_PLAIN_PATTERN = re.compile(
    r"(?:[\^$A-Za-z0-9 _:/@#%,=<>!~;&'\".|)+*-]|\((?!\?)|(?<![+*?})])\?"
    r"|\[\^?[A-Za-z0-9 _.,:/@#%+-]+\]|\{\d+(?:,\d*)?\})+"
)
"""Regular expressions that mean the same to PostgreSQL and to JSON Schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """``column`` is not below (or above) ``limit``."""

    column: str
    limit: Decimal
    is_lower: bool
    is_exclusive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """``column`` is one of ``values``, text or numbers."""

    column: str
    values: tuple[str | Decimal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """Characters of ``column``."""

    column: str
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A part of ``column`` matches."""

    column: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """SQL that is not false."""

    sql: str


Said = Bound | Listed | Sized | Matched | Condition


def read_check(sql: str, domain_column: str | None = None) -> tuple[Said, ...]:
    """What a constraint says; ``domain_column``: the column that ``VALUE`` stands for."""
    try:
        tree: exp.Expr = sqlglot.parse_one(sql, dialect=DIALECT)
    except SqlglotError:
        return (Condition(sql=sql),)
    if domain_column is not None:
        tree = tree.transform(lambda node: _valued(node, domain_column))
    tree = tree.transform(_without_plain_casts)
    return tuple(said for part in _parts(tree) for said in _said(part))


def _valued(node: exp.Expr, column: str) -> exp.Expr:
    is_value = isinstance(node, exp.Column) and node.name.upper() == "VALUE"
    return exp.column(column, quoted=True) if is_value else node


def _without_plain_casts(node: exp.Expr) -> exp.Expr:
    """PostgreSQL writes the type behind every constant."""
    if not isinstance(node, exp.Cast):
        return node
    kind, inside = node.to, node.this.unnest()
    if kind.is_type(exp.DataType.Type.ARRAY) and isinstance(inside, exp.Array):
        return inside.transform(_without_plain_casts)
    if kind.this.name not in _PLAIN_TYPES or not isinstance(inside, exp.Literal | exp.Column | exp.Neg):
        return node
    is_number = kind.this.name in _PLAIN_TYPES[4:] and isinstance(inside, exp.Literal) and inside.is_string
    return _number(inside.name) or node if is_number else inside


def _number(text: str) -> exp.Expr | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    literal = exp.Literal.number(str(abs(number)))
    return exp.Neg(this=literal) if number < 0 else literal


def _parts(tree: exp.Expr) -> Iterator[exp.Expr]:
    tree = tree.unnest()
    if isinstance(tree, exp.And):
        yield from _parts(tree.left)
        yield from _parts(tree.right)
    else:
        yield tree


def _said(part: exp.Expr) -> tuple[Said, ...]:
    match part:
        case exp.GT() | exp.GTE() | exp.LT() | exp.LTE() | exp.EQ():
            found = _compared(part)
        case exp.Between():
            low = _compared(exp.GTE(this=part.this, expression=part.args["low"]))
            high = _compared(exp.LTE(this=part.this, expression=part.args["high"]))
            found = (*low, *high) if low and high else ()
        case exp.In() if part.args.get("query") is None:
            found = _listed(part.this, part.expressions)
        case exp.Or():
            found = _either(part)
        case exp.RegexpLike():
            found = _matched(part)
        case _:
            found = ()
    return found or (Condition(sql=part.sql(dialect=DIALECT)),)


def _compared(part: exp.Expr) -> tuple[Said, ...]:
    left, right, kind = part.this.unnest(), part.expression.unnest(), type(part)
    if isinstance(right, exp.Any):
        held = right.this.unnest()
        return _listed(left, held.expressions) if isinstance(held, exp.Array) and kind is exp.EQ else ()
    if isinstance(right, exp.Column | exp.Length):
        left, right, kind = right, left, _FLIPPED.get(kind, kind)
    limit = _literal(right)
    if isinstance(left, exp.Length) and isinstance(limit, Decimal):
        return _sized(left, kind, limit)
    if not isinstance(left, exp.Column) or limit is None:
        return ()
    if kind is exp.EQ:
        return (Listed(column=left.name, values=(limit,)),)
    if isinstance(limit, str):
        return ()
    is_lower, is_exclusive = kind in (exp.GT, exp.GTE), kind in (exp.GT, exp.LT)
    return (Bound(column=left.name, limit=limit, is_lower=is_lower, is_exclusive=is_exclusive),)


def _sized(left: exp.Length, kind: type[exp.Expr], limit: Decimal) -> tuple[Said, ...]:
    column = left.this.unnest()
    if not isinstance(column, exp.Column) or limit != int(limit) or limit < 0:
        return ()
    size = int(limit)
    sizes: dict[type[exp.Expr], tuple[int | None, int | None]] = {
        exp.EQ: (size, size), exp.GTE: (size, None), exp.GT: (size + 1, None), exp.LTE: (None, size),
        exp.LT: (None, size - 1),
    }  # fmt: skip
    least, most = sizes[kind]
    return (Sized(column=column.name, least=least, most=most),)


def _literal(node: exp.Expr) -> str | Decimal | None:
    if isinstance(node, exp.Neg):
        held = _literal(node.this.unnest())
        return -held if isinstance(held, Decimal) else None
    if not isinstance(node, exp.Literal):
        return None
    return node.name if node.is_string else Decimal(node.name)


def _listed(column: exp.Expr, values: list[exp.Expr]) -> tuple[Said, ...]:
    column = column.unnest()
    found = [_literal(value.unnest()) for value in values]
    known = tuple(value for value in found if value is not None)
    if not isinstance(column, exp.Column) or len(known) != len(found) or not known:
        return ()
    return (Listed(column=column.name, values=known),)


def _either(part: exp.Expr) -> tuple[Said, ...]:
    """``a = 1 OR a = 2`` is a list."""
    sides = [_said(side.unnest()) for side in (part.this, part.expression)]
    lists = [held[0] for held in sides if len(held) == 1 and isinstance(held[0], Listed)]
    if len(lists) != len(sides) or lists[0].column != lists[1].column:
        return ()
    return (Listed(column=lists[0].column, values=(*lists[0].values, *lists[1].values)),)


def _matched(part: exp.Expr) -> tuple[Said, ...]:
    column, pattern = part.this.unnest(), _literal(part.expression.unnest())
    if not isinstance(column, exp.Column) or not isinstance(pattern, str) or part.args.get("flag"):
        return ()
    return (Matched(column=column.name, pattern=pattern),) if _PLAIN_PATTERN.fullmatch(pattern) else ()
