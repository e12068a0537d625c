"""Background: blocking calls in threads, and work that nobody awaits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .stop import stop_for

T = TypeVar("T")


class Background:
    """The threads of one worker, and its tasks that run beside the loop of batches."""

    def __init__(self, threads: int = 8) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="engine")
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, call: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """A blocking call in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*arguments, **named))

    def spawn(self, work: Coroutine[Any, Any, None], doing: str) -> None:
        """Work that nobody awaits; an exception in it ends the process."""

        async def guarded() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:  # nobody awaits this task: its exception would go unseen
                stop_for(error, doing)

        task = asyncio.ensure_future(guarded())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
