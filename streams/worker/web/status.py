"""Status over HTTP: what this worker does, and what every worker of the group does.

Unlike a table's rows, a status is of use without the workers that do not answer: they are named as such.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
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
            "workers": engine.addresses.known(),
        }

    async def group(self) -> list[dict[str, Any]]:
        """(instance, url, status) of every worker, by name; the status of one that does not answer is null."""
        urls = self._urls()
        found = await self._ask_all(urls)
        if None in found.values():  # who is not where it was may be elsewhere
            await self._engine.addresses.look_again()
            moved = {name: url for name, url in self._urls().items() if urls.get(name) != url}
            urls, found = urls | moved, found | await self._ask_all(moved)
        return [{"instance": name, "url": urls[name], "status": found[name]} for name in sorted(urls)]

    def _urls(self) -> dict[str, str]:
        return {**self._engine.addresses.known(), self._engine.instance: self._engine.web_url}

    async def _ask_all(self, urls: Mapping[str, str]) -> dict[str, Any]:
        statuses = await asyncio.gather(*(self._ask(name, url) for name, url in urls.items()))
        return dict(zip(urls, statuses, strict=True))

    async def _ask(self, name: str, url: str) -> Any:
        if name == self._engine.instance:
            return self.own()
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PEER_SECONDS))
        try:
            async with self._session.get(f"{url}/api/status") as response:
                status = msgspec.json.decode(await response.read()) if response.status == 200 else None
                return status if status is not None and status["instance"] == name else None
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
