"""Serve: a registry on a port, over a folder of its own and the schemas of ``schemas/``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from streams.contracts import Contracts
from streams.errors import ConfigurationError, Problem

from .files import take_over
from .registry import Registry
from .store import RegistryStore

LAST_WORDS_SECONDS = 2.0
"""What requests under way have when the registry is told to end."""


def open_registry(folder: Path, contracts: Contracts | None) -> Registry:
    """The registry in ``folder`` with the schemas of ``contracts``; raises ``ConfigurationError``."""
    store = RegistryStore(folder)
    registry = Registry(store)
    try:
        for change in () if contracts is None else take_over(registry.catalog, contracts):
            registry.keep(change)
    except ConfigurationError:
        store.close()
        raise
    return registry


async def serve(app: web.Application, host: str, port: int, *, say: Callable[[str], None]) -> None:
    """Answer until SIGINT or SIGTERM; ``say`` gets the address. Raises ``ConfigurationError`` for a port in use."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=LAST_WORDS_SECONDS)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        say(f"http://{_shown(host)}:{runner.addresses[0][1]}")
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        why = "is in use; stop who listens there, or choose another port with --port (0: a free one)"
        message = why if error.errno == 98 else f"cannot be listened on: {error.strerror}"
        raise ConfigurationError([Problem(file=f"{host}:{port}", message=message)]) from None


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
