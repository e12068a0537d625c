"""Run: the shop from its database to its tables, and what one sees of it on the way."""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from streams.embedded import EmbeddedServices
from streams.embedded.process import free_port

from .shop import TABLES, Shop
from .supervisor import Supervisor
from .topics import topic_end

APP = "shop"
READY_SECONDS = 90.0


class DemoError(Exception):
    """The demo cannot go on; the message says why and where to look."""


class Demo:
    """Services, capture, workers and the shop; a context manager that stops all of it."""

    def __init__(self, data: Path, schemas: Path, *, workers: int = 2, say: Callable[[str], None] = print) -> None:
        self.data = data
        self._schemas = schemas
        self._say = say
        self.ports = [free_port() for _ in range(workers)]
        self.services = EmbeddedServices(data / "services", say=say)
        self.supervisor: Supervisor | None = None
        self.shop: Shop | None = None

    def __enter__(self) -> Demo:
        self.services.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.supervisor is not None:
            self.supervisor.stop()
        self.services.stop()

    @property
    def brokers(self) -> str:
        """Kafka's address."""
        return self.services.kafka.bootstrap

    @property
    def database(self) -> str:
        """The shop's database."""
        return self.services.postgres.dsn

    def open_shop(self, *, users: int = 200) -> Shop:
        """Tables with some rows, then capture and workers; returns when all of them work."""
        shop = Shop(self.database, self._schemas)
        shop.create(users=users)
        self.shop = shop
        supervisor = self.supervisor = Supervisor()
        supervisor.add("capture", self._capture_command(), self._environment(), self.data / "logs" / "capture.log")
        for number in range(len(self.ports)):
            self.start_worker(number)
        self._wait_ready()
        return shop

    def start_worker(self, number: int) -> None:
        """A worker with its own instance name and port."""
        environment = {
            **self._environment(),
            "STREAMS_INSTANCE": f"worker-{number}",
            "STREAMS_WEB_PORT": str(self.ports[number]),
        }
        command = [sys.executable, "-m", "faust", "-A", "streams.app", "worker", "-l", "info"]
        log = self.data / "logs" / f"worker-{number}.log"
        if self.supervisor is None:
            raise RuntimeError("open the shop first")
        self.supervisor.add(f"worker-{number}", command, environment, log)

    def _capture_command(self) -> list[str]:
        return [sys.executable, "-m", "streams", "capture", "--database", self.database, "--tables",
                ",".join(TABLES), "--key", "orders=customer_id", "--heartbeat", "1"]  # fmt: skip

    def _environment(self) -> Mapping[str, str]:
        secret = self.data / "mask.key"
        if not secret.exists():
            secret.parent.mkdir(parents=True, exist_ok=True)
            secret.write_text(secrets.token_hex(32))
            secret.chmod(0o600)
        return {
            "STREAMS_BROKERS": self.brokers,
            "STREAMS_SCHEMAS": str(self._schemas),
            "STREAMS_DATA": str(self.data / "state"),
            "STREAMS_APP": APP,
            "STREAMS_MASK_KEY_FILE": str(secret),
        }

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not (self._is_captured() and all(self.is_ready(port) for port in self.ports)):
            if failed := (self.supervisor.failed() if self.supervisor else []):
                raise DemoError(f"{', '.join(failed)} cannot start; see {self.data / 'logs'}")
            if time.monotonic() > deadline:
                raise DemoError(f"not ready after {READY_SECONDS:.0f} s; see {self.data / 'logs'}")
            time.sleep(0.2)

    def _is_captured(self) -> bool:
        """The snapshot is done: what happens from now on is told as it happens."""
        return self.shop is not None and all(
            topic_end(self.brokers, f"cdc.{table}.v1") > rows for table, rows in self.shop.first_rows.items()
        )

    # -- what one sees

    def is_ready(self, port: int) -> bool:
        """A worker has all of its tasks."""
        try:
            return bool(self.get(port, "/health/ready")["tasks"])
        except (OSError, ValueError):
            return False

    def get(self, port: int, path: str) -> Any:
        """JSON from a worker; ``OSError`` where it does not answer."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return json.loads(response.read(), parse_float=str)

    def statuses(self) -> list[Any]:
        """``/api/status`` of every worker that answers."""
        found = []
        for port in self.ports:
            try:
                found.append(self.get(port, "/api/status"))
            except (OSError, ValueError, urllib.error.HTTPError):
                continue
        return found

    def rows(self, table: str) -> list[Any]:
        """All rows of a live table, page by page, through the first worker."""
        rows: list[Any] = []
        cursor = ""
        while True:
            page = self.get(self.ports[0], f"/api/tables/{table}/rows?limit=1000{cursor}")
            rows += page["rows"]
            if page["cursor"] is None:
                return rows
            cursor = f"&cursor={page['cursor']}"

    def lag(self) -> int | None:
        """Records that wait for a worker; ``None``: not all tasks are known."""
        tasks = [task for status in self.statuses() for task in status["tasks"]]
        if len(tasks) < 4 * len(TABLES) or any(task["lag"] is None for task in tasks):
            return None
        return sum(int(task["lag"]) for task in tasks)

    def trade_for(self, seconds: float, *, rate: float, each_second: Callable[[float], None]) -> int:
        """Let the shop live for ``seconds`` (0: until Ctrl-C); transactions made."""
        if self.shop is None:
            raise RuntimeError("open the shop first")
        stop, done = threading.Event(), [0]
        shop = self.shop

        def trade() -> None:
            done[0] = shop.trade(rate=rate, stop=stop)

        thread = threading.Thread(target=trade, name="shop")
        thread.start()
        begun = time.monotonic()
        try:
            while not seconds or time.monotonic() - begun < seconds:
                time.sleep(min(1.0, seconds or 1.0))
                each_second(time.monotonic() - begun)
        except KeyboardInterrupt:
            self._say("\nstopping: no new orders, the rest is processed")
        finally:
            stop.set()
            thread.join()
        return done[0]
