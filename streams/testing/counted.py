"""Counted: the outcomes of all batches of a driver, committed and not yet."""

from __future__ import annotations

from collections import Counter

from streams.ledger import Ledger, RuleId
from streams.pipeline.results import BatchResult


class Counted:
    """What is counted belongs to the next checkpoint until ``keep`` or ``forget``."""

    def __init__(self) -> None:
        self._ledger: Counter[str] = Counter()
        self._pending_ledger: Counter[str] = Counter()
        self._checks: Counter[tuple[RuleId, str]] = Counter()
        self._pending_checks: Counter[tuple[RuleId, str]] = Counter()
        self._shadows: Counter[tuple[str, str]] = Counter()
        self._pending_shadows: Counter[tuple[str, str]] = Counter()

    def add(self, result: BatchResult) -> None:
        """The outcomes of a batch; raises ``AssertionError`` where they do not add up to its events."""
        for pipeline, ledger in result.ledgers.items():
            self._add(ledger, before="retried" if result.source == "retry" else None)
            if ledger.shadow is not None:
                self._pending_shadows[pipeline, "judged"] += ledger.shadow.judged
                self._pending_shadows[pipeline, "rejected"] += ledger.shadow.rejected
        for ledger in result.released.values():
            self._add(ledger, before="parked")

    def _add(self, ledger: Ledger, *, before: str | None) -> None:
        """``before``: how its events had ended until now."""
        if not ledger.is_balanced():
            raise AssertionError("a batch's outcomes do not add up to its events")
        if before is not None:
            self._pending_ledger[before] -= ledger.size
        self._pending_ledger.update({outcome.value: events for outcome, events in ledger.counts.items()})
        self._pending_checks.update({(rule, "checked"): count for rule, count in ledger.checked.items()})
        self._pending_checks.update({(rule, "failed"): count for rule, count in ledger.failed.items()})

    def keep(self) -> None:
        """A checkpoint has been committed."""
        self._ledger.update(self._pending_ledger)
        self._checks += self._pending_checks
        self._shadows += self._pending_shadows
        self.forget()

    def forget(self) -> None:
        """Nothing since the last checkpoint happened."""
        self._pending_ledger, self._pending_checks, self._pending_shadows = Counter(), Counter(), Counter()

    def outcomes(self) -> dict[str, int]:
        """Events by their latest outcome."""
        return {outcome: count for outcome, count in self._ledger.items() if count}

    def canaries(self) -> dict[str, tuple[int, int]]:
        """By pipeline with a canary, how many rows it was asked about and how many of them it would refuse."""
        names = sorted({pipeline for pipeline, _ in self._shadows})
        return {name: (self._shadows[name, "judged"], self._shadows[name, "rejected"]) for name in names}

    def rules(self) -> dict[str, tuple[int, int]]:
        """By rule, how often it was asked and how often it was broken."""
        counts: dict[str, tuple[int, int]] = {}
        for rule in sorted({rule for rule, _ in self._checks}):
            asked, broken = counts.get(rule[2], (0, 0))
            counts[rule[2]] = asked + self._checks[rule, "checked"], broken + self._checks[rule, "failed"]
        return counts
