"""Quality: is a well-formed event also believable?

In:   events that honour their contract and that somebody wants.
Out:  the events that break no rule, or only such as warn; the rest is dead, with every finding.
Next: streams.pipeline.mask

A rule is asked only of columns that the source sent: an unchanged column that a table has filled in was checked when it
came, and may be masked by now. A DELETE tells no row, a TRUNCATE neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.errors import QualityRuleError
from streams.ledger import Ledger
from streams.records import ChangeEvent

from .rules.plan import QualityRules, RowRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that one event breaks, told without its values."""

    path: str
    code: str
    message: str


def check_quality(
    events: list[ChangeEvent], rules: QualityRules | None, ledger: Ledger, *, now_ms: int
) -> list[ChangeEvent]:
    """The events that may go on; ``now_ms`` is the wall clock that nothing may be later than."""
    if rules is None:
        return events
    asked, broken = dict.fromkeys(rules.rules, 0), dict.fromkeys(rules.rules, 0)
    good = []
    for event in events:
        found = []
        for rule in rules.asked_of(event):
            asked[rule] += 1
            if rule.is_broken(event, now_ms):
                broken[rule] += 1
                found.append(rule)
        if found and any(rule.is_deadly for rule in found):
            ledger.bury(event.record, QualityRuleError(rules.uri, tuple(map(_finding, found))))
        else:
            good.append(event)
    for rule in rules.rules:
        ledger.note_checks(rule.id, checked=asked[rule], failed=broken[rule])
    return good


def _finding(rule: RowRule) -> Finding:
    return Finding(path=",".join(rule.columns), code=rule.id[2], message=rule.message)
