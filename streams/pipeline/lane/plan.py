"""Lane: what a plain pipeline's batches are read with, and what Python makes of them on their way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..plan import Evaluate

if TYPE_CHECKING:
    from streams.native.lane import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A column that no record has."""

    place: int
    """Among the columns of the reader."""
    is_whole: bool
    """It is an integer, and counted upon to be written as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Columns of another pipeline's row, looked up by key."""

    table: str
    by: tuple[int, ...]
    """Places of the columns that name the row."""
    columns: tuple[tuple[str, Made], ...]
    """With their names there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """Columns that are computed from others."""

    reads: tuple[int, ...]
    """Places of the columns that they are computed from."""
    columns: tuple[tuple[str, Made, Evaluate], ...]
    """Each may read those before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The quick way of one plan."""

    reader: Reader
    joins: tuple[Joined, ...] = ()
    derived: Derived | None = None
