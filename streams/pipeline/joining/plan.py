"""What the plan says of joins: look-ups of a stream in a table, and tables whose rows follow each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from streams.contracts.model import Column


class Missing(Enum):
    """What becomes of an event whose partner in a join is not there."""

    RETRY = "retry"
    """It is tried again; without retries it is dead (``join_missing``)."""
    KEEP = "keep"
    """It goes on, the joined columns are null."""
    DROP = "drop"
    """It is filtered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Columns that come from a row of another pipeline's table."""

    table: str
    pipeline: str
    """Who keeps the table."""
    by: tuple[str, ...]
    """Of the stream, in the order of the table's key."""
    columns: tuple[tuple[str, str], ...]
    """(column of the table, its name here)."""
    kinds: tuple[Column, ...]
    """What is known of each."""
    missing: Missing
    keep_ms: int | None = None
    """As of the event's time, by versions that are kept so long; ``None``: as processed so far."""
    meeting: Meeting | None = None
    """``None``: the table is in the same task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """Where rows and partners meet that live in different tasks: a stage keyed by the partner."""

    stage: str
    """Name of the plan that reads ``names`` and ``rows``."""
    pipeline: str
    """Under whose name its outcomes are told: that of the rows."""
    table: str
    """Of the partners."""
    join: int
    """Place among the joins of its relation."""
    columns: tuple[str, ...]
    """Of the partners, those that travel."""
    names: str
    """Topic: which rows name which partner, keyed by the partner."""
    rows: str
    """Topic: partners as they are, keyed as their table is."""
    answers: str
    """Topic: the partner of each row, in the partition that the row's own topic has."""
    is_asked: bool = False
    """By events, each once, of the partner as it is or was; else by rows that follow it."""
    keep_ms: int | None = None
    """Where it is asked as of a time, how long it knows what partners were."""

    @property
    def topics(self) -> tuple[str, ...]:
        """All between rows and partners."""
        return (self.names, self.rows, self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableJoin:
    """Columns that come from a row of another pipeline's table, and follow it."""

    table: str
    pipeline: str
    """Who keeps the table."""
    by: tuple[str, ...]
    """Columns here that name the partner, in the order of the table's key; any columns, not only the own key."""
    columns: tuple[tuple[str, str], ...]
    """(column of the table, its name here)."""
    is_inner: bool
    """Without a partner the row is not in the result; else the columns are null."""
    meeting: Meeting | None = None
    """``None``: the partner's table is in the same task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """The rows of a pipeline, joined to others'."""

    changelog: str
    """Short name of the changelog of what it keeps."""
    key: tuple[str, ...]
    """Which row a change is of."""
    joins: tuple[TableJoin, ...]
    """Each sees the columns of those before it."""

    @property
    def is_inner(self) -> bool:
        """A row may be kept and not be in the result."""
        return any(join.is_inner for join in self.joins)

    @property
    def local(self) -> tuple[TableJoin, ...]:
        """The joins with tables of the same tasks."""
        return tuple(join for join in self.joins if join.meeting is None)

    @property
    def meetings(self) -> tuple[Meeting, ...]:
        """Of the joins whose partners live in other tasks."""
        return tuple(join.meeting for join in self.joins if join.meeting is not None)

    @property
    def shape(self) -> object:
        """What its state depends on."""
        return self.key, [(join.table, join.by) for join in self.joins]
