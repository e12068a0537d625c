"""Compile: SQL text becomes closures, with SQL's three-valued logic and exact decimals.

Divergences from PostgreSQL, all so that one odd row cannot stop a stream: what PostgreSQL raises (division by zero,
a cast or a function that does not fit its argument) is NULL here. Division of decimals keeps 28 significant digits,
as do powers and roots; all other arithmetic is exact. Integers divide as PostgreSQL's do, towards zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from streams.contracts.model import ColumnType
from streams.records import ChangeEvent

from .node import Node
from .nodes import compile_node
from .scope import Evaluate, ExpressionError, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A compiled expression."""

    evaluate: Evaluate
    """The typed value for an event; ``None`` is NULL."""
    type: ColumnType
    columns: frozenset[str]
    """Row columns it reads."""
    images: frozenset[str]
    """Columns of ``before`` and ``after`` it reads."""
    envelope: frozenset[str]
    """Parts of the envelope it reads: ``op``, ``key``, ``source``."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A compiled condition."""

    holds: Callable[[ChangeEvent], bool]
    """True only where it is TRUE: NULL is not."""
    columns: frozenset[str]
    images: frozenset[str]
    envelope: frozenset[str]
    text: str


def compile_expression(text: str, scope: Scope) -> Expression:
    """Compile ``text``; raises ``ExpressionError`` that says what is wrong and what there is."""
    return expression_of(parse(text), text, scope)


def expression_of(tree: exp.Expr, text: str, scope: Scope) -> Expression:
    """A parsed tree as an expression."""
    node: Node = compile_node(tree, scope)
    return Expression(
        evaluate=node.evaluate,
        type=node.type,
        columns=node.columns,
        images=node.images,
        envelope=node.envelope,
        text=text,
    )


def compile_condition(text: str, scope: Scope) -> Condition:
    """Compile a condition; what is not BOOLEAN is refused."""
    expression = compile_expression(text, scope)
    if expression.type not in (ColumnType.BOOLEAN, ColumnType.UNKNOWN):
        raise ExpressionError(f"a condition is TRUE, FALSE or NULL; this is {expression.type.value}")
    evaluate = expression.evaluate
    return Condition(
        holds=lambda event: evaluate(event) is True,
        columns=expression.columns,
        images=expression.images,
        envelope=expression.envelope,
        text=text,
    )


def parse(text: str) -> exp.Expr:
    """The tree of one SQL expression in PostgreSQL's dialect; raises ``ExpressionError``."""
    try:
        tree = sqlglot.parse_one(text, dialect="postgres")
    except SqlglotError as error:
        details = getattr(error, "errors", None) or [{}]
        what = details[0].get("description") or "no valid SQL expression"
        if what.startswith("Required keyword"):
            what = "incomplete: an operand or an argument is missing"
        raise ExpressionError(what, details[0].get("col")) from None
    if isinstance(tree, (exp.Query, exp.DDL, exp.DML, exp.Command, exp.Alias)):
        raise ExpressionError("write an expression, not a statement")
    return tree
