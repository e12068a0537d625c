"""Builders: transactions of a source, as their events and ends come in topics."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from streams.pipeline.topology import SubTopology
from streams.records import RecordBatch, SourceRecord

from ..builders import ROW, Pipeline, a_pipeline, a_topology

ORDERS, LINES, TOLD = "cdc.orders.v1", "cdc.lines.v1", "cdc.transaction"
ENDS = f"app-{TOLD}-ends-repartition"
TIMEOUT_MS = 10_000


def whole(name: str = "orders", topic: str = ORDERS, **parts: object) -> Pipeline:
    """A transactional pipeline that publishes to ``<name>.out``."""
    said: dict[str, Any] = {"source": {"topic": topic}, "route": [{"to": f"{name}.out"}], "transactional": True}
    return a_pipeline(name, **{**said, **parts})


def both() -> tuple[Pipeline, Pipeline]:
    """Of orders and of their lines: what one transaction did to both is released together."""
    return whole(), whole("lines", LINES)


def sub_of(*pipelines: Pipeline, topic: str = ORDERS) -> SubTopology:
    """The sub-topology that reads ``topic``."""
    return a_topology(*(pipelines or both())).subtopology_of(topic)


def a_value(
    id: int, *, xid: int | None, before: int = 0, number: int = 1, op: str = "c", time_ms: int = 1_000, note: str = ""
) -> bytes:
    """A change of row ``id``: the change ``number`` of transaction ``xid``, which began where ``before`` says."""
    envelope = {
        "op": op,
        "before": {"id": id} if op == "d" else None,
        "after": None if op == "d" else {**ROW, "id": id, "note": note},
        "source": {"name": "shop", "ts_ms": time_ms, "txId": xid, "lsn": before + number,
                   "sequence": json.dumps([str(before) if before else None, str(before + number)])},
        "transaction": None if xid is None else {"id": f"{xid}:{before + number}", "total_order": number},
        "ts_ms": time_ms,
    }  # fmt: skip
    return json.dumps(envelope).encode()


def an_end(xid: int, place: int, count: int = 1) -> bytes:
    """The end of transaction ``xid``, as the source tells it."""
    return json.dumps({"status": "END", "id": f"{xid}:{place}", "event_count": count, "ts_ms": 1}).encode()


def told(place: int) -> bytes:
    """The same, as a task is told."""
    return json.dumps({"ended": place}).encode()


@dataclass
class Log:
    """What topics hold, by topic, of one partition."""

    partition: int = 0
    records: dict[str, list[SourceRecord]] = field(default_factory=dict)

    def append(self, topic: str, value: bytes | None) -> None:
        """One more record."""
        held = self.records.setdefault(topic, [])
        held.append(SourceRecord(topic, self.partition, len(held), 1_000, b'{"id":0}', value))

    def batch(self, topic: str, start: int, end: int) -> RecordBatch:
        """A run of them."""
        records = self.records[topic][start:end]
        return RecordBatch(topic=topic, partition=self.partition, records=records, next_offset=end)
