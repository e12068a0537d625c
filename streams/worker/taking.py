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
from streams.state.stores.base import Store

from .assignor import Place
from .background import Background
from .changelogs import Watch
from .lost import LostRecords
from .metrics import WorkerMetrics
from .owned import OwnedTask
from .restore import Restorer
from .starts import Start, Starts
from .stop import ExitCode, stop_process

logger = logging.getLogger("streams.worker")

Begins = Mapping[Place, Start]
"""By topic and partition of the inputs of a task, where it begins."""
Begin = Callable[[Place, OwnedTask], Awaitable[bool]]
"""Takes a ready task over; False: it is not wanted any more."""


class Taking:
    """Brings assigned tasks to where they may process."""

    def __init__(
        self, topology: Topology, background: Background, starts: Starts, restorer: Restorer, metrics: WorkerMetrics,
        counts: Mapping[str, int], lost: LostRecords,
    ) -> None:  # fmt: skip
        self._topology = topology
        self._background = background
        self._starts = starts
        self._restorer = restorer
        self._metrics = metrics
        self._counts = counts
        self._lost = lost
        self.undecided: set[Place] = set()
        """Tasks that wait for somebody to accept a loss."""
        self.moved_s = time.monotonic()
        """When a restore last moved, or something was decided; what stands still may be stuck."""
        self._restoring: dict[Place, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, places: frozenset[Place], is_wanted: Callable[[], bool], begin: Begin) -> None:
        """Read where ``places`` begin, then restore each; ``is_wanted`` turns false when a rebalance comes."""
        for topic, number in sorted(places):
            if number >= self._counts[topic]:
                stop_process(ExitCode.WRONG_USE, _grown(topic, number + 1, self._counts[topic]))
        self.moved_s = time.monotonic()
        await self._background.run(self._lost.quarantine.refresh)
        for first in sorted({first for first, _ in places}):
            topics = self._topology.subtopology_of(first).source_topics
            numbers = sorted(number for name, number in places if name == first)
            starts = await self._background.run(self._starts.read, topics, numbers)
            firsts = await self._background.run(self._starts.firsts, starts)
            for number in numbers:
                own = {(topic, number): starts[topic, number] for topic in topics}
                is_whole = all(firsts[place] <= start.offset for place, start in own.items())
                settling = _as_they_are(own) if is_whole else self._lost.settle(own, self._starts, is_wanted)
                self._background.spawn(self._take((first, number), own, settling, is_wanted, begin), "taking a task")

    async def _take(
        self, place: Place, found: Begins, settling: Awaitable[Begins | None], is_wanted: Callable[[], bool],
        begin: Begin,
    ) -> None:  # fmt: skip
        """``found``: where the group stood; ``settling``: where the task is to go on, behind what has been lost."""
        begun, settled = time.monotonic(), await self._settle(place, settling)
        async with self._restoring[place]:
            if settled is None or not is_wanted():
                return
            store = await self._restore(place, found, is_wanted)
            if store is None:
                return
            sub, count = self._topology.subtopology_of(place[0]), self._counts[place[0]]
            owned = OwnedTask.begin(sub, place[1], store, _by_topic(settled), partitions=count)
            owned.must_commit = owned.must_commit or settled != found
            if await begin(place, owned):
                at = ", ".join(f"{name}@{start.offset}" for (name, _), start in settled.items())
                logger.info("task %s[%d] begins at %s after %.2f s", *place, at, time.monotonic() - begun)
            else:
                store.close()

    async def _settle(self, place: Place, settling: Awaitable[Begins | None]) -> Begins | None:
        self.undecided.add(place)
        try:
            return await settling
        finally:
            self.undecided.discard(place)
            self.moved_s = time.monotonic()

    async def _restore(self, place: Place, found: Begins, is_wanted: Callable[[], bool]) -> Store | None:
        topic, number = place
        gauge = self._metrics.restored.labels(topic, str(number))

        def note(share: float) -> None:
            self.moved_s = time.monotonic()
            gauge.set(share)

        watch = Watch(progress=note, is_wanted=is_wanted)
        sub = self._topology.subtopology_of(topic)
        return await self._background.run(self._restorer.restore, sub, number, _by_topic(found), watch)


async def _as_they_are(begins: Begins) -> Begins:
    return begins


def _by_topic(begins: Begins) -> Mapping[str, Start]:
    return {topic: start for (topic, _), start in begins.items()}


def _grown(topic: str, found: int, known: int) -> str:
    return (
        f"{topic} has {found} partitions or more, and had {known} when this worker began: keys have other partitions"
        " now, and tables, changelogs and repartition topics are cut as before. Set a new STREAMS_APP, which reads all"
        f" of it anew, or make the topic anew with {known}"
    )
