"""A service of rates over HTTP, in a process of its own: ``python -m tests.integration.rates_service PORT``.

``GET /anything`` is answered as its mood is, ``PUT /mood/NAME`` sets that. A service that is down has been killed.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
import urllib.request
from enum import Enum

from aiohttp import web


class Mood(Enum):
    """How the service is."""

    WELL = "well"
    DOWN = "down"
    """Nobody listens."""
    SLOW = "slow"
    WRONG = "wrong"
    """It answers, with an error or with nonsense."""
    SILENT = "silent"
    """It takes questions and answers none before it feels otherwise."""


class RatesService:
    """The process, as a test has it; a context manager."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RatesService:
        self.feel(Mood.WELL)
        return self

    def __exit__(self, *_: object) -> None:
        self.feel(Mood.DOWN)

    def feel(self, mood: Mood) -> None:
        """Be like that from now on."""
        if mood is Mood.DOWN:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
            self._process = None
            return
        if self._process is None:
            self._process = subprocess.Popen([sys.executable, "-m", __name__, str(self._port)])
        put = urllib.request.Request(f"{self.url}/mood/{mood.value}", method="PUT")
        for _ in range(200):
            try:
                urllib.request.urlopen(put, timeout=10).close()
                return
            except OSError:
                time.sleep(0.05)  # it has not begun to listen
        raise AssertionError("the service does not start")


def _application() -> web.Application:
    mood, asked, is_over = Mood.WELL, 0, asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if mood is Mood.SILENT:
            await is_over.wait()
        if mood is Mood.SLOW:
            await asyncio.sleep(1)
        if mood is Mood.WRONG:
            return web.Response(status=500 if asked % 2 else 200, text="<html>", content_type="application/json")
        return web.json_response({"rate": "0.19"})

    async def feel(request: web.Request) -> web.Response:
        nonlocal mood
        mood = Mood(request.match_info["mood"])
        is_over.clear() if mood is Mood.SILENT else is_over.set()
        return web.Response()

    app = web.Application()
    app.add_routes([web.put("/mood/{mood}", feel), web.get("/{what}", answer)])
    return app


if __name__ == "__main__":
    web.run_app(_application(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
