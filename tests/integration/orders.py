"""Orders for the workers, and what must become of them: a recomputation that imports nothing of ``streams``."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

MINUTE_MS = 60_000
BASE_MS = 1_700_000_000_000 - 1_700_000_000_000 % MINUTE_MS


def orders(count: int, *, first: int = 0, customers: int = 500, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Debezium inserts of 1 ms event time each; every tenth is followed by an exact duplicate, every 50th invalid."""
    chance = random.Random(seed * 1_000_003 + first)
    for number in range(first, first + count):
        customer = chance.randrange(customers)
        amount: object = f"@{chance.randrange(1, 99_999)}@"
        row = {
            "id": number + 1,
            "customer_id": customer,
            "email": f"c{customer}@example.com",
            "amount": amount,
            "status": "new",
            "created_at": BASE_MS + number,
            "lsn": number + 1,
        }
        if number % 50 == 49:
            row["email"] = "nobody"
        source = {"name": "shop", "ts_ms": BASE_MS + number, "lsn": number + 1, "txId": number}
        text = json.dumps({"before": None, "after": row, "source": source, "op": "c", "ts_ms": BASE_MS + number})
        cents = int(str(amount).strip("@"))
        text = text.replace(f'"{amount}"', f"{cents // 100}.{cents % 100:02}")
        record = {"key": json.dumps({"customer_id": customer}, separators=(",", ":")), "value": text}
        yield record
        if number % 10 == 0:
            yield record


def expected(records: Iterable[tuple[int, bytes | None, bytes | None]]) -> tuple[dict[bytes, list[Any]], int]:
    """(by key the published (id, count, sum) in order, number of dead letters) for what a source topic holds."""
    seen: set[tuple[int, int]] = set()
    windows: dict[tuple[int, int], tuple[int, Decimal]] = {}
    published: dict[bytes, list[Any]] = defaultdict(list)
    dead = 0
    for _, key, value in records:
        row = json.loads(value or b"", parse_float=Decimal)["after"]
        if "@" not in row["email"]:
            dead += 1
            continue
        if (row["id"], row["lsn"]) in seen:
            continue
        seen.add((row["id"], row["lsn"]))
        place = (row["customer_id"], row["created_at"] // MINUTE_MS)
        count, total = windows.get(place, (0, Decimal(0)))
        windows[place] = (count + 1, total + row["amount"])
        published[key or b""].append((row["id"], *windows[place]))
    return dict(published), dead


def published(records: Iterable[tuple[int, bytes | None, bytes | None]]) -> dict[bytes, list[Any]]:
    """By key what the workers published: (id, running count, running sum), in order."""
    found: dict[bytes, list[Any]] = defaultdict(list)
    for _, key, value in records:
        row = json.loads(value or b"", parse_float=Decimal)
        found[key or b""].append((row["id"], row["running_orders"], row["running_revenue"]))
    return dict(found)
