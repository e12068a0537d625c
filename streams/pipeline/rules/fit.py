"""Fit: the rules of a contract and of a pipeline file, fitted to the columns they are about.

Mistakes are told where the rule was written, which may be another file than the pipeline's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from streams.contracts.iglu import dataset_of
from streams.contracts.model import Column, ColumnType
from streams.errors import Problem
from streams.quality.rules import (
    OF_ROWS,
    Complete,
    Dimension,
    Fresh,
    Holds,
    Length,
    NotFuture,
    OneOf,
    OnFail,
    Pattern,
    Range,
    Rule,
    RuleSet,
)
from streams.records import ChangeEvent

from ..expressions import ExpressionError, Scope, compile_expression
from .checks import IsBroken, compile_check
from .plan import RowRule

Fits = Callable[[ChangeEvent, int], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The rules of a dataset, compiled for its columns."""

    row_rules: tuple[RowRule, ...] = ()
    others: tuple[Rule, ...] = ()
    """Rules about several rows; their columns exist."""
    envelope: frozenset[str] = frozenset()
    """Parts of the envelope that conditions read."""


class RuleFitter:
    """Fits rules to columns; ``problems`` is what does not fit."""

    def __init__(self, subject: str, columns: Mapping[str, Column], key: tuple[str, ...], *, is_change: bool) -> None:
        self.problems: list[Problem] = []
        self._dataset = dataset_of(subject)
        self._columns = columns
        self._key = key
        self._scope = Scope(columns=columns, envelope=is_change)
        self._is_change = is_change
        self._envelope: set[str] = set()

    def fit(self, rules: RuleSet) -> Fitted:
        """Everything that fits."""
        row_rules: list[RowRule] = []
        others: list[Rule] = []
        for rule in rules.rules.values():
            if self._is_known(rule):
                if rule.dimension in OF_ROWS or self._is_certain(rule):
                    row_rules += self._row_rule(rule, rules.on_fail_of(rule))
                else:
                    others += self._other(rule)
        return Fitted(row_rules=tuple(row_rules), others=tuple(others), envelope=frozenset(self._envelope))

    def _is_known(self, rule: Rule) -> bool:
        unknown = [name for name in rule.columns if name not in self._columns]
        for name in unknown:
            near = get_close_matches(name, self._columns, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(self._columns))}"
            self.problems.append(rule.problem(f"no column {name!r}; {hint}"))
        return not unknown

    def _is_certain(self, rule: Rule) -> bool:
        """Rows are told apart by the key: two that have the same one are the same row."""
        return rule.dimension is Dimension.UNIQUENESS and bool(self._key) and set(self._key) <= set(rule.columns)

    def _row_rule(self, rule: Rule, on_fail: OnFail) -> Iterable[RowRule]:
        try:
            is_broken, reads = self._compiled(rule)
        except (ValueError, ExpressionError) as error:
            self.problems.append(rule.problem(str(error)))
            return
        yield RowRule(
            id=(self._dataset, rule.dimension.value, rule.name),
            columns=rule.columns or tuple(sorted(reads)),
            reads=reads,
            is_broken=is_broken,
            is_deadly=on_fail is OnFail.DEAD,
            message=rule.text,
        )

    def _compiled(self, rule: Rule) -> tuple[Fits, frozenset[str]]:
        reads = frozenset(rule.columns)
        match rule.kind:
            case Holds(condition=condition):
                return self._condition(condition)
            case Complete() as kind:
                return _on_null(rule.columns[0], compile_check(kind, self._columns[rule.columns[0]]), True), reads
            case Pattern() | Range() | NotFuture() | OneOf() | Length() as kind:
                return _on_null(rule.columns[0], compile_check(kind, self._columns[rule.columns[0]]), False), reads
            case _:
                return lambda event, now_ms: False, reads

    def _condition(self, text: str) -> tuple[Fits, frozenset[str]]:
        expression = compile_expression(text, self._scope)
        if expression.type not in (ColumnType.BOOLEAN, ColumnType.UNKNOWN):
            raise ValueError(f"a condition is TRUE, FALSE or NULL; this is {expression.type.value}")
        self._envelope |= expression.envelope
        evaluate = expression.evaluate
        return (lambda event, now_ms: evaluate(event) is False), expression.columns

    def _other(self, rule: Rule) -> Iterable[Rule]:
        if not isinstance(rule.kind, Fresh) and not self._key:
            message = "needs rows that can be told apart; the dataset has no key (primaryKey in its contract.yaml)"
            self.problems.append(rule.problem(message))
            return
        if isinstance(rule.kind, Fresh) and rule.columns:
            try:
                compile_check(NotFuture(), self._columns[rule.columns[0]])
            except ValueError as error:
                self.problems.append(rule.problem(str(error).replace("not_future", "freshness")))
                return
        yield rule


def _on_null(name: str, check: IsBroken, verdict: bool) -> Fits:
    def is_broken(event: ChangeEvent, now_ms: int) -> bool:
        value = event.row.get(name)
        return verdict if value is None else check(value, now_ms)

    return is_broken
