"""Rules: what quality asks of rows, and which of it a row breaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from streams.contracts.model import Contract
from streams.pipeline.rules.fit import RuleFitter
from streams.pipeline.rules.plan import RowRule
from streams.quality.rules import Complete, Length, OneOf, Pattern, Range, Rule, RuleSet, Unique
from streams.records import ChangeEvent, Operation, SourceRecord

from .values import NO_LIMITS, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one dataset, compiled for its columns."""

    by_name: Mapping[str, Rule]
    of_rows: tuple[RowRule, ...]
    limits: Mapping[str, Limits]
    """By column, where rules say more than the schema."""
    unique: tuple[tuple[str, ...], ...]
    """Columns of which no two rows have the same values; the key first."""

    def broken(self, row: Mapping[str, object], *, at_ms: int) -> tuple[str, ...]:
        """Names of the rules that ``row`` breaks, at a moment in ms since the epoch."""
        event = _event(dict(row))
        return tuple(rule.id[2] for rule in self.of_rows if rule.is_broken(event, at_ms))

    def admit(self, column: str, value: object, *, at_ms: int) -> bool:
        """Whether no rule about ``column`` alone is broken by ``value``."""
        own = [rule for rule in self.of_rows if rule.reads == {column}]
        return not own or not any(rule.is_broken(_event({column: value}), at_ms) for rule in own)


def fit_rules(contract: Contract, rules: RuleSet) -> Rules:
    """``rules`` of the dataset of ``contract``."""
    fitter = RuleFitter(contract.subject, contract.columns, contract.key, is_change=True)
    fitted = fitter.fit(rules)
    unique = [rule.columns for rule in rules.rules.values() if isinstance(rule.kind, Unique)]
    return Rules(
        by_name=rules.rules,
        of_rows=fitted.row_rules,
        limits=_limits(rules.rules.values()),
        unique=tuple(dict.fromkeys([*([contract.key] if contract.key else []), *unique])),
    )


def _limits(rules: Iterable[Rule]) -> Mapping[str, Limits]:
    found: dict[str, Limits] = {}
    for rule in rules:
        if len(rule.columns) == 1:
            column = rule.columns[0]
            found[column] = _limited(found.get(column, NO_LIMITS), rule)
    return found


def _limited(limits: Limits, rule: Rule) -> Limits:
    match rule.kind:
        case Range(low=low, high=high):
            return replace(limits, low=_number(low), high=_number(high))
        case OneOf(values=values):
            return replace(limits, values=values)
        case Pattern(expression=expression):
            return replace(limits, pattern=expression)
        case Length(least=least, most=most):
            return replace(limits, least=least, most=most)
        case Complete():
            return replace(limits, is_complete=True)
        case _:
            return limits


def _number(text: str | None) -> Decimal | None:
    """A bound; ``None`` for days, which rows of the last month keep or not."""
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def _event(row: dict[str, object]) -> ChangeEvent:
    record = SourceRecord("mock", 0, 0, 0, b"", b"")
    return ChangeEvent(
        record=record, operation=Operation.INSERT, row=row, after=row, source={}, key={}, event_time_ms=0
    )
