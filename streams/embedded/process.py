"""Processes: servers that end with their owner, ports that are free, and waiting for a server to answer."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SERVER_PORTS = range(20_000, 32_000)
"""Below what Linux gives to clients, from 32,768 on."""
DOCKER_WAY = "or run the same services with Docker: docker compose up"


class MissingToolError(RuntimeError):
    """A program that the embedded services need is not installed."""

    def __init__(self, tool: str, package: str) -> None:
        super().__init__(f"{tool} is not installed; apt-get install {package}, {DOCKER_WAY}")


class ServerFailedError(RuntimeError):
    """A server did not come up; the message shows the end of its log."""

    def __init__(self, name: str, log: Path) -> None:
        tail = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
        super().__init__("\n".join([f"{name} did not start; the end of {log}:", *tail]))


def require_tool(tool: str, package: str) -> str:
    """The path of ``tool``; raises ``MissingToolError`` with the Debian package that has it."""
    path = shutil.which(tool)
    if path is None:
        raise MissingToolError(tool, package)
    return path


def free_port() -> int:
    """A TCP port of the loopback address that is free now, and that the system gives to no client.

    A server that is down for a while must find its port again: a client that asks for it in vain, again and again,
    could otherwise be given that very port, and be connected to itself.
    """
    for port in random.sample(SERVER_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no port from {SERVER_PORTS.start} to {SERVER_PORTS.stop} is free")


def answers(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """One server under a guard: it cannot outlive this process."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], *, uid: int = -1, environment: Mapping[str, str] | None = None) -> None:
        """Start ``command`` as user ``uid`` (-1: as this one), its output appended to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "streams.embedded.guard", str(uid), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )

    def wait_for(self, is_up: Callable[[], bool], *, patience_s: float = 60.0) -> None:
        """Wait until ``is_up``; raises ``ServerFailedError`` when the server ends or takes too long."""
        deadline = time.monotonic() + patience_s
        while not is_up():
            if not self.is_running or time.monotonic() > deadline:
                self.stop()
                raise ServerFailedError(self.name, self.log)
            time.sleep(0.05)

    @property
    def is_running(self) -> bool:
        """The guard, and so the server, is alive."""
        return self._guard is not None and self._guard.poll() is None

    def stop(self) -> None:
        """Stop cleanly, by force if it must be."""
        if self._guard is not None:
            if self._guard.stdin is not None:
                self._guard.stdin.close()
            self._guard.wait(30)
            self._guard = None

    def server_pid(self) -> int:
        """Process id of the server itself, for tests that kill it."""
        if self._guard is None:
            raise RuntimeError(f"{self.name} is not running")
        children = Path(f"/proc/{self._guard.pid}/task/{self._guard.pid}/children").read_text().split()
        return int(children[0])

    def wait_ended(self) -> None:
        """Wait until the server has ended by itself or was killed."""
        if self._guard is not None:
            self._guard.wait(30)
            self._guard = None


def is_reachable_by_others(path: Path) -> bool:
    """Whether another user can get to ``path``: every folder above it lets others through."""
    parents = [path, *path.parents]
    return all((parent.stat().st_mode & 0o001) for parent in parents if parent.exists())


def unprivileged_uid() -> int:
    """Whom to run PostgreSQL as: -1 (ourselves), or nobody where we are root, as it refuses to run as root."""
    return 65534 if os.geteuid() == 0 else -1
