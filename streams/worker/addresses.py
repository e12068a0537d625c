"""Addresses: where the workers of the group listen.

The plan names for each the address that it had when the plan was made. Who comes back within its session has its tasks
again without a new plan, so that nobody else is disturbed; if it has another address now, as a container has, it notes
it beside the offsets of its tasks. Who does not find a worker where the plan says looks there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

from .assignor import GroupFacts
from .background import Background
from .starts import Starts

if TYPE_CHECKING:
    from .engine import Engine

LOOK_SECONDS = 5.0
PAUSE_SECONDS = 1.0
"""Between two looks, however many ask: a worker that has died is missed by every question."""


class Addresses:
    """Base URLs by instance."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._background = Background(threads=1)
        self.starts: Starts | None = None
        """Where to look; none until the worker has begun."""
        self._of = engine.group
        self._noted: Mapping[str, str] = {}
        """What was noted by who has another address than in the plan ``of``."""
        self._looking = asyncio.Lock()
        self._looked_s = 0.0

    @property
    def to_note(self) -> str:
        """Our own address where the plan names another one; empty: it need not be noted."""
        engine = self._engine
        return "" if engine.group.web.get(engine.instance, "") in ("", engine.web_url) else engine.web_url

    def known(self) -> dict[str, str]:
        """Of all workers, as far as is known here."""
        group = self._engine.group
        if group is not self._of:
            self._of, self._noted = group, {}
        own = {self._engine.instance: self.to_note} if self.to_note else {}
        return {**group.web, **self._noted, **own}

    async def look_again(self) -> None:
        """Somebody is not where we thought: has it noted where it is?"""
        async with self._looking:
            if self.starts is None or time.monotonic() - self._looked_s < PAUSE_SECONDS:
                return
            group = self._engine.group
            try:
                noted = await asyncio.wait_for(self._background.run(self._read, self.starts, group), LOOK_SECONDS)
            except (KafkaException, TimeoutError):
                noted = {}
            self._of, self._noted = group, noted
            self._looked_s = time.monotonic()

    def _read(self, starts: Starts, group: GroupFacts) -> Mapping[str, str]:
        """Blocks."""
        engine = self._engine
        owned = [(topic, number, name) for topic, held in group.owners.items() for number, name in held.items()]
        asked = [(topic, number) for topic, number, name in owned if topic in engine.topics and name != engine.instance]
        owners = {f"{engine.settings.app}-{name}": name for name in group.web}
        told = starts.noted(asked) if asked else []
        return {owners[metadata.t]: metadata.w for metadata in told if metadata.w and metadata.t in owners}
