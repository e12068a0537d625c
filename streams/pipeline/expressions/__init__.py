"""Expressions: SQL, parsed once, checked against the row's columns, compiled to closures."""

from .aggregates import AggregateCall, AggregateFunction, compile_aggregate
from .compile import Condition, Expression, compile_condition, compile_expression
from .scope import ExpressionError, Scope
from .typed import to_json

__all__ = [
    "AggregateCall",
    "AggregateFunction",
    "Condition",
    "Expression",
    "ExpressionError",
    "Scope",
    "compile_aggregate",
    "compile_condition",
    "compile_expression",
    "to_json",
]
