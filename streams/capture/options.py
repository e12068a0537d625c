"""Options: what a capture is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from .outgoing.rules import Format, Rules

SCHEMA = "public"
"""Where the captured tables are."""
PGOUTPUT, WAL2JSON = "pgoutput", "wal2json"
PLUGINS = (PGOUTPUT, WAL2JSON)
OWN_PREFIX = "streams-"
"""Logical messages whose prefix begins so are between a capture and itself: nobody is told of them."""


class CaptureError(Exception):
    """The capture cannot go on; the message says what to do. Never holds a row's value."""

    exit_code: ClassVar[int] = 1


class StoppedError(Exception):
    """Somebody asked the capture to stop while it waited."""


class LogError(CaptureError, ValueError):
    """PostgreSQL has sent what the plugin is not known to send; the bytes are not shown, they may hold values."""

    def __init__(self, plugin: str, lsn: int) -> None:
        place = f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
        super().__init__(f"{plugin} has sent at {place} what it is not known to send; report it with its version")


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
    plugin: str = PGOUTPUT
    """How PostgreSQL writes its log for us: one of ``PLUGINS``."""
    wal2json_format: int = 2
    """1 or 2."""
    protocol: int | None = None
    """pgoutput's, 1 to 4; default: the newest that the server speaks."""
    is_streaming: bool = True
    """Large transactions come while they are open (from protocol 2 on), and wait on our disk for their end."""
    spool: Path | None = None
    """Where they wait; default: the system's folder for temporary files."""
    is_telling_transactions: bool = False
    """Where each transaction begins and ends, to ``transaction_topic``."""
    max_slot_lag_bytes: int | None = None
    """Log that PostgreSQL may have to keep for the slot before the capture stops; default: no limit."""
    is_dropping_slot: bool = False
    """Beyond that limit the slot goes, and with it the changes that wait; default: a person decides."""
    schemas: Path | None = None
    """Folder of contracts that changed tables are compared with; default: none."""
    format: Format = Format.JSON
    registry: str = ""
    """URL of the schema registry; empty: JSON as it is, and no other format."""
    subjects: str = "topic"
    """How schemas are named there: ``topic``, ``record`` or ``topic-record``."""
    rules: Rules = field(default_factory=Rules)
    mask_key: bytes | None = field(default=None, repr=False)
    """Secret of masks by hash."""
    signal_table: str | None = None
    """Its new rows ask for snapshots; default: none does."""
    snapshot_rows: int = 10_000
    """At most as many are read at a time; fewer where they are large."""
    heartbeat_s: float = 5.0
    chunk_ms: int = 100
    chunk_bytes: int = 4 << 20
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None

    def topic_of(self, table: str) -> str:
        """Where changes of ``table`` go."""
        return self.topics.get(table, f"{self.prefix}.{table}.v1")

    def topics_of(self, tables: Iterable[str]) -> list[str]:
        """Every topic that changes of ``tables`` go to."""
        routed = [route.topic for route in self.rules.routes]
        return list(dict.fromkeys([*map(self.topic_of, tables), *routed]))

    @property
    def reader(self) -> str:
        """What the events of a transaction are counted by: who counts otherwise cannot go on inside of one."""
        if self.plugin == PGOUTPUT:
            return f"{PGOUTPUT} with publication {self.publication}"
        return f"{WAL2JSON} in format {self.wal2json_format} with tables {','.join(sorted(self.published))}"

    @property
    def transactional_id(self) -> str:
        """Of the capture's producer: one process at a time has it."""
        return f"{self.app}-capture-{self.slot}"

    @property
    def published(self) -> tuple[str, ...]:
        """What the log must tell of."""
        signals = () if self.signal_table is None else (self.signal_table,)
        return tuple(dict.fromkeys((*self.tables, *signals)))

    @property
    def positions_topic(self) -> str:
        """Compacted; one record by slot."""
        return f"{self.app}-capture-positions"

    @property
    def heartbeat_topic(self) -> str:
        """Debezium's name for it."""
        return f"__debezium-heartbeat.{self.prefix}"

    @property
    def own_topics(self) -> Mapping[str, str]:
        """``cleanup.policy`` by topic of what is told beside changes; one partition each."""
        return {self.positions_topic: "compact", self.heartbeat_topic: "delete", self.schema_topic: "compact"}

    @property
    def schema_topic(self) -> str:
        """Compacted; one record by table: what has become of its columns."""
        return f"{self.prefix}.schema-changes"

    @property
    def message_topic(self) -> str:
        """Debezium's name for where logical messages go."""
        return f"{self.prefix}.message"

    @property
    def transaction_topic(self) -> str:
        """Debezium's name for where transactions begin and end."""
        return f"{self.prefix}.transaction"
