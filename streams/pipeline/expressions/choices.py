"""Choices: CASE, COALESCE and NULLIF."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from streams.contracts.model import ColumnType
from streams.records import ChangeEvent

from .conditions import compare, condition
from .node import Node, Visit, common_type, constant, join


def _case(tree: Any, visit: Visit) -> Node:
    tests = _tests(tree, visit)
    results = [visit(held.args["true"]) for held in tree.args["ifs"]]
    default = tree.args.get("default")
    otherwise = constant(None, ColumnType.UNKNOWN) if default is None else visit(default)
    arms = [(test.evaluate, result.evaluate) for test, result in zip(tests, results, strict=True)]
    last = otherwise.evaluate

    def evaluate(event: ChangeEvent) -> object:
        for test, result in arms:
            if test(event) is True:
                return result(event)
        return last(event)

    return join(evaluate, common_type([*results, otherwise], tree), [*tests, *results, otherwise])


def _tests(tree: Any, visit: Visit) -> list[Node]:
    if tree.this is None:
        return [condition(held.this, visit) for held in tree.args["ifs"]]
    subject = visit(tree.this)
    return [compare(exp.EQ, subject, visit(held.this), tree) for held in tree.args["ifs"]]


def _coalesce(tree: Any, visit: Visit) -> Node:
    parts = [visit(part) for part in (tree.this, *tree.expressions)]
    inner = [part.evaluate for part in parts]

    def evaluate(event: ChangeEvent) -> object:
        for part in inner:
            if (value := part(event)) is not None:
                return value
        return None

    return join(evaluate, common_type(parts, tree), parts)


def _nullif(tree: Any, visit: Visit) -> Node:
    left, right = visit(tree.this), visit(tree.expression)
    value, is_same = left.evaluate, compare(exp.EQ, left, right, tree).evaluate
    return join(lambda event: None if is_same(event) is True else value(event), left.type, (left, right))


COMPILERS: Mapping[type[exp.Expr], Callable[[Any, Visit], Node]] = {
    exp.Case: _case,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
}
