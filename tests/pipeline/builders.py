"""Builders: values with everything filled in that a test does not speak about."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import settings

from streams.contracts import read_contracts
from streams.contracts.model import Column, ColumnType
from streams.contracts.registry import SchemaSource
from streams.errors import ConfigurationError
from streams.pipeline.compile import compile_topology
from streams.pipeline.expressions import Scope
from streams.pipeline.plan import DeadLetterStyle, Limits
from streams.pipeline.results import Checkpoint
from streams.pipeline.topology import Topology
from streams.pipeline.truncating.build import fit_partitions
from streams.records import ChangeEvent, Delivery, Headers, Operation, RecordBatch, SourceRecord
from streams.testing import CommittedRecord, Driver

from ..contracts.builders import a_contract, a_folder, a_schema

laws = settings(max_examples=40, deadline=None)
"""Of property tests: enough examples to find what there is, few enough to wait for."""

# -- expressions

COLUMN_TYPES = {
    "i": ColumnType.INTEGER,
    "j": ColumnType.INTEGER,
    "d": ColumnType.DECIMAL,
    "e": ColumnType.DECIMAL,
    "f": ColumnType.DOUBLE,
    "t": ColumnType.TEXT,
    "u": ColumnType.TEXT,
    "b": ColumnType.BOOLEAN,
    "c": ColumnType.BOOLEAN,
    "ts": ColumnType.TIMESTAMP,
    "day": ColumnType.DATE,
    "at": ColumnType.TIME,
    "id": ColumnType.UUID,
    "raw": ColumnType.BYTES,
    "user": ColumnType.OBJECT,
    "items": ColumnType.ARRAY,
    "op": ColumnType.TEXT,
    "thing": ColumnType.UNKNOWN,
}
SCOPE = Scope(columns={name: Column(name=name, type=kind) for name, kind in COLUMN_TYPES.items()}, envelope=True)


def changelog_of(checkpoint: Checkpoint) -> list[Delivery]:
    """The changelog records of a checkpoint, one by one."""
    return [
        Delivery(topic=run.topic, key=key, value=value, timestamp_ms=0, partition=run.partition)
        for run in checkpoint.changelog
        for key, value in run.records
    ]


def a_source_record(
    value: bytes | None = b"{}", *, key: bytes | None = b'{"id":1}', offset: int = 0, timestamp_ms: int = 0
) -> SourceRecord:
    """A record of partition 0 of ``orders``."""
    return SourceRecord(topic="orders", partition=0, offset=offset, timestamp_ms=timestamp_ms, key=key, value=value)


def an_event(
    row: Mapping[str, object] | None = None,
    *,
    operation: Operation = Operation.INSERT,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    source: Mapping[str, object] | None = None,
    key: Mapping[str, object] | None = None,
) -> ChangeEvent:
    """A change of one row."""
    return ChangeEvent(
        record=a_source_record(),
        operation=operation,
        row=dict(row or {}),
        before=before,
        after=after,
        source=source or {},
        key=key or {},
        event_time_ms=0,
    )


# -- pipelines over one dataset, com.acme/orders

TOPIC = "cdc.orders.v1"
OUT = "orders.v1"
DEAD = "cdc.orders.v1-orders-dlt"
CRITERION = "iglu:com.acme/orders/jsonschema/1-*-*"
MASK_KEY = b"a secret of thirty-two bytes, ok!"

COLUMNS: Mapping[str, object] = {
    "id": {"type": "integer"},
    "customer_id": {"type": "integer"},
    "amount": {"type": ["number", "null"]},
    "price": {"type": ["string", "null"]},
    "email": {"type": ["string", "null"]},
    "code": {"type": "string", "maxLength": 64},
    "at": {"type": ["integer", "null"]},
    "note": {"type": ["string", "null"]},
}
ROW: Mapping[str, object] = {"customer_id": 7, "amount": 5, "email": "ann@example.test", "code": "A-1"}
CONTRACT_COLUMNS = (
    "{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}",
    "{name: price, physicalType: 'numeric(12,4)'}",
)
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_positions = itertools.count(1_000)

Pipeline = Mapping[str, Any]


def a_pipeline(name: str = "orders", *, source: Mapping[str, object] | None = None, **parts: object) -> Pipeline:
    """A pipeline file as a value; it routes to ``orders.v1`` unless told otherwise, ``route=None``: nowhere."""
    described = {
        "pipeline": name,
        "source": {"topic": TOPIC, "format": "debezium-json", "contract": CRITERION, **(source or {})},
        "route": [{"to": OUT}],
        **parts,
    }
    return {part: held for part, held in described.items() if held is not None}


def a_plain_pipeline(**parts: Any) -> Pipeline:
    """The same of plain JSON rows, with the event time in ``at``."""
    source = {"format": "json", "event_time": "at", **(parts.pop("source", None) or {})}
    return a_pipeline(source=source, **parts)


def written(root: Path, *pipelines: Pipeline, more: Mapping[str, str] | None = None) -> Path:
    """A ``schemas`` folder with the dataset and ``pipelines``."""
    files: dict[str, str | bytes] = {
        "com.acme/orders/jsonschema/1-0-0": a_schema("orders", properties=COLUMNS, required=("id", "code")),
        "com.acme/orders/contract.yaml": a_contract(*CONTRACT_COLUMNS, name="orders"),
        "com.acme/lines/jsonschema/1-0-0": a_schema("lines", properties=COLUMNS, required=("id",)),
        **(more or {}),
    }
    files |= {f"pipelines/{held['pipeline']}.yaml": json.dumps(held) for held in pipelines}
    return a_folder(root, files)


def a_driver(*pipelines: Pipeline, more: Mapping[str, str] | None = None, **options: Any) -> Driver:
    """A driver over ``pipelines``; none: the plain one."""
    with TemporaryDirectory() as folder:
        return Driver(written(Path(folder), *(pipelines or (a_pipeline(),)), more=more), mask_key=MASK_KEY, **options)


def a_topology(
    *pipelines: Pipeline,
    more: Mapping[str, str] | None = None,
    mask_key: bytes | None = MASK_KEY,
    style: DeadLetterStyle = DeadLetterStyle.CONNECT,
    limits: Limits | None = None,
    registry: SchemaSource | None = None,
    partitions: int = 1,
) -> Topology:
    """``pipelines`` compiled for sources with so many partitions; none: the plain one."""
    with TemporaryDirectory() as folder:
        contracts = read_contracts(written(Path(folder), *(pipelines or (a_pipeline(),)), more=more))
    topology = compile_topology(
        contracts, app="app", mask_key=mask_key, dead_letter_style=style, limits=limits, registry=registry
    )
    return fit_partitions(topology, {plan.topic: partitions for plan in topology.plans})


def problems_of(*pipelines: Pipeline, **options: Any) -> list[str]:
    """What compiling says is wrong, as a person reads it."""
    try:
        a_topology(*pipelines, **options)
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    return []


# -- changes


def a_change(
    id: int = 1,
    *,
    op: str = "c",
    time_ms: int = 1_000,
    lsn: int | None = 0,
    before: Mapping[str, object] | None = None,
    headers: Headers = (),
    source: Mapping[str, object] | None = None,
    omit: Iterable[str] = (),
    **columns: object,
) -> SourceRecord:
    """A Debezium record of row ``id``, committed at ``time_ms``; ``lsn=0``: a position nobody else has."""
    position = next(_positions) if lsn == 0 else lsn
    row = {name: held for name, held in {"id": id, **ROW, **columns}.items() if name not in omit}
    is_gone = op == "d"
    envelope = {
        "op": op,
        "before": {"id": id} if is_gone and before is None else before,
        "after": None if is_gone else row,
        "source": {"name": "shop", "lsn": position, "ts_ms": time_ms, **(source or {})},
        "ts_ms": time_ms,
    }
    return _sent(envelope, {"id": id}, time_ms, headers)


def a_move(id: int, to: int, **columns: object) -> tuple[SourceRecord, SourceRecord]:
    """Debezium's two records of a row whose key changes from ``id`` to ``to``."""
    old, new = _encode({"id": id}), _encode({"id": to})
    gone = a_change(id, op="d", headers=(("__debezium.newkey", new),))
    return gone, a_change(to, op="c", headers=(("__debezium.oldkey", old),), **columns)  # type: ignore[arg-type]  # columns


def a_plain(id: int = 1, *, at: object = 1_000, timestamp_ms: int = 1_000, **columns: object) -> SourceRecord:
    """A plain JSON row."""
    return _sent({"id": id, **ROW, "at": at, **columns}, {"id": id}, timestamp_ms, ())


def _sent(value: object, key: object, timestamp_ms: int, headers: Headers) -> SourceRecord:
    return SourceRecord(
        topic=TOPIC,
        partition=0,
        offset=0,
        timestamp_ms=timestamp_ms,
        key=_encode(key),
        value=_encode(value),
        headers=headers,
    )


def a_batch(*records: SourceRecord, offset: int = 0) -> RecordBatch:
    """``records`` at ``offset`` and the following."""
    placed = [msgspec.structs.replace(record, offset=offset + place) for place, record in enumerate(records)]
    return RecordBatch(topic=TOPIC, partition=0, records=placed, next_offset=offset + len(placed))


def send(driver: Driver, *records: SourceRecord, partition: int | None = None) -> Driver:
    """Send ``records``, one after another, and give the driver back."""
    for record in records:
        driver.send(
            record.topic,
            key=record.key,
            value=record.value,
            timestamp_ms=record.timestamp_ms,
            partition=partition,
            headers=record.headers,
        )
    return driver


def rows_of(records: Iterable[CommittedRecord]) -> list[dict[str, Any] | None]:
    """Their values, numbers exact; ``None`` for a tombstone."""
    return [None if record.value is None else _decode(record.value) for record in records]


def keys_of(records: Iterable[CommittedRecord]) -> list[Any]:
    """Their keys."""
    return [None if record.key is None else _decode(record.key) for record in records]


def header(record: CommittedRecord, name: str) -> str | None:
    """The header ``name`` as text; a second one of the name is a failure."""
    found = [value for held, value in record.headers if held == name]
    assert len(found) < 2, f"{name} stands there {len(found)} times"
    return found[0].decode() if found and found[0] is not None else None


def reasons_of(driver: Driver) -> list[str | None]:
    """Why each dead letter of the pipeline ``orders`` is dead."""
    return [header(record, "__contract.errors.code") for record in driver.records(DEAD)]
