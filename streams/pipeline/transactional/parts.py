"""Parts: the records of one input that wait, cut by the transactions that they belong to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from streams.records import SourceRecord

from .place import Place
from .wire import NOTHING

NONE = NOTHING - 1
"""Order of what belongs to no transaction, such as a row of a snapshot: it waits only for what is before it."""
RECORD_BYTES = 64
"""What a record costs besides its value."""


@dataclass(slots=True)
class Part:
    """What one transaction has in one input."""

    name: object
    order: int
    number: int = 0
    """Of its last change."""
    end: int = 0
    """Offset behind its last record."""
    size: int = 0
    """Bytes."""
    since_ms: int | None = None
    """When it came, in the time of ``Hold``; ``None``: just now."""


class Parts:
    """Of one input; their order rises."""

    def __init__(self) -> None:
        self.waiting: deque[Part] = deque()
        self.size = 0
        """Bytes of all of them."""
        self.gone = Part(None, NONE)
        """The last that waits no more."""

    def add(self, record: SourceRecord, place: Place | None) -> Part:
        """Where ``record`` is put: it may begin a part.

        What names no transaction goes with what is before it, a tombstone with its DELETE. So does a change of an older
        transaction: a connector has begun again, and says nothing new.
        """
        last = self.waiting[-1] if self.waiting else None
        if place is None:
            part = last or self._begin(None, NONE)
        elif last is None or (last.name != place.name and place.order > last.order):
            part = self._begin(place.name, place.order)
        else:
            part = last
        if place is not None and place.name == part.name:
            part.number = max(part.number, place.number)
        size = record.size + RECORD_BYTES
        part.end, part.size, self.size = record.offset + 1, part.size + size, self.size + size
        return part

    def _begin(self, name: object, order: int) -> Part:
        part = Part(name, order)
        self.waiting.append(part)
        return part

    def take(self) -> Part:
        """The first of them waits no more."""
        part = self.waiting.popleft()
        self.size -= part.size
        if part.name is not None:
            self.gone = part
        return part
