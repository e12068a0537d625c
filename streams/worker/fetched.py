"""Fetched: how far each input of this worker's tasks has been read, and whether more of it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from streams.pipeline.task import Task
from streams.pipeline.topology import Topology

from .assignor import Place
from .owned import OwnedTask
from .runs import Run


class Port(Protocol):
    """What the engine asks of whoever fetches."""

    async def rewind(self, offsets: dict[tuple[str, int], int]) -> None: ...

    def lag(self, topic: str, partition: int, processed: int) -> int | None: ...

    def answered_ms(self, topic: str, partition: int) -> int | None: ...

    def is_member(self) -> bool: ...


def lags_of(task: Task, port: Port | None) -> dict[str, int | None]:
    """By input, the records that are not yet processed; ``None``: not known yet."""
    return {
        topic: None if port is None else port.lag(topic, task.partition, task.position(topic))
        for topic in task.sub.source_topics
    }


class Fetched:
    """What was handed over and is not processed yet; ``tasks`` gives the tasks as they are now."""

    def __init__(self, topology: Topology, tasks: Callable[[], Mapping[Place, OwnedTask]]) -> None:
        self._tasks = tasks
        self._first = {topic: sub.source_topics[0] for sub in topology.subtopologies for topic in sub.source_topics}
        self.is_paused = False
        """Nothing more is to be fetched of anything; the watchdog says so."""
        self._handed: dict[tuple[str, int], int] = {}
        """By topic and partition: behind the last record that was fetched."""
        self._reader: dict[tuple[str, int], int] = {}
        """Where the reader stands; all that it passed has been handed over."""

    def place_of(self, topic: str, partition: int) -> Place:
        """The task that reads a partition."""
        return self._first[topic], partition

    def task_of(self, topic: str, partition: int) -> OwnedTask | None:
        """The same, if it is ready."""
        return self._tasks().get((self._first[topic], partition))

    def begin(self, starts: Mapping[tuple[str, int], int]) -> None:
        """A task is read from there on."""
        self._handed.update(starts)
        for place in starts:
            self._reader.pop(place, None)

    def forget(self) -> None:
        """Nothing is read any more."""
        self._handed, self._reader = {}, {}

    def hand_over(self, runs: Iterable[Run], positions: Mapping[tuple[str, int], int]) -> None:
        """All runs of one fetch go into Faust's buffer; ``positions``: where it left the reader.

        All at once: while one is processed, the others must be known to wait.
        """
        self._handed.update({run.place: run.records[-1].offset + 1 for run in runs})
        self._reader.update(positions)

    def reader_position(self, topic: str, partition: int) -> int | None:
        """The offset that is fetched next, as of the last fetch that is known whole; ``None``: none was made."""
        return self._reader.get((topic, partition))

    def is_waiting(self, topic: str, partition: int) -> bool:
        """Records that were fetched have not been processed yet."""
        owned = self.task_of(topic, partition)
        return owned is not None and self._handed.get((topic, partition), 0) > owned.task.position(topic)

    def has_arrived(self, topic: str, partition: int, offset: int) -> bool:
        """All that was fetched and lies before ``offset`` is all that was fetched."""
        return self._handed.get((topic, partition), 0) <= offset

    def is_full(self, topic: str, partition: int) -> bool:
        """So much waits for other inputs of the same task that no more is to be fetched."""
        owned = self.task_of(topic, partition)
        return self.is_paused or (owned is not None and owned.inputs.is_full(topic))
