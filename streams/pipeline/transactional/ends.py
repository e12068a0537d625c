"""Ends: up to which place of the source's log all that the inputs of a task bring is here.

An input may be read by what came in it, or by what the source told and the broker answered since.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from .wire import NOTHING

MOST_HEARD = 8
"""Ends that are not known to be here; of more than these the newest says it all, a little later."""


class Reader(Protocol):
    """What is known of how far inputs have been read."""

    def asked(self, topic: str) -> int:
        """The number of an answer of the broker that will know of all that is written to ``topic`` by now."""
        ...

    def told(self, topic: str) -> int:
        """The number of the last answer, where nothing of ``topic`` is unread after it; else less than any."""
        ...


class AllHere:
    """Where whatever has been written is here."""

    def asked(self, topic: str) -> int:
        """See ``Reader``."""
        return 0

    def told(self, topic: str) -> int:
        """See ``Reader``."""
        return 0


ALL_HERE = AllHere()


@dataclass(slots=True)
class _End:
    place: int
    asked: dict[str, int] = field(default_factory=dict)
    """By input, the answer that counts; empty: it has just been heard."""


class Ends:
    """Of the inputs of one task; ``ended`` was heard before it began."""

    def __init__(self, topics: Iterable[str], ended: int) -> None:
        self._reached = dict.fromkeys(topics, NOTHING)
        self._heard: list[_End] = []
        self.hear(ended)

    def hear(self, place: int) -> None:
        """All transactions before ``place`` have ended."""
        if place > (self._heard[-1].place if self._heard else NOTHING):
            del self._heard[MOST_HEARD:]
            self._heard.append(_End(place))

    def pass_by(self, topic: str, order: int) -> None:
        """``topic`` has brought a transaction that began at ``order``: all before are here."""
        self._reached[topic] = max(self._reached[topic], order)

    def limit(self, reader: Reader) -> int:
        """What began before this is here as a whole."""
        told = {topic: reader.told(topic) for topic in self._reached}
        for end in self._heard:
            end.asked = end.asked or {topic: reader.asked(topic) for topic in told}
            for topic, answer in told.items():
                if answer >= end.asked[topic]:
                    self.pass_by(topic, end.place)
        limit = min(self._reached.values())
        self._heard = [end for end in self._heard if end.place > limit]
        return limit
