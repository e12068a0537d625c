"""What the plan says of quality: rules of one event, claims of its values, and the stage that settles them.

One event decides completeness, validity and consistency. Whether two live rows have the same value, or a row refers to
one that is not there, is decided where everything said of that value comes together: a stage keyed by rule and value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from streams.ledger import RuleId
from streams.records import ChangeEvent, Operation

_WITHOUT_ROW = frozenset({Operation.DELETE, Operation.TRUNCATE, Operation.MESSAGE})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowRule:
    """A rule that one event alone decides; told apart by being itself: it counts for every event."""

    id: RuleId
    columns: tuple[str, ...]
    """What findings name."""
    reads: frozenset[str]
    """Not asked where the source did not send one of these: what is filled in was checked when it came."""
    is_broken: Callable[[ChangeEvent, int], bool]
    """Of an event and the wall clock (ms)."""
    is_deadly: bool
    message: str
    """The rule as written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRules:
    """The row rules of a pipeline."""

    uri: str
    """Of the contract they are about."""
    rules: tuple[RowRule, ...]

    def asked_of(self, event: ChangeEvent) -> tuple[RowRule, ...]:
        """What can be asked of an event: a DELETE tells no row, and what was not sent cannot be looked at."""
        if event.operation in _WITHOUT_ROW:
            return ()
        unknown = event.unsent | event.filled
        if not unknown:
            return self.rules
        return tuple(rule for rule in self.rules if rule.reads.isdisjoint(unknown))

    def is_sound(self, event: ChangeEvent, *, now_ms: int) -> bool:
        """Whether an event will go on, for who must know before it is counted."""
        return not any(rule.is_deadly and rule.is_broken(event, now_ms) for rule in self.asked_of(event))


class Role(Enum):
    """Why a row names a value."""

    HOLDER = "h"
    """It has the value: no other may, or another dataset must have it as its key."""
    TARGET = "t"
    """Its key is the value that others refer to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A value of each live row that the stage of ``rule`` must know of."""

    rule: str
    role: Role
    table: str
    """Short name of the changelog that holds what each row claims now."""
    parts: tuple[tuple[str, Callable[[ChangeEvent], str | None]], ...]
    """By column the digest of its value, 32 hex digits; ``None`` for null."""
    to: str
    """The topic of the stage."""
    shape: str
    """What the entries of ``table`` depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How new the dataset is, as far as a batch tells."""

    rule: str
    time_of: Callable[[ChangeEvent], int | None]
    """Milliseconds since the epoch; ``None`` where the event does not say."""
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a pipeline tells stages about its rows."""

    row_id: Callable[[ChangeEvent], str]
    """The row's key as canonical JSON; its digest where the key is classified."""
    key: tuple[str, ...]
    claims: tuple[Claim, ...] = ()
    measures: tuple[Measure, ...] = ()


class StageKind(Enum):
    """What a rule of a stage asks of the rows that name one value."""

    UNIQUE = "unique"
    REFERENCE = "reference"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRule:
    """A rule about several rows."""

    id: RuleId
    kind: StageKind
    columns: tuple[str, ...]
    table: str
    """Short name of the changelog that holds who claims which value."""
    shape: str
    """What the entries of that table depend on."""
    is_keyed: bool
    """Its digests have a key: one of the columns is classified."""
    message: str
    max_delay_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the claims of a pipeline come together."""

    pipeline: str
    topic: str
    findings: str
    """Compacted topic: the open findings by rule and value; a tombstone is its resolution."""
    rules: Mapping[str, StageRule] = field(default_factory=dict)
