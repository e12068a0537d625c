"""A cluster of workers that keep their tables in a Redis of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import redis

from streams.embedded import EmbeddedRedis
from streams.embedded.process import free_port
from streams.state.stores.redis_scripts import STAMP_FIELD
from streams.worker.stop import ExitCode

from .orders_cluster import OrdersCluster

RESTARTED = frozenset(ExitCode) - {ExitCode.WRONG_USE, ExitCode.STATE_REFUSED, ExitCode.BUG}
"""Codes that a supervisor starts a worker again for."""


class RedisCluster(OrdersCluster):
    """Workers of pipeline ``w`` on one Redis."""

    def __init__(self, brokers: str, server: EmbeddedRedis, folder: Path, name: Callable[[str], str]) -> None:
        super().__init__(brokers, folder, name)
        self.server = server
        self._ports: dict[str, int] = {}
        self.codes: list[int] = []
        """With which workers ended, as ``revive`` found them."""

    def start(self, instance: str, **environment: str) -> subprocess.Popen[bytes]:
        port = self._ports.setdefault(instance, free_port())  # where the others look for it, also after a restart
        own = {"STREAMS_STORE": self.server.url, "STREAMS_WEB_PORT": str(port)}
        return super().start(instance, **{**own, **environment})

    def redis(self) -> redis.Redis:
        """As somebody else sees the server."""
        return redis.Redis.from_url(self.server.url, socket_timeout=60)

    def rows(self, partition: int) -> dict[bytes, bytes]:
        """Entries of a task as they are stored, the marker among them."""
        with self.redis() as held:
            entries: dict[bytes, bytes] = held.hgetall(f"{{{self.app}:{partition}}}:{self.source}:rows")
        entries.pop(STAMP_FIELD, None)
        return entries

    def revive(self) -> None:
        """As a supervisor does: whoever ended by itself is started again, unless a person is wanted."""
        for name, worker in list(self.workers.items()):
            if (code := worker.poll()) is not None:
                assert code in RESTARTED, self.log(name)[-3_000:]
                self.codes.append(code)
                self.start(name)

    def wait_done_with_restarts(self, *, patience_s: float = 120.0) -> None:
        """Wait until every order is committed."""
        self.wait_with_restarts(lambda: self.lag(self.source) == 0, patience_s=patience_s)

    def wait_with_restarts(self, is_so: Callable[[], bool], *, patience_s: float = 120.0) -> None:
        """Wait for a condition, and start again whoever ends meanwhile."""
        deadline = time.monotonic() + patience_s
        while not is_so():
            self.revive()
            if time.monotonic() > deadline:
                tails = [f"{name}:\n{self.log(name)[-3_000:]}" for name in self.workers]
                raise AssertionError("\n".join(["it did not happen; logs:", *tails]))
            time.sleep(0.3)
