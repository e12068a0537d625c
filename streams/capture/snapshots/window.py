"""Window: rows that were read at one moment, and what the log tells until it has come to that moment.

    log ──────────t1────────────▶ t2 ──────────▶ mark ───────▶ t3
    rows read:        ▲ the snapshot: shows t1, not t2; then the mark is written into the log

The rows are told at the mark. By then the log has told of every transaction that the snapshot shows, because a
transaction's commit is in the log before any snapshot shows it. Of those that it does not show, the log may have told
some, t2: rows they changed are newer in Kafka than as they were read, and are left out. So in the topic each row's
records go forward in time, and the last one is what the database has.

Not by the order of commits in the log: a transaction can be there, and told, before snapshots show it (a synchronous
standby is waited for between the two). ``Visible`` knows; a mark before the reading would not.

A row that the log changed without sending its long values (unchanged TOAST) is told in its newest state, whole: the
change in Kafka has a placeholder that nothing before it could fill.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..outgoing.envelope import UNAVAILABLE, Image, encode_json
from .visibility import Visible

Change = tuple[str, Image | None, Image | None]
"""(op, row before, row after); both halves of a key change have both rows."""


class Window:
    """Between the reading of rows of one table and the mark behind it."""

    def __init__(self, columns: Sequence[str], visible: Visible) -> None:
        self._columns = columns
        self._visible = visible
        self._newer: dict[bytes, Image | None] = {}
        """By key, what the log made of a row since it was read; ``None``: the row as it was read is of no use."""
        self._is_emptied = False

    def watch(self, change: Change, xid: int) -> None:
        """The log tells this change of the table."""
        if self._visible.shows(xid):
            return
        op, before, after = change
        if op == "t":
            self._is_emptied = True
            self._newer.clear()
        elif op == "u":
            self._update(after or {})
        elif op == "d":
            self._newer[self._key(before or {})] = None
        else:
            self._newer[self._key(after or {})] = None

    def _update(self, after: Image) -> None:
        key = self._key(after)
        known = self._newer.get(key, {})
        # A row that came since is whole in Kafka, or is read again: see ``TableSnapshot.again``.
        self._newer[key] = None if known is None else filled(after, known)

    def newest(self, row: Image) -> Image | None:
        """What is to be told of a row that was read; ``None``: nothing, the log has told it whole."""
        if not self._newer and not self._is_emptied:
            return row
        key = self._key(row)
        if key not in self._newer:
            return None if self._is_emptied else row
        newer = self._newer[key]
        return filled(newer, row) if newer is not None and has_unavailable(newer) else None

    def _key(self, row: Image) -> bytes:
        return encode_json([row.get(column) for column in self._columns])


def filled(row: Image, known: Image) -> Image:
    """``row`` with the values of ``known`` where the log sent none."""
    return {name: known.get(name, value) if is_unavailable(value) else value for name, value in row.items()}


def has_unavailable(row: Image) -> bool:
    """The log did not send every value of the row."""
    return any(map(is_unavailable, row.values()))


def is_unavailable(value: object) -> bool:
    """The placeholder, also as it stands in an array."""
    return value == UNAVAILABLE or (isinstance(value, list) and value == [UNAVAILABLE])
