"""Registry: one store, one catalog, one change at a time.

A change is worked out beside the catalog, kept by the store, and only then seen by anybody. Look-ups read the catalog
and wait for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from .catalog import Catalog
from .model import Change
from .store import RegistryStore

Answer = TypeVar("Answer")
Decision = Callable[[Catalog], tuple[Answer, Change | None]]
"""What is answered, and what changes with it."""


class Registry:
    """The catalog is for reading; ``change`` is the way to change it."""

    def __init__(self, store: RegistryStore) -> None:
        self._store = store
        self.catalog = Catalog(store.read())
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def folder(self) -> Path:
        """Where everything is kept."""
        return self._store.folder

    def keep(self, change: Change) -> None:
        """Keep a change while nobody is served yet."""
        self._store.write(change)
        self.catalog.apply(change)

    async def change(self, decide: Decision[Answer]) -> Answer:
        """What ``decide`` answers, once its change is kept; a client that goes away stops nothing half-way."""
        task = asyncio.ensure_future(self._decide_and_keep(decide))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _decide_and_keep(self, decide: Decision[Answer]) -> Answer:
        async with self._turn:
            answer, change = await asyncio.to_thread(self._keep, decide)
            if change is not None:
                self.catalog.apply(change)
            return answer

    def _keep(self, decide: Decision[Answer]) -> tuple[Answer, Change | None]:
        """In a thread: judging takes its time, and so does the disk."""
        answer, change = decide(self.catalog)
        if change is not None:
            self._store.write(change)
        return answer, change

    async def close(self) -> None:
        """Wait for what is being kept, then leave the folder."""
        await asyncio.gather(*self._running, return_exceptions=True)
        self._store.close()


