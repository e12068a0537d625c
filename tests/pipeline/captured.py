"""Captured: real records of one workload in every format, as ``tests/fixtures/README.md`` describes them.

What a record is (transaction, operation, order) is read here by other means than the product's: ``json`` and
``fastavro``. The pipelines are the fixtures' own, with the format and the topic of the capture put in.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fastavro

from streams.contracts.registry import MemoryRegistry, RegisteredSchema, SchemaKind
from streams.records import Headers
from streams.testing import CommittedRecord, Driver

FIXTURES = Path(__file__).parent.parent / "fixtures"
SCHEMAS = FIXTURES / "schemas"
TABLES = ("users", "orders", "products", "order_items", "audit_log", "types_demo", "dbz_signal")
KEYS: Mapping[str, tuple[str, ...]] = {"order_items": ("order_id", "line_no"), "audit_log": ()}
DEBEZIUM_FORMATS = ("debezium-json", "debezium-json-schema", "debezium-avro")
FORMATS = (*DEBEZIUM_FORMATS, "wal2json-v2")
_PREFIXES = {"debezium-json": "shopjson", "debezium-json-schema": "shopschema", "debezium-avro": "shopavro"}
SNAPSHOT = 782
"""Its transaction; of the initial rows, too, which wal2json's capture does not have."""

Order = tuple[int, int, int]
Line = Mapping[str, Any]


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
    row: str = ""
    """Of a snapshot's row, which of them: they all have one place."""


# -- records


def topic_of(table: str, format: str = "debezium-json") -> str:
    """Where the capture of ``format`` has a table."""
    return f"{_PREFIXES[format]}.public.{table}" if format in _PREFIXES else f"shop.{table}"


@cache
def captured_topic(topic: str, format: str = "debezium-json") -> tuple[CapturedRecord, ...]:
    """All records of a Debezium topic, partition by partition."""
    found: list[CapturedRecord] = []
    for line in _lines(topic, format):
        found.append(_read(line, _envelope(line["value"], format), found[-1] if found else None))
    return tuple(found)


def captured_table(table: str, format: str = "debezium-json") -> tuple[CapturedRecord, ...]:
    """All records of a table's topic, partition by partition; for wal2json, as its capture would have written them."""
    return _wal2json(table) if format == "wal2json-v2" else captured_topic(topic_of(table, format), format)


def _lines(topic: str, format: str) -> list[Line]:
    if format == "debezium-json-schema":
        return [line for line in _lines_with_schema() if line["topic"] == topic]
    return [json.loads(line) for line in (FIXTURES / format / f"{topic}.jsonl").read_text("utf-8").splitlines()]


@cache
def _lines_with_schema() -> list[Line]:
    with gzip.open(FIXTURES / "debezium-json-schema.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@cache
def registered_schemas() -> Mapping[int, str]:
    """The schemas of the Avro capture by their ids."""
    held = json.loads((FIXTURES / "debezium-avro" / "registry.json").read_text("utf-8"))["ids"]
    return {int(number): text for number, text in held.items()}


@cache
def _parsed_schema(number: int) -> Any:
    return fastavro.parse_schema(json.loads(registered_schemas()[number]))


def a_registry() -> MemoryRegistry:
    """The registry of the Avro capture."""
    registry = MemoryRegistry()
    for number, text in registered_schemas().items():
        registry.add(RegisteredSchema(kind=SchemaKind.AVRO, text=text, id=number))
    return registry


def _envelope(value: str | None, format: str) -> dict[str, Any]:
    if value is None:
        return {}
    raw = b64decode(value)
    if format == "debezium-avro":
        schema = _parsed_schema(int.from_bytes(raw[1:5], "big"))
        held: Any = fastavro.schemaless_reader(BytesIO(raw[5:]), schema, None)
    else:
        held = json.loads(raw)
    payload: dict[str, Any] = held["payload"] if format == "debezium-json-schema" else held
    return payload


def _read(line: Line, envelope: dict[str, Any], last: CapturedRecord | None) -> CapturedRecord:
    key, value = line["key"], line["value"]
    if value is None and last is not None:
        transaction, order = last.transaction, last.order
    else:
        transaction, order = (envelope.get("source") or {}).get("txId"), _order_of(envelope)
    after = envelope.get("after") if envelope.get("op") == "r" else None
    if after is not None and transaction is not None:
        transaction = SNAPSHOT  # each connector took it in a transaction of its own
    return CapturedRecord(
        topic=line["topic"],
        partition=line["partition"],
        timestamp_ms=line["timestamp"],
        key=None if key is None else b64decode(key),
        value=None if value is None else b64decode(value),
        headers=tuple(_headers(line["headers"])),
        transaction=transaction,
        operation=envelope.get("op"),
        order=order,
        row=str(list(after.values())[:2]) if after else "",
    )


def _headers(held: Iterable[tuple[str, str | None]]) -> Iterator[tuple[str, bytes | None]]:
    for name, value in held:
        yield name, None if value is None else b64decode(value)


def _order_of(envelope: dict[str, Any]) -> Order:
    source, transaction = envelope.get("source") or {}, envelope.get("transaction") or {}
    committed, position = json.loads(str(source.get("sequence") or "[0, 0]"))
    return int(committed or 0), int(position or 0), int(str(transaction.get("total_order") or 0))


_LETTERS = {"I": "c", "U": "u", "D": "d", "T": "t", "M": "m"}


@cache
def wal2json_lines() -> tuple[str, ...]:
    """The initial rows, then every line of wal2json's capture: the order in which they were sent."""
    captured = (FIXTURES / "wal2json" / "shop-v2.jsonl").read_text("utf-8").splitlines()
    initial = (FIXTURES / "wal2json" / "initial-v2.jsonl").read_text("utf-8").splitlines()
    return *initial, *(json.loads(line)["payload"] for line in captured)


@cache
def _wal2json(table: str) -> tuple[CapturedRecord, ...]:
    found = []
    for place, text in enumerate(wal2json_lines()):
        action = json.loads(text)
        if action.get("table") == table:
            found.append(_wal2json_record(table, text, action, place))
    return tuple(found)


def _wal2json_record(table: str, text: str, action: Line, place: int) -> CapturedRecord:
    told = {held["name"]: held.get("value") for held in (*action.get("identity", ()), *action.get("columns", ()))}
    columns = KEYS.get(table, ("id",))
    key = {name: told.get(name) for name in columns}
    return CapturedRecord(
        topic=topic_of(table, "wal2json-v2"),
        partition=0,
        timestamp_ms=1_795_444_170_656,
        key=json.dumps(key).encode() if columns and told else None,
        value=text.encode(),
        headers=(),
        transaction=action["xid"],
        operation=_LETTERS[action["action"]],
        order=(place, 0, 0),
    )


def in_log_order(records: Iterable[CapturedRecord]) -> list[CapturedRecord]:
    """The records as a topic of one partition would hold them."""
    return sorted(records, key=lambda record: (record.order, record.row))


# -- through the pipeline


_FOLDERS: list[TemporaryDirectory[str]] = []
"""Kept until the process ends."""


@cache
def schemas_of(format: str) -> Path:
    """The fixtures' contracts, with pipelines that read ``format``."""
    if format == "debezium-json":
        return SCHEMAS
    _FOLDERS.append(TemporaryDirectory())
    root = Path(_FOLDERS[-1].name)
    for place in SCHEMAS.iterdir():
        if place.name != "pipelines":
            (root / place.name).symlink_to(place)
    (root / "pipelines").mkdir()
    for table in TABLES:
        text = (SCHEMAS / "pipelines" / f"{table}.yaml").read_text("utf-8")
        text = text.replace(topic_of(table), topic_of(table, format))
        text = text.replace("format: debezium-json", f"format: {format.removesuffix('-schema')}")
        (root / "pipelines" / f"{table}.yaml").write_text(text, "utf-8")
    return root


def a_driver(*tables: str, partitions: int = 1, format: str = "debezium-json") -> Driver:
    """Runs the fixtures' pipelines of ``tables``; none: of all."""
    topics = {topic_of(table, format): partitions for table in TABLES}
    return Driver(schemas_of(format), pipelines=tables or None, partitions=topics, registry=a_registry())


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one captured record."""

    record: CapturedRecord
    published: tuple[CommittedRecord, ...]
    ledger: Mapping[str, int]
    """Its own outcomes."""


@cache
def told(table: str, format: str) -> tuple[Told, ...]:
    """Every record of a table, one after another, and what each led to."""
    driver = a_driver(table, format=format)
    found = []
    count, ledger = 0, dict[str, int]()
    for record in in_log_order(captured_table(table, format)):
        send(driver, [record])
        published, after = driver.records(f"{table}.rows.v1"), driver.ledger()
        own = {name: more for name in after if (more := after[name] - ledger.get(name, 0))}
        found.append(Told(record=record, published=tuple(published[count:]), ledger=own))
        count, ledger = len(published), after
    return tuple(found)


def told_of(table: str, format: str, *transactions: int | None) -> list[Told]:
    """The same of some transactions."""
    return [held for held in told(table, format) if held.record.transaction in transactions]


def published_by(table: str, *transactions: int | None, format: str = "debezium-json") -> list[CommittedRecord]:
    """What the route of ``table`` publishes of these transactions, after everything before them."""
    return [record for held in told_of(table, format, *transactions) for record in held.published]


def operations_of(table: str, format: str, *transactions: int | None) -> str:
    """Debezium's letters of the captured changes, ``-`` for a tombstone."""
    return "".join(held.record.operation or "-" for held in told_of(table, format, *transactions))


@cache
def final_table(table: str, format: str) -> Mapping[object, Mapping[str, object]]:
    """A table's rows after the whole capture."""
    driver = a_driver(table, format=format)
    send(driver, in_log_order(captured_table(table, format)))
    return driver.table(table)


def rows(records: Iterable[CommittedRecord]) -> list[dict[str, object] | None]:
    """The published rows, ``None`` for a tombstone; numbers with a point would be floats, so none is expected."""
    return [None if record.value is None else json.loads(record.value) for record in records]


def final_rows(table: str) -> list[list[str]]:
    """Some columns of the table's rows at the end, as text."""
    held: dict[str, list[list[str]]] = json.loads((FIXTURES / "final-state-pg15.json").read_text("utf-8"))
    return sorted(held[table])
