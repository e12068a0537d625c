"""Reading: how far the inputs of a task have been read, in answers of the broker.

An answer may be older than what one wants to know. The next one after it was asked for when it had come, so an answer
that comes two later than the last one known was asked for after now. No clock is needed for that.
"""

from __future__ import annotations

from .fetched import Fetched, Port
from .owned import OwnedTask

UNREAD = -1


class Reading:
    """Of one task, since it began; a ``Reader`` of ``streams.pipeline.transactional``."""

    def __init__(self, owned: OwnedTask, fetched: Fetched, port: Port) -> None:
        self._owned = owned
        self._fetched = fetched
        self._port = port
        self._answers: dict[str, tuple[int, int | None]] = {}
        """By input how many answers were seen, and when the last of them came."""

    def asked(self, topic: str) -> int:
        """The number of an answer that will know of all that is written to ``topic`` by now."""
        return self._count(topic) + 2

    def told(self, topic: str) -> int:
        """The number of the last answer, if after it all of ``topic`` is in the inputs of the task."""
        # The answer first: what it left unread is known from then on.
        count, number, task = self._count(topic), self._owned.task.partition, self._owned.task
        position, arrived = self._fetched.reader_position(topic, number), self._owned.inputs.arrived(topic)
        if position is None or self._port.lag(topic, number, position) != 0:
            return UNREAD
        offset = task.position(topic) if arrived is None else arrived
        return count if self._fetched.has_arrived(topic, number, offset) else UNREAD

    def _count(self, topic: str) -> int:
        answered_ms = self._port.answered_ms(topic, self._owned.task.partition)
        count, last_ms = self._answers.get(topic, (0, None))
        if answered_ms != last_ms:
            count += 1
            self._answers[topic] = count, answered_ms
        return count
