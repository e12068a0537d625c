"""Released: what of a task's inputs may be processed, transaction by transaction, in the order of their commits.

That order, and not where fetches and releases are cut, says what a join of two inputs sees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from .parts import NONE, Part
from .wire import NOTHING


class Released:
    """Of the inputs of one ``Hold``."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._parts: dict[str, deque[Part]] = {topic: deque() for topic in topics}
        self.is_whole = True
        """No transaction is processed in part."""

    def add(self, topic: str, part: Part) -> None:
        """One more, behind those of the topic that are here."""
        self._parts[topic].append(part)

    @property
    def next_topics(self) -> list[str]:
        """Inputs that have something of the oldest transaction; none: there is nothing."""
        fronts = {topic: parts[0].order for topic, parts in self._parts.items() if parts}
        oldest = min(fronts.values(), default=NOTHING)
        return [topic for topic, order in fronts.items() if order == oldest]

    def end_of(self, topic: str, *, is_alone: bool) -> int:
        """The offset behind what may be taken of ``topic`` now; ``is_alone``: no other input must come between.

        Then it is all before the next transaction that another one has a part of.
        """
        parts = self._parts[topic]
        others = [held[0].order for name, held in self._parts.items() if held and name != topic]
        next_order = min(others, default=parts[-1].order + 1) if is_alone else parts[0].order + 1
        return max([parts[0].end, *(part.end for part in parts if part.order < next_order)])

    def note(self, topic: str, offset: int) -> None:
        """All of ``topic`` before ``offset`` is processed, and was not all before."""
        parts, done = self._parts[topic], Part(None, NONE)
        while parts and parts[0].end <= offset:
            done = parts.popleft()
        order = parts[0].order if parts and done.end < offset else done.order
        self.is_whole = not any(held and held[0].order == order for held in self._parts.values())
