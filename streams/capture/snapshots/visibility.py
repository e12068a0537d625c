"""Visibility: which transactions a snapshot shows, told by their numbers as the log has them."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

_ROUND = 1 << 32
_HALF = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """PostgreSQL's ``pg_current_snapshot()``.

    Source: PostgreSQL 18, "pg_snapshot Components". Numbers are 64 bits wide there and 32 in the log, where they go
    round; a number of the log means the nearest one.
    """

    xmin: int
    """Every transaction before this has ended."""
    xmax: int
    """No transaction from here on had ended."""
    running: frozenset[int]
    """Those between that had not ended."""

    @property
    def text(self) -> str:
        """As PostgreSQL writes it."""
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.running)))}"

    def shows(self, xid: int) -> bool:
        """Whether rows read in the snapshot have what the committed transaction ``xid`` did."""
        whole = self._whole(xid)
        return whole < self.xmin or (whole < self.xmax and whole not in self.running)

    def hides_any(self, xids: Container[int]) -> bool:
        """Whether one of ``xids`` is not shown although the log has its commit: it was about to end."""
        return any(xid % _ROUND in xids for xid in self.running)

    def _whole(self, xid: int) -> int:
        behind = (self.xmax - xid) % _ROUND
        return self.xmax - (behind if behind < _HALF else behind - _ROUND)


def parse_visible(text: str) -> Visible:
    """``xmin:xmax:running,…`` as PostgreSQL writes it.

    >>> parse_visible("10:20:10,14").running == {10, 14}
    True
    """
    xmin, xmax, running = text.split(":")
    return Visible(
        xmin=int(xmin), xmax=int(xmax), running=frozenset(int(xid) for xid in running.split(",") if xid)
    )


class RecentTransactions:
    """Transactions whose commits the log had: a snapshot that does not show them came too early.

    A commit is in the log a moment before snapshots show it. Of what the log had before this process came nothing is
    remembered, so those that run when the first snapshot is taken get ``settle_s`` to end.
    """

    def __init__(self, *, settle_s: float, size: int = 100_000) -> None:
        self._size = size
        self._settle_s = settle_s
        self._xids: dict[int, None] = {}
        self._last: int | None = None
        self._first_running: frozenset[int] | None = None
        self._until_s = 0.0

    def add(self, xid: int) -> None:
        """The log has the commit of ``xid``."""
        if xid == self._last:
            return
        self._last = xid
        self._xids.pop(xid, None)
        self._xids[xid] = None
        if len(self._xids) > self._size:
            del self._xids[next(iter(self._xids))]

    def are_hidden_by(self, visible: Visible, *, now_s: float) -> bool:
        """Whether a snapshot that was taken now came too early."""
        if self._first_running is None:
            self._first_running, self._until_s = visible.running, now_s + self._settle_s
        self._first_running &= visible.running
        is_settled = not self._first_running or now_s >= self._until_s
        return not is_settled or visible.hides_any(self._xids)
