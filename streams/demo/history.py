"""History: what the database says must come out. Its own triggers and its own SQL, nothing of capture or engine."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .shop import STATUSES, TABLES, Shop

WINDOW_MS = 10_000
VAT = Decimal("1.19")
COLUMNS = {
    "users": ("name", "age", "created_at"),
    "products": ("sku", "name", "price", "created_at"),
    "orders": ("customer_id", "product_id", "amount", "status", "note", "created_at", "updated_at"),
}
"""What is compared of a row: columns that no mask touches."""
LETTERS = {"INSERT": "c", "UPDATE": "u", "DELETE": "d"}
TOTALS = """
SELECT (row->>'customer_id')::bigint, count(*), sum((row->>'amount')::numeric), avg((row->>'amount')::numeric),
       max((row->>'created_at')::timestamptz)
FROM history WHERE tab = 'orders' AND op = 'INSERT' AND row->>'status' = ANY(%s) GROUP BY 1
"""

Row = Mapping[str, Any]
Facts = tuple[object, ...]
Window = tuple[int, Decimal, Decimal]
"""(orders, revenue, biggest)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the history table."""

    table: str
    op: str
    """Debezium's letter."""
    id: int
    row: Row
    """After the change; before a delete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that happened, the tables as they are, and the totals that SQL makes of it."""

    changes: tuple[Change, ...]
    now: Mapping[str, Mapping[int, Row]]
    totals: Mapping[int, Facts]
    """By customer: orders, revenue, average, last order."""

    @classmethod
    def read(cls, shop: Shop) -> History:
        """All of it in one transaction."""
        now: dict[str, dict[int, Row]] = {}
        with shop.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT tab, op, id, row::text FROM history ORDER BY seq")
            changes = tuple(
                Change(table=table, op=LETTERS[op], id=number, row=loads(row))
                for table, op, number, row in cursor.fetchall()
            )
            for table in TABLES:
                cursor.execute(f"SELECT id, to_jsonb(t)::text FROM {table} t")
                now[table] = {number: loads(row) for number, row in cursor.fetchall()}
            cursor.execute(TOTALS, (list(STATUSES),))
            totals = {customer: totals_of(*rest) for customer, *rest in cursor.fetchall()}
        connection.close()
        return cls(changes=changes, now=now, totals=totals)

    def snapshot_ids(self, table: str) -> set[int]:
        """Rows that were there before the history began."""
        born = {change.id for change in self.changes if change.table == table and change.op == "c"}
        gone = {change.id for change in self.changes if change.table == table and change.op == "d"}
        return (set(self.now[table]) | gone) - born

    def counts(self) -> Mapping[str, int]:
        """How many changes and rows of the snapshot each table has."""
        counts = Counter(change.table for change in self.changes)
        return {table: counts[table] + len(self.snapshot_ids(table)) for table in TABLES}

    def changes_by_id(self, table: str) -> dict[int, list[Facts]]:
        """(op, facts) of every change, in order; what a row was in the snapshot, the history does not tell."""
        found: dict[int, list[Facts]] = {number: [("r",)] for number in self.snapshot_ids(table)}
        for change in self._of(table):
            found.setdefault(change.id, []).append((change.op, *facts(table, change.row)))
        return found

    def rows(self, table: str) -> dict[int, Facts]:
        """The valid rows of a table as it is."""
        return {number: facts(table, row) for number, row in self.now[table].items() if is_valid(table, row)}

    def masked_users(self) -> dict[int, list[Facts]]:
        """Users are only ever inserted, so a row of the snapshot is the row of now."""
        rows = self.now["users"].items()
        return {number: [facts("users", row)] for number, row in rows if is_valid("users", row)}

    def enriched_orders(self) -> dict[int, list[Facts | None]]:
        """By customer, in order: a row with its gross amount for each valid change, ``None`` for each delete."""
        found: dict[int, list[Facts | None]] = defaultdict(list)
        for change in self._of("orders"):
            if is_valid("orders", change.row):
                row = None if change.op == "d" else enriched_facts(change.row, gross(change.row["amount"]))
                found[change.row["customer_id"]].append(row)
        return dict(found)

    def dead(self, table: str) -> Counter[int]:
        """How often a row was wrong when it was told: by the snapshot, and by each change."""
        told = [(change.id, change.row) for change in self._of(table)]
        told += [(number, self.now[table][number]) for number in self.snapshot_ids(table) & self.now[table].keys()]
        return Counter(number for number, row in told if not is_valid(table, row))

    def windows(self) -> dict[tuple[int, int], Window]:
        """By customer and start."""
        windows: dict[tuple[int, int], Window] = {}
        for change in self._of("orders"):
            if change.op == "c" and is_valid("orders", change.row):
                moment_ms = int(datetime.fromisoformat(change.row["created_at"]).timestamp() * 1000)
                key = (change.row["customer_id"], moment_ms - moment_ms % WINDOW_MS)
                count, total, biggest = windows.get(key, (0, Decimal(0), Decimal(0)))
                amount = Decimal(change.row["amount"])
                windows[key] = (count + 1, total + amount, max(biggest, amount))
        return windows

    def _of(self, table: str) -> Iterable[Change]:
        return (change for change in self.changes if change.table == table)


def is_valid(table: str, row: Row) -> bool:
    """The generator's own knowledge of which rows are wrong, apart from the contracts."""
    if table == "users":
        return "@" in str(row["email"])
    return table != "orders" or row["status"] in STATUSES


def facts(table: str, row: Row) -> Facts:
    """What is compared of a row; times as instants, decimals as their text."""
    return tuple(_instant(row[name]) if name.endswith("_at") else _text(row[name]) for name in COLUMNS[table])


def enriched_facts(row: Row, amount_gross: object) -> Facts:
    """The same of an enriched order, with its id."""
    return (row["id"], *facts("orders", row), str(amount_gross))


def gross(amount: str) -> Decimal:
    """With value added tax, to the cent."""
    return (Decimal(amount) * VAT).quantize(Decimal("0.01"), ROUND_HALF_UP)


def totals_of(orders: int, revenue: object, average: object, last_order: str | datetime) -> Facts:
    """A customer's totals; the average to a hundredth of a cent."""
    return orders, Decimal(str(revenue)), Decimal(str(average)).quantize(Decimal("0.0001")), _instant(last_order)


def loads(text: str | bytes) -> dict[str, Any]:
    """JSON whose numbers with a point stay as they are written."""
    loaded: dict[str, Any] = json.loads(text, parse_float=str)
    return loaded


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _instant(value: str | datetime) -> datetime:
    return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)
