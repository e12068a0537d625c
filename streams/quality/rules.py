"""Rules as values: what is asked of a dataset, whoever wrote it and wherever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from streams.contracts.documents import Document, Path
from streams.errors import Problem


class Dimension(Enum):
    """What a rule is about; label of metrics and first part of a rule's name."""

    COMPLETENESS = "completeness"
    UNIQUENESS = "uniqueness"
    VALIDITY = "validity"
    CONSISTENCY = "consistency"
    REFERENCES = "references"
    FRESHNESS = "freshness"


class OnFail(Enum):
    """What becomes of an event that breaks a rule."""

    DEAD = "dead"
    WARN = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """A column has a value: it is there and not null."""

    missing: tuple[object, ...] = ()
    """Values, in JSON view, that count as none: an empty text does only where it is listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """No two live rows have the same values; rows with a null among them do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A text has a part that matches; ``^`` and ``$`` anchor it."""

    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From ``low`` to ``high``, both included; texts as written, ``None`` is open."""

    low: str | None
    high: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFuture:
    """Not later than now; a date has begun somewhere on Earth."""

    tolerance_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """One of these values, as written."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Characters of a text, both bounds included; ``None`` is open."""

    least: int
    most: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """An SQL condition over the row that is not FALSE, as in CHECK: NULL passes."""

    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """The value is the key of a live row of another dataset; null refers to nothing."""

    dataset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """The newest row of the dataset is younger than this."""

    max_delay_ms: int


Check = Complete | Pattern | Range | NotFuture | OneOf | Length | Holds
"""What one event alone decides."""
Kind = Check | Unique | References | Fresh

OF_ROWS: frozenset[Dimension] = frozenset({Dimension.COMPLETENESS, Dimension.VALIDITY, Dimension.CONSISTENCY})
"""Dimensions that one event alone decides; what breaks the others is a finding about several rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a dataset."""

    name: str
    """``dimension.columns`` and, where a column can have several, ``.kind``: ``validity.age.range``. Stable."""
    dimension: Dimension
    columns: tuple[str, ...]
    """Empty: the condition names them."""
    kind: Kind
    text: str
    """As a person would write it, such as ``range:0-150``."""
    on_fail: OnFail | None = None
    """``None``: whatever holds for all rules."""
    document: Document = field(repr=False, compare=False)
    path: Path = field(default=(), compare=False)

    def problem(self, message: str) -> Problem:
        """A mistake in this rule, where it was written."""
        return self.document.problem(self.path, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """The rules of one dataset, by name, and what happens where one is broken."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    on_fail: Mapping[str, OnFail] = field(default_factory=dict)
    """By the name of a rule or its first parts; ``""`` is for all."""

    def on_fail_of(self, rule: Rule) -> OnFail:
        """The longest name that fits decides, then the rule itself, then ``dead``."""
        parts = rule.name.split(".")
        for count in range(len(parts), 0, -1):
            if (said := self.on_fail.get(".".join(parts[:count]))) is not None:
                return said
        return rule.on_fail or self.on_fail.get("", OnFail.DEAD)
