"""A node: one subtree of an expression as a closure, with its type and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlglot import exp

from streams.contracts.model import ColumnType

from .calls import CAST_TYPES
from .operators import NUMERIC, read_as
from .scope import Evaluate, ExpressionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A compiled subtree."""

    evaluate: Evaluate
    type: ColumnType
    columns: frozenset[str] = field(default_factory=frozenset)
    images: frozenset[str] = field(default_factory=frozenset)
    envelope: frozenset[str] = field(default_factory=frozenset)
    is_constant: bool = False
    value: object = None
    """Of a literal."""


Visit = Callable[[exp.Expr], Node]
"""Compiles a subtree in the scope of the whole."""


def join(evaluate: Evaluate, kind: ColumnType, parts: Iterable[Node]) -> Node:
    """A node over ``parts``: it reads what they read."""
    parts = tuple(parts)
    return Node(
        evaluate=evaluate,
        type=kind,
        columns=frozenset[str]().union(*(part.columns for part in parts)),
        images=frozenset[str]().union(*(part.images for part in parts)),
        envelope=frozenset[str]().union(*(part.envelope for part in parts)),
    )


def constant(value: object, kind: ColumnType) -> Node:
    """A literal."""
    return Node(evaluate=lambda event: value, type=kind, is_constant=True, value=value)


def sql_of(tree: exp.Expr) -> str:
    """The subtree as PostgreSQL writes it, for messages."""
    return tree.sql(dialect="postgres")


def require(node: Node, kinds: frozenset[ColumnType], what: str, tree: exp.Expr) -> Node:
    """``node``, if its type is one of ``kinds`` or not known before the event is there."""
    if node.type is not ColumnType.UNKNOWN and node.type not in kinds:
        raise ExpressionError(f"{sql_of(tree)}: is {node.type.value}, not {what}; cast it")
    return node


def alike(left: Node, right: Node, tree: exp.Expr) -> tuple[Node, Node]:
    """Both sides in types that compare: a text literal beside a date, time or UUID is read as one.

    Raises ``ExpressionError`` for other mixtures, and for a literal that cannot be read so.
    """
    kinds = {left.type, right.type} - {ColumnType.UNKNOWN}
    if len(kinds) < 2 or kinds <= NUMERIC:
        return left, right
    if left.is_constant and left.type is ColumnType.TEXT and right.type in _READABLE:
        return _literal_as(right.type, left, tree), right
    if right.is_constant and right.type is ColumnType.TEXT and left.type in _READABLE:
        return left, _literal_as(left.type, right, tree)
    names = " with ".join(sorted(kind.value for kind in kinds))
    raise ExpressionError(f"{sql_of(tree)}: compares {names}; cast one of them")


_READABLE = frozenset(CAST_TYPES.values()) - NUMERIC - {ColumnType.BOOLEAN, ColumnType.TEXT} | {ColumnType.TIME}


def _literal_as(kind: ColumnType, literal: Node, tree: exp.Expr) -> Node:
    value = read_as(kind, str(literal.value))
    if value is None:
        raise ExpressionError(f"{sql_of(tree)}: the text is no {kind.value}")
    return constant(value, kind)


def common_type(parts: Iterable[Node], tree: exp.Expr) -> ColumnType:
    """The one type of all ``parts``; NULL fits any. Raises ``ExpressionError`` where there is none."""
    kinds = {part.type for part in parts} - {ColumnType.UNKNOWN}
    if len(kinds) > 1 and not kinds <= NUMERIC:
        names = ", ".join(sorted(kind.value for kind in kinds))
        raise ExpressionError(f"{sql_of(tree)}: mixes {names}; cast them to one type")
    if len(kinds) == 1:
        return next(iter(kinds))
    return ColumnType.DECIMAL if kinds else ColumnType.UNKNOWN
