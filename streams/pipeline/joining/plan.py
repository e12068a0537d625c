"""What the plan says of joins: look-ups of a stream in a table, and tables whose rows follow each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
    missing: Missing


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
    def shape(self) -> object:
        """What its state depends on."""
        return self.key, [(join.table, join.by) for join in self.joins]
