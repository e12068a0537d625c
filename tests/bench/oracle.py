"""The oracle: what must become of a workload, recomputed from its topics. It imports nothing of ``streams``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

Record = tuple[int, bytes | None, bytes | None]
"""(partition, key, value)."""
Published = dict[bytes, list[tuple[Any, ...]]]
"""By key what is published, in order; W: (id, running count, running sum), W3: (id, amount, country, tier)."""
Totals = dict[tuple[int, int], tuple[int, Decimal]]
"""By product and start of the minute: count and sum."""

MINUTE_MS = 60_000
GRACE_MS = 5_000
PRODUCTS = 1_000


class Order(NamedTuple):
    """An order that counts."""

    key: bytes
    row: dict[str, Any]


def count_dead(records: Iterable[Record]) -> int:
    """How many orders break their contract, duplicates of them included."""
    return sum(not _is_valid(_row(value)) for _, _, value in records)


def orders(records: Iterable[Record]) -> Iterator[Order]:
    """The valid orders, each once, partition by partition; raises ``ValueError`` where one is late for its window."""
    seen: set[tuple[int, int]] = set()
    newest: dict[int, int] = defaultdict(int)
    for partition, key, value in records:
        row = _row(value)
        if not _is_valid(row):
            continue
        newest[partition] = max(newest[partition], row["created_at"])
        if (row["id"], row["lsn"]) in seen:
            continue
        seen.add((row["id"], row["lsn"]))
        if (row["created_at"] // MINUTE_MS + 1) * MINUTE_MS + GRACE_MS <= newest[partition]:
            raise ValueError("workload W has no late events: its disorder is below the grace")
        yield Order(key or b"", row)


def _row(value: bytes | None) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(value or b"", parse_float=Decimal)["after"]
    return row


def _is_valid(row: dict[str, Any]) -> bool:
    return "@" in row["email"] and not isinstance(row["amount"], str)


def expected(records: Iterable[Record]) -> tuple[Published, int]:
    """(what W must publish, number of dead letters) for what a source topic holds, partition by partition."""
    held = list(records)
    windows: dict[tuple[int, int], tuple[int, Decimal]] = {}
    published: Published = defaultdict(list)
    for key, row in orders(held):
        window = row["customer_id"], row["created_at"] // MINUTE_MS
        count, total = windows.get(window, (0, Decimal(0)))
        windows[window] = (count + 1, total + row["amount"])
        published[key].append((row["id"], *windows[window]))
    return dict(published), count_dead(held)


def published(records: Iterable[Record]) -> Published:
    """What W published."""
    return _by_key(records, ("id", "running_orders", "running_revenue"))


def expected_totals(records: Iterable[Record]) -> Totals:
    """What W2 must have published last of each product and minute."""
    totals: Totals = {}
    for _, row in orders(records):
        group = row["id"] % PRODUCTS, row["created_at"] // MINUTE_MS * MINUTE_MS
        count, total = totals.get(group, (0, Decimal(0)))
        totals[group] = count + 1, total + row["amount"]
    return totals


def published_totals(records: Iterable[Record]) -> Totals:
    """What W2 published last of each product and minute."""
    rows = (json.loads(value or b"", parse_float=Decimal) for _, _, value in records)
    return {(row["product"], row["window_start"]): (row["orders"], row["revenue"]) for row in rows}


def differing_totals(wanted: Totals, found: Totals) -> dict[str, int]:
    """Totals that are not there, not right, or of nothing; all zero when the engine is right."""
    return {
        "totals lost": len(wanted.keys() - found.keys()),
        "totals unexpected": len(found.keys() - wanted.keys()),
        "totals wrong": sum(found[group] != total for group, total in wanted.items() if group in found),
    }


def expected_joined(records: Iterable[Record], users: Iterable[Record]) -> Published:
    """What W3 must publish, for users who are all there before the first order."""
    rows = {row["customer_id"]: (row["country"], row["tier"]) for row in (_row(value) for _, _, value in users)}
    published: Published = defaultdict(list)
    for key, row in orders(records):
        published[key].append((row["id"], row["amount"], *rows[row["customer_id"]]))
    return dict(published)


def published_joined(records: Iterable[Record]) -> Published:
    """What W3 published."""
    return _by_key(records, ("id", "amount", "country", "tier"))


def _by_key(records: Iterable[Record], columns: tuple[str, ...]) -> Published:
    found: Published = defaultdict(list)
    for _, key, value in records:
        row = json.loads(value or b"", parse_float=Decimal)
        found[key or b""].append(tuple([row[column] for column in columns]))
    return dict(found)


def differences(wanted: Published, found: Published) -> dict[str, int]:
    """Lost, duplicated and otherwise wrong results; all zero when the engine is right."""
    ids_wanted = {entry[0] for entries in wanted.values() for entry in entries}
    ids_found = [entry[0] for entries in found.values() for entry in entries]
    known = set(ids_found)
    return {
        "lost": len(ids_wanted - known),
        "duplicated": len(ids_found) - len(known),
        "unexpected": len(known - ids_wanted),
        "keys with other values or another order": sum(found.get(key) != held for key, held in wanted.items()),
    }
