"""Rates: functions that pipelines of these tests ask, in the worker's process, and the service behind them in ours."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp


@cache
def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


async def rate(code: str) -> Decimal | None:
    """What the service says of a code."""
    async with _session().get(f"{os.environ['RATES_URL']}/{code}") as response:
        response.raise_for_status()
        return Decimal((await response.json())["rate"])


async def segment(customer: int) -> str | None:
    """Always the same of a customer: nothing of some, an error of others."""
    if customer % 11 == 0:
        return None
    if customer % 13 == 0:
        raise ValueError
    return f"s{customer % 7}"


_asked: Counter[int] = Counter()


async def coming(customer: int) -> str | None:
    """The same, of whom nobody answers before the fifth time; of some there is nothing, others are always an error."""
    if customer % 11 and customer % 13:
        _asked[customer] += 1
        if _asked[customer] < 5:
            raise ConnectionRefusedError
    return await segment(customer)


class Mood(Enum):
    """How the service is."""

    WELL = "well"
    DOWN = "down"
    """Nobody listens."""
    SLOW = "slow"
    WRONG = "wrong"
    """It answers, with an error or with nonsense."""


class RatesService:
    """An HTTP service whose mood a test sets; a context manager."""

    def __init__(self) -> None:
        self.mood = Mood.WELL
        self.asked = 0
        self._server = self._listen(0)
        self._port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> RatesService:
        return self

    def __exit__(self, *_: object) -> None:
        if self.mood is not Mood.DOWN:
            self._close()

    def feel(self, mood: Mood) -> None:
        """Be like that from now on."""
        before, self.mood = self.mood, mood
        if mood is Mood.DOWN:
            self._close()
        elif before is Mood.DOWN:
            self._server = self._listen(self._port)

    def _close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _listen(self, port: int) -> ThreadingHTTPServer:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked += 1
                if service.mood is Mood.SLOW:
                    time.sleep(1)
                is_wrong = service.mood is Mood.WRONG
                body = b"<html>" if is_wrong else json.dumps({"rate": "0.19"}).encode()
                self.send_response(500 if is_wrong and service.asked % 2 else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(BrokenPipeError):  # whoever asked has given up
                    self.wfile.write(body)

            def log_message(self, format: str, *_: object) -> None:
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server
