"""Misses: for each rule a row that breaks it by a hair, and breaks nothing else.

Candidates are a valid row with one place changed. What the contract's validator and the rules say of it decides: a
candidate counts for a rule where it breaks that one alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from streams.contracts.model import Contract
from streams.quality.rules import References, Rule, Unique

from .rules import Rules
from .spoil import Change, dangling_key, spoil_rule, spoil_schema

Row = dict[str, object]
FINDING = "finding"
"""Of one record alone nothing can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Rows of which the last breaks one rule; those before it are there because the rule is about several rows."""

    rows: tuple[Row, ...]
    path: str
    """Where, dotted; columns joined by ``+`` for a rule of quality."""
    code: str
    """The schema's keyword, or the name of the rule."""
    reason: str
    """``contract_violation``, ``quality_rule``, or ``FINDING`` for a rule about several rows."""


class Misser:
    """Finds them for one dataset."""

    def __init__(self, contract: Contract, rules: Rules, *, at_ms: int) -> None:
        self._contract = contract
        self._rules = rules
        self._at_ms = at_ms

    def misses(self, rows: list[Row]) -> Iterator[Miss]:
        """One for each rule that can be missed alone, from what can be made of valid ``rows``."""
        yield from self._of_schema(rows)
        for rule in self._rules.by_name.values():
            yield from self._of_rule(rule, rows)

    def _of_schema(self, rows: Iterable[Row]) -> Iterator[Miss]:
        found: set[tuple[str, str]] = set()
        for row in rows:
            for change in spoil_schema(row, self._contract.schema):
                violations = self._contract.validator.violations(change.row)
                if len(violations) == 1 and (place := (violations[0].path, violations[0].code)) not in found:
                    found.add(place)
                    yield Miss(rows=(change.row,), path=place[0], code=place[1], reason="contract_violation")

    def _of_rule(self, rule: Rule, rows: list[Row]) -> Iterator[Miss]:
        path = "+".join(rule.columns)
        if isinstance(rule.kind, Unique) and not set(self._contract.key) <= set(rule.columns):
            yield from self._twins(rule, rows, path)
        elif isinstance(rule.kind, References):
            column = rule.columns[0]
            row = {**rows[0], column: dangling_key(self._contract.columns[column])}
            if self._contract.validator.is_valid(row):
                yield Miss(rows=(row,), path=path, code=rule.name, reason=FINDING)
        else:
            changes = (change for row in rows for change in self._changes(rule, row))
            wrong = next((change for change in changes if self._breaks_only(rule, change.row)), None)
            if wrong is not None:
                yield Miss(rows=(wrong.row,), path=path or wrong.path, code=rule.name, reason="quality_rule")

    def _changes(self, rule: Rule, row: Row) -> Iterator[Change]:
        reads = next((held.reads for held in self._rules.of_rows if held.id[2] == rule.name), frozenset())
        yield from spoil_rule(rule, row, self._contract.columns, reads, at_ms=self._at_ms)

    def _breaks_only(self, rule: Rule, row: Mapping[str, object]) -> bool:
        return self._contract.validator.is_valid(row) and self._rules.broken(row, at_ms=self._at_ms) == (rule.name,)

    def _twins(self, rule: Rule, rows: list[Row], path: str) -> Iterator[Miss]:
        """Two rows with the same values under two keys."""
        first = next((row for row in rows if all(row.get(name) is not None for name in rule.columns)), None)
        other = next((row for row in rows if row is not first), None)
        if first is not None and other is not None:
            twin = {**other, **{name: first[name] for name in rule.columns}}
            yield Miss(rows=(first, twin), path=path, code=rule.name, reason=FINDING)
