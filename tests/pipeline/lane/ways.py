"""Ways: the same batches through a pipeline with its lane and without; everything that comes of them, side by side."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.contracts import read_contracts
from streams.native.load import extension
from streams.pipeline.compile import compile_topology
from streams.pipeline.plan import Limits, Plan
from streams.pipeline.results import BatchResult
from streams.pipeline.task import Task
from streams.pipeline.topology import Topology
from streams.records import Delivery, RecordBatch, SourceRecord
from streams.state.stores.memory import MemoryStore

from ...contracts.builders import a_contract, a_folder, a_schema

TOPIC = "cdc.orders.v1"
COLUMNS: Mapping[str, object] = {
    "id": {"type": "integer", "minimum": 0},
    "customer": {"type": ["integer", "null"], "exclusiveMaximum": 1_000},
    "amount": {"type": ["number", "null"], "minimum": -50},
    "count": {"type": "integer", "exclusiveMinimum": -9, "maximum": 9_000},
    "part": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "flag": {"type": ["boolean", "null"]},
    "state": {"enum": ["new", "paid", "Größe"]},
    "note": {"type": ["string", "null"], "minLength": 1, "maxLength": 5},
    "free": {"type": "string"},
    "email": {"type": "string", "format": "email", "maxLength": 20},
    "day": {"type": ["string", "null"], "format": "date"},
    "ref": {"type": "string", "format": "uuid"},
    "moment": {"type": ["string", "null"], "format": "date-time"},
    "at": {"type": "integer"},
}
REQUIRED = ("id", "count", "state", "at")
SUMS = {"n": "count(*)", "values": "count(amount)", "sum": "sum(amount)", "mean": "avg(count)"}
MINUTES = {"tumbling": "1m", "grace": "1s"}
BY_MINUTE = {"table": "by_minute", "by": ["customer", "state"], "window": MINUTES, "columns": SUMS}
EVER = {"table": "ever", "by": ["state", "flag", "customer"], "columns": {"total": "sum(count)"}, "to": "ever.v1"}
ATTACHED = {"n": "by_minute.n", "sum": "by_minute.sum", "total": "ever.total"}
PIPELINE: Mapping[str, Any] = {
    "pipeline": "orders",
    "source": {
        "topic": TOPIC,
        "format": "debezium-json",
        "contract": "iglu:com.acme/orders/jsonschema/1-*-*",
        "key": ["state"],
        "event_time": "at",
        "max_future": "1h",
    },
    "deduplicate": {"by": ["id", "count"], "keep": "1h"},
    "aggregate": [BY_MINUTE, EVER],
    "route": [{"to": "out.v1", "key": ["id"], "attach": ATTACHED}, {"to": "more.v1", "key": ["state", "id"]}],
}
NOW_MS = 10_000_000
_encode = msgspec.json.Encoder(decimal_format="number").encode


def a_topology(pipeline: Mapping[str, Any] = PIPELINE, *, native: bool, **options: Any) -> Topology:
    """``pipeline`` over the contract of these tests."""
    files: dict[str, str | bytes] = {
        "com.acme/orders/jsonschema/1-0-0": a_schema("orders", properties=COLUMNS, required=REQUIRED),
        "com.acme/orders/contract.yaml": a_contract(
            "{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}", name="orders"
        ),
        "pipelines/orders.yaml": json.dumps(pipeline),
    }
    with TemporaryDirectory() as folder:
        contracts = read_contracts(a_folder(Path(folder), files))
    return compile_topology(contracts, app="app", native=native, **options)


def plan_of(topology: Topology) -> Plan:
    """The one plan of a topology."""
    (plan,) = topology.plans
    return plan


@dataclass(slots=True)
class Left:
    """What batches leave behind."""

    deliveries: list[Any] = field(default_factory=list)
    outcomes: list[Any] = field(default_factory=list)
    changelog: list[Any] = field(default_factory=list)
    stored: list[tuple[bytes, bytes]] = field(default_factory=list)
    times: list[Any] = field(default_factory=list)


def walked(topology: Topology, batches: Iterable[list[SourceRecord]], *, is_fetched: bool = True) -> Left:
    """``batches`` through one task of ``topology``, with a checkpoint behind every second one.

    Where it has a lane, they come as from Kafka if they are ``is_fetched``: left in the bytes of a record batch.
    """
    left, store, offset = Left(), MemoryStore(), 0
    has_lane = any(plan.lane is not None for plan in topology.plans)
    task = Task(topology.subtopologies[0], 0, store)
    for number, records in enumerate(batches):
        placed = [_at(record, offset + place) for place, record in enumerate(records)]
        if has_lane and is_fetched:
            placed = fetched(placed)
        offset += len(placed)
        batch = RecordBatch(topic=TOPIC, partition=0, records=placed, next_offset=offset)
        note(left, task.process(batch, now_ms=NOW_MS))
        if number % 2:
            check_point(task, left)
    check_point(task, left)
    left.stored = list(store.scan(b"", b"\xff" * 9))
    left.deliveries.sort(key=lambda delivery: delivery.topic)  # of different topics any order will do
    return left


def note(left: Left, result: BatchResult) -> None:
    """What a batch leaves."""
    left.deliveries += result.deliveries
    left.times.append(result.commit_times_ms)
    for ledger in result.ledgers.values():
        assert ledger.is_balanced()
        left.outcomes.append((dict(ledger.counts), ledger.reasons(), ledger.late_by_table, ledger.size))


def fetched(records: list[SourceRecord]) -> list[SourceRecord]:
    """The same as the extension unpacks them."""
    if not records:
        return []
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=False, producer_id=-1, producer_epoch=0, base_sequence=0,
        batch_size=1 << 30,
    )  # fmt: skip
    for place, record in enumerate(records):
        builder.append(place, record.timestamp_ms, record.key, record.value, list(record.headers))
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, records[0].offset)
    assert extension is not None
    first = records[0]
    held: list[SourceRecord] = extension.unpack(bytes(data), 0, None, first.topic, first.partition, first.offset)
    return held


def _at(record: SourceRecord, offset: int) -> SourceRecord:
    return SourceRecord(TOPIC, 0, offset, record.timestamp_ms, record.key, record.value, record.headers)


def check_point(task: Task, left: Left) -> list[Delivery]:
    """What a checkpoint publishes; all that it leaves is noted."""
    checkpoint = task.prepare_checkpoint()
    left.deliveries += checkpoint.deliveries
    left.changelog += [(run.topic, run.records) for run in checkpoint.changelog]
    task.commit({}, now_ms=NOW_MS)
    return checkpoint.deliveries


NATIVE, PYTHON = a_topology(native=True), a_topology(native=False)
BY_MOMENT = {**PIPELINE, "source": {**PIPELINE["source"], "event_time": "moment"}}
MOMENT_NATIVE, MOMENT_PYTHON = (a_topology(BY_MOMENT, native=native) for native in (True, False))
TIGHT = Limits(record_bytes=420)
TIGHT_NATIVE, TIGHT_PYTHON = (a_topology(native=native, limits=TIGHT) for native in (True, False))


def a_record(row: Mapping[str, object] | None = None, *, key: bytes | None = b"{}", **parts: object) -> SourceRecord:
    """A plain change; ``row``: columns besides those that are required, ``parts``: of the envelope."""
    after = {"id": 1, "count": 1, "state": "new", "at": 1_000, **(row or {})}
    envelope = {"op": "c", "after": after, "source": {"ts_ms": 900}, **parts}
    return SourceRecord(TOPIC, 0, 0, 800, key, _encode(envelope))
