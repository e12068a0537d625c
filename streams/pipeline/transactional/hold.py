"""Hold: what of a task's inputs waits until its transaction is here as a whole.

In:   batches as they are fetched, and where the source says that transactions end.
Out:  what may be processed: always whole transactions, of all inputs together.
Next: streams.pipeline.inputs

All of a transaction that an input brings is here as soon as the input brings a later transaction: it has them in the
order of their commits. Or the source has told the end of it, and after that the input was read to its end: what was
written before is in it. A task lets a transaction go when that is so for all of its inputs.

What cannot be known is not waited for for ever. A transaction that is the oldest one here for longer than the time-out,
or that is larger than what may wait, is let go as far as it is here, and counted as incomplete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from streams.records import RecordBatch

from .ends import Ends, Reader
from .parts import Parts
from .place import Place, PlaceOf
from .plan import Transactional
from .released import Released
from .wire import NOTHING, decode_told

UNIT_BYTES = 1 << 20
"""So many bytes of whole transactions are let go at once, or a single one that is larger."""
MOST_COUNTED = 1_000


class Hold:
    """The inputs of one task that share transactions of one source. Its time counts from anywhere, in ms."""

    def __init__(self, said: Transactional, places: Mapping[str, PlaceOf], ended: int) -> None:
        self.said = said
        self.topics = places.keys()
        """The inputs."""
        self._places = places
        self._ends = Ends(places, ended)
        self._parts = {topic: Parts() for topic in places}
        self._orders: dict[object, int] = {}
        """By transaction that waits, the place where it began; one that a capture took up again may tell a later."""
        self._floor = NOTHING
        """What began before this has been given up waiting for."""
        self._counted: set[object] = set()
        self._head: int | None = None
        """The oldest transaction here, as of the last look, and since when it is that."""
        self._head_ms = 0
        self.released = Released(places)
        """What may be processed."""
        self.incomplete: Counter[str] = Counter()
        """Transactions of which it is not known that they were here as a whole, by reason."""

    @property
    def transactions(self) -> int:
        """How many of them wait."""
        return len(self._orders)

    def add(self, batch: RecordBatch) -> None:
        """What was fetched of one of the inputs, or of what is told of ends."""
        if batch.topic == self.said.ends:
            self._ends.hear(max(decode_told(record.value) for record in batch.records))
            return
        place_of, parts = self._places[batch.topic], self._parts[batch.topic]
        for record in batch.records:
            place = place_of(record)
            if place is not None:
                place = place._replace(order=self._orders.get(place.name, place.order))
                self._note_straggler(place, parts)
            part = parts.add(record, place)
            if place is not None and part.name == place.name:
                self._orders.setdefault(part.name, part.order)
                self._ends.pass_by(batch.topic, part.order)

    def _note_straggler(self, place: Place, parts: Parts) -> None:
        """More of a transaction that has been let go; copies of what came before are none."""
        if place.name == parts.gone.name and place.number > parts.gone.number and not parts.waiting:
            self._count("late", [place.name])

    def is_full(self, topic: str) -> bool:
        """So much of an input waits that no more should be fetched."""
        return self._parts[topic].size >= self.said.most_bytes

    def is_patient(self, now_ms: int) -> bool:
        """Something waits for its transaction, and not too long."""
        return self._head is not None and now_ms - self._head_ms <= self.said.timeout_ms

    def pause(self) -> None:
        """Nothing may be let go now, and no time passes for what waits."""
        self._head = None

    def let_go(self, reader: Reader, *, now_ms: int) -> None:
        """Release what is here as a whole, some of it at a time."""
        for parts in self._parts.values():
            for part in reversed(parts.waiting):
                if part.since_ms is not None:
                    break
                part.since_ms = now_ms
        limit = max(self._floor, self._ends.limit(reader))
        head = self._oldest()
        if head is None:
            self._head = None
            return
        if head >= limit:
            self._give_up(head, limit, now_ms)
        self._take(max(self._floor, limit))

    def _oldest(self) -> int | None:
        return min((parts.waiting[0].order for parts in self._parts.values() if parts.waiting), default=None)

    def _take(self, limit: int) -> None:
        size = 0
        while size < UNIT_BYTES and (head := self._oldest()) is not None and head < limit:
            for topic, parts in self._parts.items():
                while parts.waiting and parts.waiting[0].order <= head:
                    part = parts.take()
                    self._orders.pop(part.name, None)
                    self.released.add(topic, part)
                    size += part.size

    # -- what cannot be known

    def _give_up(self, head: int, limit: int, now_ms: int) -> None:
        """Where the oldest transaction has waited too long, or is too large to wait: move the floor behind it."""
        if head != self._head:
            self._head, self._head_ms = head, now_ms
        waiting = [part for parts in self._parts.values() for part in parts.waiting]
        if now_ms - self._head_ms >= self.said.timeout_ms:
            old_ms = now_ms - self.said.timeout_ms
            self._floor = 1 + max(part.order for part in waiting if part.since_ms is None or part.since_ms <= old_ms)
            self._count("timeout", [part.name for part in waiting if limit <= part.order < self._floor])
        elif any(self._is_too_large(topic, head) for topic in self._parts):
            self._floor = head + 1
            self._count("size", [part.name for part in waiting if part.order == head])

    def _is_too_large(self, topic: str, order: int) -> bool:
        """It is all that is here of an input, and no more of that is fetched."""
        waiting = self._parts[topic].waiting
        return self.is_full(topic) and len(waiting) == 1 and waiting[0].order == order

    def _count(self, reason: str, names: Iterable[object]) -> None:
        new = set(names) - self._counted
        if len(self._counted) > MOST_COUNTED:
            self._counted.clear()
        self._counted |= new
        self.incomplete.update(dict.fromkeys([reason] if new else [], len(new)))
