"""Kept: the rows of a relation that a batch touches, and the index that says who names a partner."""

from __future__ import annotations

from msgspec.structs import replace

from streams.records import Delivery

from ..order import Order
from ..truncating.state import is_before
from .plan import Relation
from .state import JoinTables, KeptRow, index_key
from .wire import Answer, Named, encode


class KeptRows:
    """The kept rows that a batch touches, with the index that follows them."""

    def __init__(self, tables: JoinTables, keys: list[bytes], relation: Relation, partition: int) -> None:
        self._tables = tables
        self._relation = relation
        self.partition = partition
        """Where the rows live."""
        self.waiting = 0
        """Rows that go on when their partners have answered."""
        self._named: dict[bytes, Delivery] = {}
        self.keys = dict.fromkeys(keys)
        found = tables.kept.get_many(list(self.keys))
        self._stored = {key: found.get(key) for key in self.keys}
        self._changed: dict[bytes, KeptRow | None] = {}
        self._index: dict[bytes, bool | None] = {}

    def get(self, key: bytes) -> KeptRow | None:
        """As the events before have left it."""
        return self._changed[key] if key in self._changed else self._stored.get(key)

    def answers(self, key: bytes) -> tuple[Answer | None, ...]:
        """What partners in other tasks have answered to a row before this batch."""
        stored = self._stored.get(key)
        return () if stored is None else stored.answers

    def before(self, key: bytes, last: dict[bytes, dict[str, object] | None]) -> dict[str, object] | None:
        """The row as ``last`` has it, else as it is kept."""
        if key in last:
            return last[key]
        stored = self._stored.get(key)
        return None if stored is None else stored.row

    def put(self, key: bytes, known: KeptRow | None, kept: KeptRow | None) -> None:
        """``kept`` in place of ``known``; the index moves with what they name."""
        self._changed[key] = kept
        before, after = () if known is None else known.refs, () if kept is None else kept.refs
        if before != after:
            self._name(before, key, is_there=False)
            self._name(after, key, is_there=True)

    def _name(self, refs: tuple[str | None, ...], key: bytes, *, is_there: bool) -> None:
        for number, (ref, join) in enumerate(zip(refs, self._relation.joins, strict=False)):
            if ref is None:
                continue
            place = index_key(number, ref.encode(), key)
            if join.meeting is None:
                self._index[place] = is_there or None
            else:
                named = Named(row=key.decode(), partition=self.partition, is_there=is_there)
                self._named.pop(place, None)
                self._named[place] = Delivery(
                    topic=join.meeting.names, key=ref.encode(), value=encode(named), timestamp_ms=0
                )

    def answer(self, key: bytes, join: int, answer: Answer) -> None:
        """What a partner has answered to a row, if it still names that partner."""
        kept = self.get(key)
        if kept is None or kept.refs[join] != answer.ref:
            return
        answers = list(kept.answers or [None] * len(kept.refs))
        answers[join] = answer
        self._changed[key] = replace(kept, answers=tuple(answers))

    def truncate(self, order: Order) -> list[KeptRow]:
        """The rows of the batch that are older than ``order`` go: those of them that were in the result."""
        gone = []
        for key in self.keys:
            kept = self.get(key)
            if kept is not None and is_before(kept.order, order):
                self.put(key, kept, None)
                gone += [kept] if kept.told else []
        return gone

    def close(self) -> list[Delivery]:
        """The batch is done; what tasks of partners must be told."""
        self._tables.kept.put_many(self._changed)
        self._tables.index.put_many(self._index)
        return list(self._named.values())
