"""Progress of a snapshot: rows, rate, and the time it will still take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProgress:
    """How far the snapshot of one table is."""

    table: str
    rows: int
    expected: int
    """Rows as PostgreSQL estimates them; 0: it does not know, or there are more than it thought."""
    rows_per_second: float
    """Since this process took up the table."""
    is_done: bool

    @property
    def ratio(self) -> float:
        """1: done."""
        return 1.0 if self.is_done else self.rows / self.expected if self.expected else 0.0

    @property
    def seconds_left(self) -> float | None:
        """``None``: it cannot be told."""
        if self.is_done:
            return 0.0
        if not self.expected or not self.rows_per_second:
            return None
        return (self.expected - self.rows) / self.rows_per_second


Report = Callable[[TableProgress], None]


class Pace:
    """Makes progress of counts; ``start`` says where this process takes up a table."""

    def __init__(self, table: str, rows: int, *, now_s: float) -> None:
        self.table = table
        self._from_rows = rows
        self._from_s = now_s

    def at(self, rows: int, expected: int, *, is_done: bool, now_s: float) -> TableProgress:
        """How far it is now."""
        seconds = now_s - self._from_s
        return TableProgress(
            table=self.table,
            rows=rows,
            expected=rows if is_done else expected if expected > rows else 0,
            rows_per_second=(rows - self._from_rows) / seconds if seconds > 0 else 0.0,
            is_done=is_done,
        )
