"""Written: rules of quality as the Open Data Contract Standard has them, whoever wrote them and wherever.

What ``streams.quality.odcs`` reads, this writes: a rule that went out comes back as it was. References have no form
there that a row can break; they are told to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .rules import OF_ROWS, Complete, Dimension, Fresh, Rule, RuleSet

Checks = Mapping[str, list[dict[str, Any]]]
"""By column; those of the whole dataset under an empty name."""


def written_checks(rules: RuleSet, *, but_in: str) -> Checks:
    """All rules but those that the contract file ``but_in`` states itself; freshness is a service level there."""
    checks: dict[str, list[dict[str, Any]]] = {}
    for rule in _elsewhere(rules, but_in):
        is_column = rule.dimension in (Dimension.COMPLETENESS, Dimension.VALIDITY)
        severity = {"severity": {"dead": "error", "warn": "warning"}[rules.on_fail_of(rule).value]}
        check = {**_check(rule), **(severity if rule.dimension in OF_ROWS else {})}
        checks.setdefault(rule.columns[0] if is_column else "", []).append(check)
    return checks


def _elsewhere(rules: RuleSet, file: str) -> Iterable[Rule]:
    return [rule for rule in rules.rules.values() if rule.document.file != file]


def _check(rule: Rule) -> dict[str, Any]:
    match rule.dimension:
        case Dimension.COMPLETENESS:
            missing = list(rule.kind.missing) if isinstance(rule.kind, Complete) else []
            if missing:
                return {"metric": "missingValues", "arguments": {"missingValues": missing}, "mustBe": 0}
            return {"metric": "nullValues", "mustBe": 0}
        case Dimension.UNIQUENESS:
            return {"metric": "duplicateValues", "arguments": {"properties": list(rule.columns)}, "mustBe": 0}
        case Dimension.VALIDITY:
            return {"type": "custom", "engine": "streams", "implementation": rule.text}
        case Dimension.CONSISTENCY:
            name = rule.name.partition(".")[2]
            return {"name": name, "type": "custom", "engine": "streams", "implementation": {"condition": rule.text}}
        case _:
            return {"type": "text", "description": f"{rule.name}: {rule.text}"}


def written_levels(rules: RuleSet, *, but_in: str) -> list[dict[str, Any]]:
    """Freshness as service levels."""
    return [
        {"property": "latency", "value": rule.kind.max_delay_ms / 1_000, "unit": "s",
         **({"element": rule.columns[0]} if rule.columns else {})}
        for rule in _elsewhere(rules, but_in) if isinstance(rule.kind, Fresh)
    ]  # fmt: skip
