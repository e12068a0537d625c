"""Taking: tasks that were assigned to this worker are restored in the background, each by itself.

A rebalance may come while a store is being restored. Then that restore ends first, and only then the next of the same
task begins: two at once in one folder would break it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping

from streams.pipeline.topology import Topology

from .assignor import Place
from .background import Background
from .changelogs import Watch
from .metrics import WorkerMetrics
from .owned import OwnedTask
from .restore import Restorer
from .starts import Start, Starts
from .stop import ExitCode, stop_process

logger = logging.getLogger("streams.worker")

Begin = Callable[[Place, OwnedTask], Awaitable[bool]]
"""Takes a ready task over; False: it is not wanted any more."""


class Taking:
    """Brings assigned tasks to where they may process."""

    def __init__(
        self, topology: Topology, background: Background, starts: Starts, restorer: Restorer, metrics: WorkerMetrics,
        counts: Mapping[str, int],
    ) -> None:  # fmt: skip
        self._topology = topology
        self._background = background
        self._starts = starts
        self._restorer = restorer
        self._metrics = metrics
        self._counts = counts
        self._restoring: dict[Place, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, places: frozenset[Place], is_wanted: Callable[[], bool], begin: Begin) -> None:
        """Read where ``places`` begin, then restore each; ``is_wanted`` turns false when a rebalance comes."""
        for topic, number in sorted(places):
            if number >= self._counts[topic]:
                stop_process(ExitCode.WRONG_USE, _grown(topic, number + 1, self._counts[topic]))
        for first in sorted({first for first, _ in places}):
            topics = self._topology.subtopology_of(first).source_topics
            numbers = sorted(number for name, number in places if name == first)
            starts = await self._background.run(self._starts.read, topics, numbers)
            for number in numbers:
                own = {topic: starts[topic, number] for topic in topics}
                self._background.spawn(self._take((first, number), own, is_wanted, begin), "restoring a task")

    async def _take(
        self, place: Place, starts: Mapping[str, Start], is_wanted: Callable[[], bool], begin: Begin
    ) -> None:
        topic, number = place
        async with self._restoring[place]:
            if not is_wanted():
                return
            begun = time.monotonic()
            sub = self._topology.subtopology_of(topic)
            gauge = self._metrics.restored.labels(topic, str(number))
            watch = Watch(progress=gauge.set, is_wanted=is_wanted)
            store = await self._background.run(self._restorer.restore, sub, number, starts, watch)
            if store is None:
                return
            if await begin(place, OwnedTask.begin(sub, number, store, starts, partitions=self._counts[topic])):
                at = ", ".join(f"{name}@{start.offset}" for name, start in starts.items())
                logger.info("task %s[%d] begins at %s after %.2f s", topic, number, at, time.monotonic() - begun)
            else:
                store.close()


def _grown(topic: str, found: int, known: int) -> str:
    return (
        f"{topic} has {found} partitions or more, and had {known} when this worker began: keys have other partitions"
        " now, and tables, changelogs and repartition topics are cut as before. Set a new STREAMS_APP, which reads all"
        f" of it anew, or make the topic anew with {known}"
    )
