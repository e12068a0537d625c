"""What protects from services that are asked, taken out of a worker: see ``without``."""

from __future__ import annotations

import asyncio
from typing import Any

from streams.pipeline.lookups.plan import Answer
from streams.services.service import Service
from streams.worker.engine import Engine


def without_lookup_failures(_: str) -> None:
    """Who does not answer, or answers nonsense, knows nothing."""

    async def ask(self: Any, questions: Any, **named: Any) -> Any:
        answers = await whole(self, questions, **named)
        return {held: Answer(value=None) if answer.error else answer for held, answer in answers.items()}

    whole = Service.ask
    Service.ask = ask  # type: ignore[method-assign]


def without_own_waits(_: str) -> None:
    """Whoever has something to do waits until nobody waits for an answer."""
    work = Engine._work

    async def wait_and_work(self: Any, owned: Any) -> None:
        while any(other.held.is_asking for other in self.tasks.values()):
            await asyncio.sleep(0.01)
        await work(self, owned)

    Engine._work = wait_and_work  # type: ignore[method-assign]
