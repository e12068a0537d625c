"""Trim: what the next stage has read and committed is of no use any more; its topic keeps the rest for ever.

Records go by DeleteRecords, up to the offset that the store of the task holds: what could still be read stays. Whether
it works is of no consequence for anything but disk space, so that a broker that refuses is told of and left alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.pipeline.topology import TopicKind

from .assignor import Place
from .background import Background
from .engine import Engine

logger = logging.getLogger("streams.worker")

EVERY_SECONDS = 30.0


class Trimmer:
    """Trims the topics between stages, of the tasks that this worker has."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        specs = engine.topology.topics
        self._topics = frozenset(spec.name for spec in specs if spec.kind is TopicKind.REPARTITION)
        self._trimmed: dict[Place, int] = {}
        self._background = Background(threads=1)

    async def keep_trimming(self) -> None:
        """For as long as the worker runs."""
        while self._topics:
            await asyncio.sleep(EVERY_SECONDS)
            if offsets := self.due():
                await self._background.run(self.trim, offsets)

    def due(self) -> Mapping[Place, int]:
        """By task the committed offset, where it has moved since the last time."""
        tasks = {place: owned.task for place, owned in self._engine.tasks.items() if place[0] in self._topics}
        offsets = {place: task.committed_position(place[0]) for place, task in tasks.items()}
        return {place: offset for place, offset in offsets.items() if offset > self._trimmed.get(place, 0)}

    def trim(self, offsets: Mapping[Place, int]) -> None:
        """Delete the records before ``offsets``; blocks."""
        admin = AdminClient({**self._engine.settings.librdkafka(), "log_level": 0})
        wanted = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        for place, future in admin.delete_records(wanted).items():
            try:
                future.result(30)
            except KafkaException as error:
                logger.warning("%s[%d] is not trimmed: %s", place.topic, place.partition, error.args[0].name())
            self._trimmed[place.topic, place.partition] = offsets[place.topic, place.partition]
