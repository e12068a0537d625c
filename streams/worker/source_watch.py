"""Source watch: what may change of the topics that are read while a worker runs.

A topic that is deleted and made anew goes on being read, at offsets that mean other records now; an operator puts
records into quarantine. Both are looked at now and then, by clients that live for one question.
"""

from __future__ import annotations

import asyncio
import logging

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from .background import Background
from .engine import Engine
from .restore import recreated
from .stop import ExitCode, stop_process
from .topics import ids_of

logger = logging.getLogger("streams.worker")

EVERY_SECONDS = 10.0


class SourceWatch:
    """Of the inputs of one worker."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._background = Background(threads=1)

    async def keep_watching(self) -> None:
        """For as long as the worker runs."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self._background.run(self.look)

    def look(self) -> None:
        """Once; blocks. A broker that does not answer is asked the next time."""
        quarantine = self._engine.batches.quarantine
        try:
            quarantine.refresh()
            admin = AdminClient({**self._engine.settings.librdkafka(), "log_level": 0})
            now = ids_of(admin, quarantine.topic_ids)
        except KafkaException as error:
            logger.warning("sources are not looked at, next time again: %s", error.args[0].name())
            return
        for topic, known in quarantine.topic_ids.items():
            if now.get(topic, known) != known:
                stop_process(ExitCode.STATE_REFUSED, f"{topic}: {recreated()}")
