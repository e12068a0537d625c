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

from .background import Background
from .engine import Engine

logger = logging.getLogger("streams.worker")

EVERY_SECONDS = 30.0
ANSWER_SECONDS = 20.0
READ_ONCE = (TopicKind.REPARTITION, TopicKind.RETRY)


class Trimmer:
    """Trims the topics between stages, and those in which events wait, of the tasks that this worker has."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        specs = engine.topology.topics
        self._topics = frozenset(spec.name for spec in specs if spec.kind in READ_ONCE)
        self._trimmed: dict[tuple[str, int], int] = {}
        self._background = Background(threads=1)

    async def keep_trimming(self) -> None:
        """For as long as the worker runs."""
        while self._topics:
            await asyncio.sleep(EVERY_SECONDS)
            if offsets := self.due():
                await self._background.run(self.trim, offsets)

    def due(self) -> Mapping[tuple[str, int], int]:
        """By topic and partition the committed offset, where it has moved since the last time."""
        offsets = {
            (topic, number): owned.task.committed_position(topic)
            for (_, number), owned in self._engine.tasks.items()
            for topic in self._topics.intersection(owned.task.sub.source_topics)
        }
        return {place: offset for place, offset in offsets.items() if offset > self._trimmed.get(place, 0)}

    def trim(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Delete the records before ``offsets``; blocks."""
        admin = AdminClient({**self._engine.settings.librdkafka(), "log_level": 0})
        wanted = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        asked = admin.delete_records(wanted, request_timeout=ANSWER_SECONDS, operation_timeout=ANSWER_SECONDS)
        for place, future in asked.items():
            try:
                future.result(2 * ANSWER_SECONDS)
            except KafkaException as error:
                self._tell(place, error.args[0].name())
            except TimeoutError:
                self._tell(place, "the broker does not answer")
            else:
                self._trimmed[place.topic, place.partition] = offsets[place.topic, place.partition]

    def _tell(self, place: TopicPartition, why: str) -> None:
        logger.warning("%s[%d] is not trimmed, next time again: %s", place.topic, place.partition, why)
