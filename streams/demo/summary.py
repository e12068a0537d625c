"""Summary: what went in, what came out where, and whether the two agree. The database is asked, not our capture."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from .run import Demo
from .shop import STATUSES, TABLES

DRAIN_SECONDS = 120.0
WINDOW_MS = 10_000


@dataclass(slots=True, kw_only=True)
class Findings:
    """What was compared, and what did not agree."""

    lines: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def compare(self, what: str, expected: object, found: object) -> None:
        """Note a comparison."""
        is_equal = expected == found
        self.lines.append(f"  {'ok ' if is_equal else 'NO '} {what}")
        if not is_equal:
            self.differences.append(what)


READING = {
    "group.id": "demo-summary",
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
}


def read_topic(brokers: str, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    """(key, value) of every committed record of a topic, partition by partition."""
    consumer = Consumer({"bootstrap.servers": brokers, **READING})
    try:
        known = consumer.list_topics(topic, timeout=30).topics[topic]
        if known.error is not None:
            return []
        consumer.assign([TopicPartition(topic, number, 0) for number in known.partitions])
        records: list[tuple[bytes | None, bytes | None]] = []
        ended: set[int] = set()
        while len(ended) < len(known.partitions):
            for message in consumer.consume(10_000, 1.0):
                if message.error() is None:
                    records.append((message.key(), message.value()))
                else:
                    ended.add(message.partition())
        return records
    finally:
        consumer.close()


class Ledgers:
    """The shop's books: its own history against topics and tables."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._history: list[tuple[str, str, int, dict[str, Any]]] = []
        self._now: dict[str, dict[int, dict[str, Any]]] = {}

    def drain(self) -> None:
        """Wait until everything the database did is processed and the windows of idle inputs have closed."""
        self._read_database()
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline:
            if self._captured() == self._expected() and self._demo.lag() == 0:
                break
            time.sleep(0.5)
        while time.monotonic() < deadline and len(self._windows_out()) < len(self._windows_expected()):
            time.sleep(1.0)

    def _read_database(self) -> None:
        if self._demo.shop is None:
            raise RuntimeError("the shop was never opened")
        with self._demo.shop.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT tab, op, id, row::text FROM history ORDER BY seq")
            self._history = [(tab, op, number, _loads(row)) for tab, op, number, row in cursor.fetchall()]
            for table in TABLES:
                cursor.execute(f"SELECT id, to_jsonb(t)::text FROM {table} t")
                self._now[table] = {number: _loads(row) for number, row in cursor.fetchall()}
        connection.close()

    def _snapshot_rows(self) -> Counter[str]:
        """Rows that were there before the history began."""
        born = {(tab, number) for tab, op, number, _ in self._history if op == "INSERT"}
        gone = {(tab, number) for tab, op, number, _ in self._history if op == "DELETE"}
        first = {(table, number) for table, rows in self._now.items() for number in rows}
        return Counter(table for table, _ in (first | gone) - born)

    def _expected(self) -> Mapping[str, int]:
        counts = Counter(tab for tab, _, _, _ in self._history) + self._snapshot_rows()
        return {table: counts[table] for table in TABLES}

    def _captured(self) -> Mapping[str, int]:
        return {
            table: sum(value is not None for _, value in read_topic(self._demo.brokers, f"cdc.{table}.v1"))
            for table in TABLES
        }

    def _windows_expected(self) -> dict[tuple[int, int], tuple[int, Decimal]]:
        windows: dict[tuple[int, int], tuple[int, Decimal]] = {}
        for tab, op, _, row in self._history:
            if tab == "orders" and op == "INSERT" and is_valid(tab, row):
                moment_ms = int(datetime.fromisoformat(row["created_at"]).timestamp() * 1000)
                key = (row["customer_id"], moment_ms - moment_ms % WINDOW_MS)
                count, total = windows.get(key, (0, Decimal(0)))
                windows[key] = (count + 1, total + Decimal(row["amount"]))
        return windows

    def _windows_out(self) -> list[tuple[tuple[int, int], tuple[int, Decimal]]]:
        found = []
        for _, value in read_topic(self._demo.brokers, "revenue_by_customer.v1"):
            row = _loads((value or b"{}").decode())
            found.append(((row["customer_id"], row["window_start"]), (row["orders"], Decimal(str(row["revenue"])))))
        return found

    def compare(self) -> Findings:
        """Everything that must agree."""
        findings = Findings()
        captured, expected = self._captured(), self._expected()
        for table in TABLES:
            findings.compare(f"cdc.{table}.v1 holds each change once: {captured[table]:,}", expected[table],
                             captured[table])  # fmt: skip
        for table in TABLES:
            wanted = {number: _facts(table, row) for number, row in self._now[table].items() if is_valid(table, row)}
            found = {row["row"]["id"]: _facts(table, row["row"]) for row in self._demo.rows(table)}
            findings.compare(f"table {table} equals the database: {len(found):,} rows", wanted, found)
        windows = self._windows_out()
        findings.compare(
            f"revenue_by_customer.v1 equals the history, one result a window: {len(windows):,}",
            sorted(self._windows_expected().items()),
            sorted(windows),
        )
        self._compare_outputs(findings, captured)
        self._compare_ledger(findings)
        return findings

    def _compare_outputs(self, findings: Findings, captured: Mapping[str, int]) -> None:
        """Every event of a table is published or dead, once."""
        for table, topic in (("users", "users.masked.v1"), ("orders", "orders.enriched.v1")):
            out = len(read_topic(self._demo.brokers, topic))
            dead = len(read_topic(self._demo.brokers, f"cdc.{table}.v1-{table}-dlt"))
            findings.compare(f"{topic}: {out:,} published + {dead:,} dead = captured", captured[table], out + dead)

    def _compare_ledger(self, findings: Findings) -> None:
        supervisor = self._demo.supervisor
        ledger: Counter[str] = Counter()
        for status in self._demo.statuses():
            ledger.update(status["ledger"])
        if supervisor is not None and any(supervisor.children[f"worker-{n}"].restarts for n in range(2)):
            findings.lines.append("  --  a worker was restarted: its ledger counts from then on")
            return
        records = {table: len(read_topic(self._demo.brokers, f"cdc.{table}.v1")) for table in TABLES}
        readings = sum(records.values()) + records["orders"]  # two pipelines read the orders
        findings.compare(f"ledger: {readings:,} in = {_written(ledger)}", readings, sum(ledger.values()))

    def report(self) -> Iterable[str]:
        """What went in, what came out where, dead letters by reason, a table's top rows."""
        changes = Counter((tab, op) for tab, op, _, _ in self._history)
        snapshot = self._snapshot_rows()
        yield "in, by SQL on the history table"
        for table in TABLES:
            ops = ", ".join(f"{count:,} {op}" for (tab, op), count in sorted(changes.items()) if tab == table)
            yield f"  {table:<10} {snapshot[table]:,} in the snapshot, then {ops or 'nothing'}"
        yield "out, committed records"
        for topic in ("users.masked.v1", "products.changes.v1", "orders.enriched.v1", "revenue_by_customer.v1",
                      "customer_totals.v1"):  # fmt: skip
            yield f"  {topic:<26} {len(read_topic(self._demo.brokers, topic)):,}"
        reasons: Counter[str] = Counter()
        for status in self._demo.statuses():
            reasons.update(status["reasons"])
        yield f"dead letters: {_written(reasons) or 'none'}"
        yield "customer_totals, the five with most revenue"
        rows = [row["row"] for row in self._demo.rows("customer_totals")]
        for row in sorted(rows, key=lambda row: Decimal(str(row["revenue"])), reverse=True)[:5]:
            average = Decimal(str(row["average"])).quantize(Decimal("0.01"))
            yield f"  customer {row['customer_id']:>5}  {row['orders']:>4} orders  {row['revenue']:>12}  avg {average}"


def is_valid(table: str, row: Mapping[str, Any]) -> bool:
    """The generator's own knowledge of which rows are wrong, apart from the contracts."""
    if table == "users":
        return "@" in str(row["email"])
    return table != "orders" or row["status"] in STATUSES


def _facts(table: str, row: Mapping[str, Any]) -> tuple[object, ...]:
    """What is compared of a row: columns that no mask and no derivation touches."""
    columns = {"users": ("name", "age"), "products": ("sku", "price"), "orders": ("customer_id", "amount", "status")}
    return tuple(str(row[column]) for column in columns[table])


def _written(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


def _loads(text: str) -> dict[str, Any]:
    """JSON whose numbers with a point stay as they are written."""
    loaded: dict[str, Any] = json.loads(text, parse_float=str)
    return loaded

