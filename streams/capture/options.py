"""Options: what a capture is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCHEMA = "public"
"""Where the captured tables are."""


class CaptureError(Exception):
    """The capture cannot go on; the message says what to do. Never holds a row's value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureOptions:
    """One capture: one slot, one publication, many tables."""

    database: str
    """Connection URL."""
    tables: tuple[str, ...]
    """Of schema ``public``; at least one."""
    kafka: Mapping[str, object]
    """librdkafka's options."""
    app: str = "streams"
    prefix: str = "cdc"
    topics: Mapping[str, str] = field(default_factory=dict)
    """Topic by table; default ``<prefix>.<table>.v1``."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Key columns by table; default: the primary key."""
    partitions: int = 4
    slot: str = "streams"
    publication: str = "streams"
    heartbeat_s: float = 5.0
    chunk_ms: int = 100
    chunk_bytes: int = 4 << 20
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None

    def topic_of(self, table: str) -> str:
        """Where changes of ``table`` go."""
        return self.topics.get(table, f"{self.prefix}.{table}.v1")

    @property
    def positions_topic(self) -> str:
        """Compacted; one record by slot."""
        return f"{self.app}-capture-positions"

    @property
    def heartbeat_topic(self) -> str:
        """Debezium's name for it."""
        return f"__debezium-heartbeat.{self.prefix}"
