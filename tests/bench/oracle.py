"""The oracle: what must become of workload W, recomputed from the source topic. It imports nothing of ``streams``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

Record = tuple[int, bytes | None, bytes | None]
"""(partition, key, value)."""
Published = dict[bytes, list[tuple[int, int, Decimal]]]
"""By key what is published, in order: (id, running count, running sum)."""

MINUTE_MS = 60_000
GRACE_MS = 5_000


def expected(records: Iterable[Record]) -> tuple[Published, int]:
    """(what must be published, number of dead letters) for what a source topic holds, partition by partition."""
    seen: set[tuple[int, int]] = set()
    windows: dict[tuple[int, int], tuple[int, Decimal]] = {}
    newest: dict[int, int] = defaultdict(int)
    published: Published = defaultdict(list)
    dead = 0
    for partition, key, value in records:
        row = json.loads(value or b"", parse_float=Decimal)["after"]
        if "@" not in row["email"] or isinstance(row["amount"], str):
            dead += 1
            continue
        time_ms = row["created_at"]
        newest[partition] = max(newest[partition], time_ms)
        if (row["id"], row["lsn"]) in seen:
            continue
        seen.add((row["id"], row["lsn"]))
        minute = time_ms // MINUTE_MS
        if (minute + 1) * MINUTE_MS + GRACE_MS <= newest[partition]:
            raise ValueError("workload W has no late events: its disorder is below the grace")
        count, total = windows.get((row["customer_id"], minute), (0, Decimal(0)))
        windows[row["customer_id"], minute] = (count + 1, total + row["amount"])
        published[key or b""].append((row["id"], *windows[row["customer_id"], minute]))
    return dict(published), dead


def published(records: Iterable[Record]) -> Published:
    """What was published."""
    found: Published = defaultdict(list)
    for _, key, value in records:
        row = json.loads(value or b"", parse_float=Decimal)
        found[key or b""].append((row["id"], row["running_orders"], row["running_revenue"]))
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
