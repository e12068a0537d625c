"""Server: aiohttp on the loopback address, on its own port or a free one that the group knows."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from mode import Service

from ..engine import Engine
from .routes import add_routes

logger = logging.getLogger("streams.worker")


class WebServer(Service):  # type: ignore[misc]  # mode has no usable types
    """Starts before the group is joined, so that every member's metadata names its address."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        """Listen on the port of the settings; where it is taken, on a free one."""
        settings = self._engine.settings
        application = web.Application()
        add_routes(application, self._engine)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, settings.web_host, settings.web_port)
            await site.start()
        except OSError:
            site = web.TCPSite(self._runner, settings.web_host, 0)
            await site.start()
        address: Any = self._runner.addresses[0]
        self._engine.web_url = f"http://{settings.web_host}:{address[1]}"
        logger.info("web server on %s", self._engine.web_url)

    async def on_stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
