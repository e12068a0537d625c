"""Summary: what went in, what came out where, and whether the two agree. The database is asked, not our capture."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .history import Facts, History, facts, totals_of
from .run import Demo
from .shop import TABLES
from .topics import (
    Record,
    changes_by_id,
    dead_by_id,
    enriched_by_customer,
    read_topic,
    rows_by_id,
    values_of,
    windows_of,
)

DRAIN_SECONDS = 120.0
OUTPUTS = ("users.masked.v1", "products.changes.v1", "orders.enriched.v1", "revenue_by_customer.v1",
           "customer_totals.v1")  # fmt: skip
DEAD = {"users": ("users",), "orders": ("orders", "revenue")}
"""Pipelines by the table whose wrong rows they set aside."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """What was compared, and what did not agree."""

    lines: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def compare(self, what: str, expected: object, found: object) -> None:
        """Note a comparison; how many keys differ, where both have keys."""
        is_equal = expected == found
        if not is_equal and isinstance(expected, Mapping) and isinstance(found, Mapping):
            differing = sum(expected.get(key) != found.get(key) for key in {*expected, *found})
            what = f"{what}; {differing:,} keys differ"
        self.lines.append(f"  {'ok ' if is_equal else 'NO '} {what}")
        if not is_equal:
            self.differences.append(what)


class Ledgers:
    """The shop's books: its own history against topics and tables."""

    def __init__(self, demo: Demo) -> None:
        if demo.shop is None:
            raise RuntimeError("the shop was never opened")
        self._demo = demo
        self._shop = demo.shop
        self._history = History(changes=(), now={}, totals={})

    def drain(self) -> None:
        """Wait until everything the database did is processed and the windows of idle inputs have closed."""
        self._history = History.read(self._shop)
        expected, windows = self._history.counts(), len(self._history.windows())
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline and not (self._has_captured(expected) and self._demo.lag() == 0):
            time.sleep(0.5)
        while time.monotonic() < deadline and len(self._read("revenue_by_customer.v1")) < windows:
            time.sleep(1.0)

    def _read(self, topic: str) -> list[Record]:
        return read_topic(self._demo.brokers, topic)

    def _has_captured(self, expected: Mapping[str, int]) -> bool:
        """All is there; what is there too often, the comparison tells."""
        return all(sum(1 for _ in values_of(self._read(f"cdc.{table}.v1"))) >= expected[table] for table in TABLES)

    def compare(self) -> Findings:
        """Everything that must agree."""
        findings = Findings()
        self._compare_captured(findings)
        self._compare_tables(findings)
        self._compare_outputs(findings)
        self._compare_dead_letters(findings)
        self._compare_ledger(findings)
        return findings

    def _compare_captured(self, findings: Findings) -> None:
        for table in TABLES:
            found = changes_by_id(table, self._read(f"cdc.{table}.v1"))
            what = f"cdc.{table}.v1 holds each change once, each row's in order: {_size(found):,}"
            findings.compare(what, self._history.changes_by_id(table), found)

    def _compare_tables(self, findings: Findings) -> None:
        for table in TABLES:
            rows = {row["row"]["id"]: facts(table, row["row"]) for row in self._demo.rows(table)}
            what = f"table {table} equals the database: {len(rows):,} rows"
            findings.compare(what, self._history.rows(table), rows)
        totals = {row["row"]["customer_id"]: _totals(row["row"]) for row in self._demo.rows("customer_totals")}
        what = f"table customer_totals equals SQL's GROUP BY: {len(totals):,} customers"
        findings.compare(what, self._history.totals, totals)

    def _compare_outputs(self, findings: Findings) -> None:
        users = rows_by_id("users", self._read("users.masked.v1"))
        findings.compare(f"users.masked.v1 holds each valid user once: {_size(users):,}",
                         self._history.masked_users(), users)  # fmt: skip
        products = changes_by_id("products", self._read("products.changes.v1"))
        findings.compare(f"products.changes.v1 holds each change once, in order: {_size(products):,}",
                         self._history.changes_by_id("products"), products)  # fmt: skip
        orders = enriched_by_customer(self._read("orders.enriched.v1"))
        findings.compare(f"orders.enriched.v1 holds each valid change once, in order: {_size(orders):,}",
                         self._history.enriched_orders(), orders)  # fmt: skip
        windows = windows_of(self._read("revenue_by_customer.v1"))
        findings.compare(f"revenue_by_customer.v1 holds each window once, as the history adds up: {len(windows):,}",
                         sorted(self._history.windows().items()), windows)  # fmt: skip
        self._compare_totals_topic(findings)

    def _compare_totals_topic(self, findings: Findings) -> None:
        rows = [(row["customer_id"], _totals(row)) for row in values_of(self._read("customer_totals.v1"))]
        findings.compare("customer_totals.v1 ends with SQL's GROUP BY", self._history.totals, dict(rows))
        counts: dict[int, list[Any]] = {}
        for customer, (count, *_) in rows:
            counts.setdefault(customer, []).append(count)
        grown = {customer: sorted(set(held)) for customer, held in counts.items()}
        findings.compare(f"customer_totals.v1 only ever grows: {len(rows):,}", grown, counts)

    def _compare_dead_letters(self, findings: Findings) -> None:
        for table, pipelines in DEAD.items():
            for pipeline in pipelines:
                topic = f"cdc.{table}.v1-{pipeline}-dlt"
                found = dead_by_id(self._read(topic))
                what = f"{topic} holds each wrong change once: {found.total():,}"
                findings.compare(what, self._history.dead(table), found)

    def _compare_ledger(self, findings: Findings) -> None:
        supervisor = self._demo.supervisor
        ledger: Counter[str] = Counter()
        for status in self._demo.statuses():
            ledger.update(status["ledger"])
        if supervisor is not None and any(supervisor.children[f"worker-{n}"].restarts for n in range(2)):
            findings.lines.append("  --  a worker was restarted: its ledger counts from then on")
            return
        records = {table: len(self._read(f"cdc.{table}.v1")) for table in TABLES}
        readings = sum(records.values()) + records["orders"]  # two pipelines read the orders
        findings.compare(f"ledger: {readings:,} in = {_written(ledger)}", readings, sum(ledger.values()))

    def report(self) -> Iterable[str]:
        """What went in, what came out where, dead letters by reason, a table's top rows."""
        changes = Counter((change.table, change.op) for change in self._history.changes)
        yield "in, by SQL on the history table"
        for table in TABLES:
            ops = ", ".join(f"{count:,} {WORDS[op]}" for (tab, op), count in sorted(changes.items()) if tab == table)
            yield f"  {table:<10} {len(self._history.snapshot_ids(table)):,} in the snapshot, then {ops or 'nothing'}"
        yield "out, committed records"
        for topic in OUTPUTS:
            yield f"  {topic:<26} {len(self._read(topic)):,}"
        reasons: Counter[str] = Counter()
        for status in self._demo.statuses():
            reasons.update(status["reasons"])
        yield f"dead letters: {_written(reasons) or 'none'}"
        yield "customer_totals, the five with most revenue"
        rows = [row["row"] for row in self._demo.rows("customer_totals")]
        for row in sorted(rows, key=lambda row: Decimal(str(row["revenue"])), reverse=True)[:5]:
            average = Decimal(str(row["average"])).quantize(Decimal("0.01"))
            yield f"  customer {row['customer_id']:>5}  {row['orders']:>4} orders  {row['revenue']:>12}  avg {average}"


WORDS = {"c": "INSERT", "u": "UPDATE", "d": "DELETE"}


def _totals(row: Mapping[str, Any]) -> Facts:
    return totals_of(row["orders"], row["revenue"], row["average"], row["last_order"])


def _size(by_key: Mapping[int, Sequence[object]]) -> int:
    return sum(map(len, by_key.values()))


def _written(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
