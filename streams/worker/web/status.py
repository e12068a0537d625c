"""Status over HTTP: what this worker does, and what every worker of the group does.

Unlike a table's rows, a status is of use without the workers that do not answer: they are named as such.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec

from ..engine import Engine
from ..fetched import lags_of

PEER_SECONDS = 2.0


class StatusReader:
    """Answers for this worker, and asks the others."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session: aiohttp.ClientSession | None = None

    def own(self) -> dict[str, Any]:
        """This worker, its tasks and its ledger; the other workers by address."""
        engine = self._engine
        tasks = [
            {"task": name, "topic": topic, "partition": number, "position": owned.task.position(topic), "lag": lag}
            for (name, number), owned in sorted(engine.tasks.items())
            for topic, lag in lags_of(owned.task, engine.port).items()
        ]
        return {
            "instance": engine.instance,
            "ready": engine.is_ready,
            "tasks": tasks,
            "ledger": engine.metrics.totals,
            "waiting": _waiting(engine),
            "lost": engine.lost.found(),
            "reasons": engine.metrics.reasons,
            "quality": engine.metrics.quality.totals(),
            "workers": engine.group.web,
        }

    async def group(self) -> list[dict[str, Any]]:
        """(instance, url, status) of every worker, by name; the status of one that does not answer is null."""
        urls = {**self._engine.group.web, self._engine.instance: self._engine.web_url}
        names = sorted(urls)
        statuses = await asyncio.gather(*(self._ask(name, urls[name]) for name in names))
        return [
            {"instance": name, "url": urls[name], "status": status}
            for name, status in zip(names, statuses, strict=True)
        ]

    async def _ask(self, name: str, url: str) -> Any:
        if name == self._engine.instance:
            return self.own()
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PEER_SECONDS))
        try:
            async with self._session.get(f"{url}/api/status") as response:
                return msgspec.json.decode(await response.read()) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError):
            return None

    async def close(self) -> None:
        """Release connections."""
        if self._session is not None:
            await self._session.close()


def _waiting(engine: Engine) -> dict[str, dict[str, int]]:
    """By pipeline that tries again, how many events wait for that, and behind others of their rows."""
    waiting: dict[str, dict[str, int]] = {}
    for owned in list(engine.tasks.values()):
        for pipeline, held in owned.task.waiting().items():
            counts = waiting.setdefault(pipeline, {"retried": 0, "parked": 0})
            counts["retried"] += held.retrying
            counts["parked"] += held.parked
    return waiting
