"""An embedded schema registry: ``streams.registry`` on a free loopback port, in a thread of this process.

Its level is ``NONE`` unless another one is asked for: whoever embeds it wants a place for schemas, not a judge.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from aiohttp import web

from streams.contracts import Contracts
from streams.registry.model import Change
from streams.registry.serve import LAST_WORDS_SECONDS, open_registry
from streams.registry.terms import CONFIG
from streams.registry.web.app import make_app

PATIENCE_SECONDS = 30.0


class EmbeddedRegistry:
    """One registry; a context manager. Stopped and started again it has its schemas and its port still."""

    def __init__(self, folder: Path | None = None, contracts: Contracts | None = None, *, level: str = "NONE") -> None:
        """``folder``: where it keeps its schemas; ``None``: in one that goes with it. ``contracts``: files to serve."""
        self._own = None if folder is not None else TemporaryDirectory(prefix="registry-")
        self._folder = folder or Path(self._own.name if self._own else "")
        self._contracts = contracts
        self._level = level
        self._port = 0
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """For clients, once it is started."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on a free port the first time."""
        registry = open_registry(self._folder, self._contracts)
        if ("", CONFIG) not in registry.catalog.settings:
            registry.keep(Change(settings={("", CONFIG): {"compatibilityLevel": self._level}}))
        self._server = _Server(make_app(registry, self._contracts))
        self._port = self._server.listen(self._port)

    def stop(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.end()
            self._server = None

    def __enter__(self) -> EmbeddedRegistry:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if self._own is not None:
            self._own.cleanup()


class _Server:
    """A loop in a thread of its own, and what listens in it."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=LAST_WORDS_SECONDS)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="registry")
        self._thread.start()

    def listen(self, port: int) -> int:
        """On ``port``, 0: a free one; gives the one it is."""
        self._wait_for(self._listen(port))
        return int(self._runner.addresses[0][1])

    async def _listen(self, port: int) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()

    def end(self) -> None:
        """Listen no more; the application is closed."""
        self._wait_for(self._runner.cleanup())
        self._wait_for(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait_for(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE_SECONDS)
