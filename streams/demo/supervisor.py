"""Supervisor: starts processes, starts them again when they end by themselves, stops them in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PERIOD_SECONDS = 0.1
BACKOFF_SECONDS = 1.0
STOP_SECONDS = 30.0
WRONG_USE = 2


@dataclass(slots=True, kw_only=True)
class Child:
    """One supervised process."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    exit_codes: list[int] = field(default_factory=list)
    starts_at: float = 0.0


class Supervisor:
    """Keeps its children running; a child that ends with exit code 2 is wrong, not dead, and stays down."""

    def __init__(self) -> None:
        self.children: dict[str, Child] = {}
        self._lock = threading.Lock()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def add(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start ``command``, its output in ``log``."""
        log.parent.mkdir(parents=True, exist_ok=True)
        child = Child(name=name, command=command, environment={**os.environ, **environment}, log=log)
        with self._lock:
            self.children[name] = child
            self._start(child)

    def _start(self, child: Child) -> None:
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                list(child.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(child.environment),
                start_new_session=True,
            )

    def _watch(self) -> None:
        while not self._is_stopping:
            time.sleep(PERIOD_SECONDS)
            with self._lock:
                for child in self.children.values():
                    if not self._is_stopping:
                        self._revive(child)

    def _revive(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and (code := child.process.poll()) is not None:
            child.exit_codes.append(code)
            child.process = None
            child.starts_at = now + BACKOFF_SECONDS
        if child.process is None and now >= child.starts_at and child.exit_codes[-1:] != [WRONG_USE]:
            child.restarts += 1
            self._start(child)

    def failed(self) -> list[str]:
        """Names of children that ended as wrong use: nothing will bring them up."""
        return [name for name, child in self.children.items() if child.exit_codes[-1:] == [WRONG_USE]]

    def kill(self, name: str) -> None:
        """kill -9, as a crash; the child is started again."""
        child = self.children[name]
        if child.process is not None:
            child.process.kill()

    def restarts(self) -> int:
        """How often children had to be started again."""
        return sum(child.restarts for child in self.children.values())

    def stop(self) -> dict[str, int]:
        """SIGTERM to all, in the order they were added; exit codes by name."""
        with self._lock:
            self._is_stopping = True
        codes = {}
        for child in self.children.values():
            if child.process is not None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for name, child in self.children.items():
            if child.process is None:
                continue
            try:
                codes[name] = child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                codes[name] = child.process.wait()
        return codes
