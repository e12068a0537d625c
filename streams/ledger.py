"""Where each event ended: exactly one outcome for every event of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

from streams.errors import PipelineError
from streams.records import ChangeEvent, SourceRecord

RuleId = tuple[str, str, str]
"""(dataset, dimension, name) of a quality rule: labels of its metrics."""


class Outcome(Enum):
    """What became of an event."""

    PROCESSED = "processed"
    DUPLICATE = "duplicate"
    FILTERED = "filtered"
    LATE = "late"
    RETRIED = "retried"
    PARKED = "parked"
    DEAD = "dead"
    QUARANTINED = "quarantined"
    """An operator had it stepped over: nobody has looked at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record that cannot go on, and why."""

    record: SourceRecord
    error: PipelineError
    attempts: int = 1
    """How often it was tried, the first time included."""
    first_failed_ms: int | None = None
    """Wall clock, ms; ``None``: now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An event that cannot go on now and may later, and why."""

    event: ChangeEvent
    error: PipelineError


@dataclass(slots=True, kw_only=True)
class Shadow:
    """What a candidate of a contract would do to the events of a batch; it does nothing."""

    version: str
    judged: int = 0
    """Rows that it was asked about."""
    rejected: int = 0
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Rejected rows by (code, path); a row may have several."""


class Ledger:
    """The outcomes of one batch of one pipeline.

    A step calls ``end`` for events that do not go on, ``bury`` for those that are dead and ``retry`` for those that
    may go on later; whatever is left at the end of the walk is ``processed``. ``late_by_table`` counts events too late
    for one table, whatever their outcome. ``checked`` and ``failed`` count what quality rules were asked and where
    they were broken. Results that are no events of the source (rows that follow partners, rows that a TRUNCATE takes,
    pairs) have no outcome here; of them ``dead_results`` counts those that are dead.
    """

    __slots__ = (
        "_counts", "_retried", "checked", "dead_letters", "dead_results", "failed", "failures", "late_by_table",
        "retries", "shadow", "size",
    )  # fmt: skip

    def __init__(self, size: int, *, retried: Collection[str] = ()) -> None:
        self.size = size
        """Events of the batch: its records, and one more for each that holds two."""
        self._retried = retried
        """Reasons for which the pipeline tries again."""
        self.failures: list[Failure] = []
        """What is to be tried again; it has no outcome before somebody has seen to that."""
        self.retries: dict[str, int] = {}
        """Events that wait for their next attempt, by reason."""
        self.dead_letters: list[DeadLetter] = []
        self.dead_results: Counter[str] = Counter()
        """By reason."""
        self.late_by_table: Counter[str] = Counter()
        self.checked: dict[RuleId, int] = {}
        self.failed: dict[RuleId, int] = {}
        self.shadow: Shadow | None = None
        """Of the pipeline's canary; ``None`` without one."""
        self._counts: dict[Outcome, int] = {}

    def end(self, outcome: Outcome, events: int = 1) -> None:
        """Count ``events`` that ended with ``outcome``."""
        if events:
            self._counts[outcome] = self._counts.get(outcome, 0) + events

    def bury(
        self, record: SourceRecord, error: PipelineError, *, attempts: int = 1, first_failed_ms: int | None = None
    ) -> None:
        """Set ``record`` aside as dead."""
        letter = DeadLetter(record=record, error=error, attempts=attempts, first_failed_ms=first_failed_ms)
        self.dead_letters.append(letter)
        self.end(Outcome.DEAD)

    def retry(self, event: ChangeEvent, error: PipelineError) -> None:
        """Let ``event`` be tried again later; where the pipeline does not do so for this reason, it is dead."""
        if error.reason in self._retried:
            self.failures.append(Failure(event=event, error=error))
        else:
            self.bury(event.record, error)

    def wait(self, event: ChangeEvent, error: PipelineError) -> None:
        """Let ``event`` wait for what is asked for it, and be walked again then."""
        self.failures.append(Failure(event=event, error=error))

    def note_retry(self, reason: str) -> None:
        """An event waits for its next attempt."""
        self.retries[reason] = self.retries.get(reason, 0) + 1
        self.end(Outcome.RETRIED)

    def note_checks(self, rule: RuleId, *, checked: int, failed: int) -> None:
        """Count that ``rule`` was asked ``checked`` times and was broken ``failed`` of them."""
        if checked:
            self.checked[rule] = self.checked.get(rule, 0) + checked
        if failed:
            self.failed[rule] = self.failed.get(rule, 0) + failed

    def note_results(self, results: Ledger) -> None:
        """Count the dead letters of ``results``, which are no events of this batch."""
        if results.dead_letters:
            self.dead_results.update(results.reasons())

    def note_shadow(self, shadow: Shadow) -> None:
        """Count what a candidate would do; outcomes know nothing of it."""
        held = self.shadow or Shadow(version=shadow.version)
        held.judged += shadow.judged
        held.rejected += shadow.rejected
        held.causes.update(shadow.causes)
        self.shadow = held

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """Events by outcome; outcomes that did not occur are absent."""
        return self._counts

    def reasons(self) -> Counter[str]:
        """Dead letters by reason."""
        return Counter(letter.error.reason for letter in self.dead_letters)

    def add(self, other: Ledger) -> None:
        """Take over what ``other`` counted: its events belong to the same batch."""
        self.size += other.size
        self.dead_letters += other.dead_letters
        self.dead_results.update(other.dead_results)
        self.late_by_table.update(other.late_by_table)
        for outcome, events in other.counts.items():
            self.end(outcome, events)
        for reason, events in other.retries.items():
            self.retries[reason] = self.retries.get(reason, 0) + events
        for rule, checked in other.checked.items():
            self.note_checks(rule, checked=checked, failed=other.failed.get(rule, 0))
        if other.shadow is not None:
            self.note_shadow(other.shadow)

    def branch(self) -> Ledger:
        """A ledger that knows what this one does; what is noted there is not noted here."""
        branch = Ledger(0, retried=self._retried)
        branch.add(self)
        return branch

    def is_balanced(self) -> bool:
        """Every event of the batch has exactly one outcome."""
        return sum(self._counts.values()) == self.size
