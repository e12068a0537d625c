"""Match: rows with the columns of their partners, as these are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from ..tables import StoredRow, TimedRow, encode_key
from ..truncating.state import LiveRows
from .plan import Relation, TableJoin
from .wire import Answer, Partner

Answers = tuple[Answer | None, ...]


@dataclass(slots=True, kw_only=True)
class Match:
    """A row on its way through the joins of a relation."""

    row: dict[str, object]
    """With the columns of the joins so far."""
    time_ms: int
    """Newest event time of the row and its partners."""
    refs: list[str | None] = field(default_factory=list)
    joined: list[object] = field(default_factory=list)
    """Values of the columns that were joined."""
    is_whole: bool = True
    """No inner join has left it out."""
    is_waiting: bool = False
    """A partner in another task has not answered yet: what is not known yet is null, and nothing of it goes out."""

    def add(self, join: TableJoin, ref: bytes | None, found: StoredRow | Partner | None) -> None:
        """Take the columns of one partner."""
        row = {} if found is None else found.row
        columns = {own: row.get(column) for column, own in join.columns}
        self.row.update(columns)
        self.joined += columns.values()
        self.refs.append(None if ref is None else ref.decode())
        if isinstance(found, TimedRow | Partner):
            self.time_ms = max(self.time_ms, found.time_ms)
        if found is None and join.is_inner:
            self.is_whole = False

    def ask(self, join: TableJoin, ref: bytes | None, answer: Answer | None) -> None:
        """Take the columns of a partner in another task, if it has answered."""
        is_answered = answer is not None and ref is not None and answer.ref == ref.decode()
        self.add(join, ref, answer.partner if is_answered and answer is not None else None)
        self.is_waiting = self.is_waiting or (ref is not None and not is_answered)

    def told(self) -> str:
        """Digest of what the result has from partners, and of its time; empty where it has no such row."""
        text = encode_key([*self.joined, self.time_ms]) if self.is_whole else b""
        return blake2b(text, digest_size=8).hexdigest() if text else ""


def match_rows(
    rows: Sequence[tuple[Mapping[str, object], int, Answers]],
    relation: Relation,
    partners: Mapping[str, LiveRows],
) -> list[Match]:
    """One match for each (row, event time, answers), joined to all; one round trip to the store for each join."""
    matches = [Match(row=dict(row), time_ms=time_ms) for row, time_ms, _ in rows]
    for number, join in enumerate(relation.joins):
        refs = [_ref_of(match.row, join) for match in matches]
        if join.meeting is not None:
            for match, ref, (_, _, answers) in zip(matches, refs, rows, strict=True):
                match.ask(join, ref, answers[number] if answers else None)
            continue
        known = partners[join.table].get_many([ref for ref in refs if ref is not None])
        for match, ref in zip(matches, refs, strict=True):
            match.add(join, ref, None if ref is None else known.get(ref))
    return matches


def _ref_of(row: Mapping[str, object], join: TableJoin) -> bytes | None:
    """A null in it has no partner, now or ever."""
    values = [row.get(column) for column in join.by]
    return None if None in values else encode_key(values)
