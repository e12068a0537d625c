"""All embedded services together, and the file that says where they are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from .kafka import EmbeddedKafka
from .postgres import EmbeddedPostgres
from .redis import EmbeddedRedis

STATE_FILE = "services.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesState:
    """Where running services are."""

    pid: int
    """The process that keeps them."""
    born: str
    """When it began, as the kernel counts: after a reboot another process may have its number."""
    brokers: str
    database: str
    store: str = ""
    """URL of the Redis; empty: none was asked for."""

    @property
    def is_alive(self) -> bool:
        """That process is there."""
        return birth_of(self.pid) == self.born


def birth_of(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; ``None``: there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def read_state(data: Path) -> ServicesState | None:
    """What runs on ``data``; ``None`` if nothing does."""
    try:
        state = ServicesState(**json.loads((data / STATE_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.is_alive else None


class EmbeddedServices:
    """PostgreSQL and Kafka on ``data``, a Redis where it is asked for; a context manager that stops them."""

    def __init__(
        self,
        data: Path,
        *,
        brokers: int = 1,
        with_redis: bool = False,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._data = data
        data.mkdir(parents=True, exist_ok=True)
        self.kafka = EmbeddedKafka(data / "kafka", brokers=brokers, say=say)
        self.postgres = EmbeddedPostgres(data / "postgres")
        self.redis = EmbeddedRedis(data / "redis") if with_redis else None
        others: list[EmbeddedKafka | EmbeddedPostgres | EmbeddedRedis] = [self.kafka, self.postgres]
        self._all = others if self.redis is None else [*others, self.redis]

    def start(self) -> None:
        """Start all at once; where one fails the others are stopped again."""
        with ThreadPoolExecutor(len(self._all)) as pool:
            starts = [pool.submit(service.start) for service in self._all]
        failures = [error for start in starts if (error := start.exception()) is not None]
        if failures:
            self.stop()
            raise failures[0]
        pid = os.getpid()
        state = ServicesState(
            pid=pid,
            born=birth_of(pid) or "",
            brokers=self.kafka.bootstrap,
            database=self.postgres.dsn,
            store=self.redis.url if self.redis else "",
        )
        (self._data / STATE_FILE).write_text(json.dumps(asdict(state)))

    def stop(self) -> None:
        """Stop all and forget where they were."""
        (self._data / STATE_FILE).unlink(missing_ok=True)
        for service in self._all:
            service.stop()

    def __enter__(self) -> EmbeddedServices:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
