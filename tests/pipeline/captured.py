"""Captured: Debezium's real records of one workload, as ``tests/fixtures/README.md`` describes them."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from streams.records import Headers
from streams.testing import CommittedRecord, Driver

FIXTURES = Path(__file__).parent.parent / "fixtures"
SCHEMAS = FIXTURES / "schemas"
TABLES = ("users", "orders", "products", "order_items", "audit_log", "types_demo", "dbz_signal")

Order = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedRecord:
    """One record as it stood in Kafka."""

    topic: str
    partition: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    transaction: int | None
    """PostgreSQL's transaction, as the cases name it; a tombstone has that of its DELETE."""
    operation: str | None
    """Debezium's letter; ``None``: a tombstone, or no change of a row."""
    order: Order
    """Place in the log of all partitions; a tombstone has that of its DELETE."""


def captured_topic(topic: str) -> tuple[CapturedRecord, ...]:
    """All records of a topic, partition by partition."""
    found: list[CapturedRecord] = []
    for line in (FIXTURES / "debezium-json" / f"{topic}.jsonl").read_text("utf-8").splitlines():
        found.append(_read(json.loads(line), found[-1] if found else None))
    return tuple(found)


def captured_table(table: str) -> tuple[CapturedRecord, ...]:
    """All records of a table's topic, partition by partition."""
    return captured_topic(f"shopjson.public.{table}")


def in_log_order(records: Iterable[CapturedRecord]) -> list[CapturedRecord]:
    """The records as a topic of one partition would hold them."""
    return sorted(records, key=lambda record: record.order)


def a_driver(*tables: str, partitions: int = 1) -> Driver:
    """Runs the fixtures' pipelines of ``tables``; none: of all."""
    topics = {f"shopjson.public.{table}": partitions for table in TABLES}
    return Driver(SCHEMAS, pipelines=tables or None, partitions=topics)


def send(
    driver: Driver, records: Iterable[CapturedRecord], *, keeps_partition: bool = False, commits: bool = True
) -> None:
    """Send as captured, into partition 0 unless ``keeps_partition``."""
    for record in records:
        driver.send(
            record.topic,
            key=record.key,
            value=record.value,
            timestamp_ms=record.timestamp_ms,
            partition=record.partition if keeps_partition else 0,
            headers=record.headers,
        )
    if commits:
        driver.commit()


def published_by(table: str, *transactions: int | None) -> list[CommittedRecord]:
    """What the route of ``table`` publishes of these transactions, after everything before them."""
    driver = a_driver(table)
    published: list[CommittedRecord] = []
    for record in in_log_order(captured_table(table)):
        count = len(driver.records(f"{table}.rows.v1"))
        send(driver, [record])
        if record.transaction in transactions:
            published += driver.records(f"{table}.rows.v1")[count:]
    return published


def rows(records: Iterable[CommittedRecord]) -> list[dict[str, object] | None]:
    """The published rows, ``None`` for a tombstone; numbers with a point would be floats, so none is expected."""
    return [None if record.value is None else json.loads(record.value) for record in records]


def final_rows(table: str) -> list[list[str]]:
    """Some columns of the table's rows at the end, as text."""
    held: dict[str, list[list[str]]] = json.loads((FIXTURES / "final-state-pg15.json").read_text("utf-8"))
    return sorted(held[table])


def _read(line: dict[str, object], last: CapturedRecord | None) -> CapturedRecord:
    key, value, headers = line["key"], line["value"], line["headers"]
    raw = None if value is None else b64decode(str(value))
    envelope = {} if raw is None else json.loads(raw)
    if raw is None and last is not None:
        transaction, order = last.transaction, last.order
    else:
        transaction, order = (envelope.get("source") or {}).get("txId"), _order_of(envelope)
    return CapturedRecord(
        topic=str(line["topic"]),
        partition=int(str(line["partition"])),
        timestamp_ms=int(str(line["timestamp"])),
        key=None if key is None else b64decode(str(key)),
        value=raw,
        headers=tuple(_headers(headers)),
        transaction=transaction,
        operation=envelope.get("op"),
        order=order,
    )


def _headers(held: object) -> Iterator[tuple[str, bytes | None]]:
    for name, value in held if isinstance(held, list) else ():
        yield name, None if value is None else b64decode(value)


def _order_of(envelope: dict[str, dict[str, object]]) -> Order:
    source, transaction = envelope.get("source") or {}, envelope.get("transaction") or {}
    committed, position = json.loads(str(source.get("sequence") or "[0, 0]"))
    return int(committed or 0), int(position or 0), int(str(transaction.get("total_order") or 0))
