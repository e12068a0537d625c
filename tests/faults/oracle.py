"""The oracle: what must have come of a source topic, recomputed from it, and what has.

It imports nothing of ``streams``. One for all cases, of pipeline ``w``: published rows, dead letters, the table over
HTTP, stores on the disk against a replay of their changelogs, committed offsets, transactions. Each figure counts what
is wrong, and is zero when the engine is right.
"""

from __future__ import annotations

import json
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import msgspec
from rocksdict import Options, Rdict

from . import kafkalog
from .kafkalog import LogRecord

MINUTE_MS = 60_000
GRACE_MS = 5_000
Place = tuple[int, int]
"""Partition and offset of a record of the source."""
Row = tuple[Any, ...]
"""(id, running count, running sum)."""
Windows = dict[tuple[int, int], tuple[int, Decimal]]
"""By customer and start of the minute, ms: count and sum."""


class Identities(Protocol):
    """A set of (id, lsn)."""

    def __contains__(self, identity: object, /) -> bool: ...

    def add(self, identity: tuple[int, int], /) -> None: ...


@dataclass
class Expected:
    """What a source comes to."""

    published: dict[bytes, list[Row]] = field(default_factory=lambda: defaultdict(list))
    dead: Counter[Place] = field(default_factory=Counter)
    windows: Windows = field(default_factory=dict)
    below: set[int] = field(default_factory=set)
    """Orders whose first record stands below the committed offset."""
    late: int = 0
    seen: Identities = field(default_factory=set)
    newest: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By partition its latest event time, ms."""


def recompute(records: Iterable[LogRecord], committed: Mapping[int, int], so_far: Expected | None = None) -> Expected:
    """What pipeline ``w`` makes of a source topic, partition by partition; ``so_far`` takes what comes next."""
    wanted = so_far or Expected()
    for record in records:
        row = read_order(record)
        if record.value is None:
            continue  # a tombstone says nothing of an order, and is nobody's fault
        if row is None:
            wanted.dead[record.partition, record.offset] += 1
            continue
        newest_ms = wanted.newest[record.partition] = max(wanted.newest[record.partition], row["created_at"])
        if (row["id"], row["lsn"]) in wanted.seen:
            continue
        wanted.seen.add((row["id"], row["lsn"]))
        if record.offset < committed.get(record.partition, 0):
            wanted.below.add(row["id"])
        _count(wanted, record.key or b"", row, newest_ms)
    return wanted


def _count(wanted: Expected, key: bytes, row: Mapping[str, Any], newest_ms: int) -> None:
    start_ms = row["created_at"] // MINUTE_MS * MINUTE_MS
    if start_ms + MINUTE_MS + GRACE_MS <= newest_ms:
        wanted.late += 1
        wanted.published[key].append((row["id"], None, None))
        return
    window = row["customer_id"], start_ms
    count, total = wanted.windows.get(window, (0, Decimal(0)))
    wanted.windows[window] = count + 1, total + row["amount"]
    wanted.published[key].append((row["id"], *wanted.windows[window]))


def read_order(record: LogRecord) -> dict[str, Any] | None:
    """The row of an order that honours its contract; ``None`` for one that does not, or that is nothing at all."""
    try:
        row = json.loads(record.value or b"", parse_float=Decimal)["after"]
        is_valid = "@" in row["email"] and isinstance(row["amount"], int | Decimal) and record.key is not None
    except (ValueError, TypeError, KeyError):
        return None
    return {**row, "amount": Decimal(row["amount"])} if is_valid else None


def read_published(records: Iterable[LogRecord]) -> dict[bytes, list[Row]]:
    """By key what pipeline ``w`` published, in order."""
    found: dict[bytes, list[Row]] = defaultdict(list)
    for record in records:
        row = json.loads(record.value or b"", parse_float=Decimal)
        total = row["running_revenue"]
        found[record.key or b""].append((row["id"], row["running_orders"], None if total is None else Decimal(total)))
    return found


def read_dead(records: Iterable[LogRecord]) -> Counter[Place]:
    """Whence dead letters came, and how often."""
    names = ("__connect.errors.partition", "__connect.errors.offset")
    return Counter((int(record.headers[names[0]]), int(record.headers[names[1]])) for record in records)


def compare_published(wanted: Expected, found: Mapping[bytes, list[Row]]) -> dict[str, int]:
    """Lost, repeated, out of order, wrong."""
    ids = Counter(row[0] for rows in found.values() for row in rows)
    all_wanted = {row[0] for rows in wanted.published.values() for row in rows}
    return {
        "lost": len(all_wanted - ids.keys()),
        "lost below the committed offset": len(wanted.below - ids.keys()),
        "duplicated": ids.total() - len(ids),
        "unexpected": len(ids.keys() - all_wanted),
        "out of order": sum(_inversions(wanted.published.get(key, []), rows) for key, rows in found.items()),
        "wrong values": sum(_wrong(wanted.published.get(key, []), rows) for key, rows in found.items()),
    }


def _inversions(wanted: list[Row], found: list[Row]) -> int:
    """Rows that came behind one that they stand before."""
    place = {row[0]: number for number, row in enumerate(wanted)}
    order = [place[row[0]] for row in found if row[0] in place]
    newest, count = -1, 0
    for number in order:
        count += number < newest
        newest = max(newest, number)
    return count


def _wrong(wanted: list[Row], found: list[Row]) -> int:
    values = {row[0]: row for row in wanted}
    return sum(row[0] in values and values[row[0]] != row for row in found)


def compare_dead(wanted: Counter[Place], found: Counter[Place]) -> dict[str, int]:
    """Each record that cannot go on is a dead letter once."""
    return {"dead letters lost": (wanted - found).total(), "dead letters too many": (found - wanted).total()}


def compare_windows(wanted: Windows, rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The table as workers tell it, against the recomputation."""
    found = {
        (row["key"][0], row["window"][0]): (row["row"]["orders"], Decimal(str(row["row"]["revenue"])))
        for row in rows
    }
    return {"table rows wrong": sum(wanted.get(at) != found.get(at) for at in wanted.keys() | found.keys())}


# -- stores on the disk, against their changelogs

MARKER, EMPTIED, PACK, BODY = b"\0marker", b"\0emptied", b"\0pack", b"\0body"


def replay_changelog(records: Iterable[LogRecord], short_name: str) -> dict[int, dict[bytes, bytes]]:
    """By partition what a store must hold of a changelog."""
    stores: dict[int, dict[bytes, bytes]] = defaultdict(dict)
    space = short_name.encode() + b"\0"
    for record in records:
        store, key = stores[record.partition], record.key or b""
        if key == EMPTIED:
            store.clear()
        elif key != MARKER:
            for name, value in _entries(key, record.value):
                store[space + name] = value
                if value is None:
                    del store[space + name]
    return stores


def _entries(key: bytes, value: bytes | None) -> Iterator[tuple[bytes, Any]]:
    """A pack whose identities have serials stays as it is; else each stands for itself. Beside them what it is of."""
    if not key.startswith(PACK):
        yield key, value
        return
    body = BODY + key.removeprefix(PACK)
    if value is None:
        yield from ((key, None), (body, None))
        return
    prefix, times, span = msgspec.msgpack.decode(value)
    if span is None:
        yield from ((prefix + name, struct.pack(">q", expires_ms)) for name, expires_ms in times)
    else:
        yield body, value
    yield key, msgspec.msgpack.encode([max(expires_ms for _, expires_ms in times), span])


def read_store(folder: Path) -> dict[bytes, bytes]:
    """All entries of a store that nobody has open, its marker left out."""
    held = Rdict(str(folder), Options(raw_mode=True))
    try:
        return {bytes(key): bytes(value) for key, value in held.items() if bytes(key) != MARKER}  # type: ignore[arg-type]
    finally:
        held.close()


def compare_store(folder: Path, wanted: Mapping[bytes, bytes]) -> int:
    """Entries in which a store is not what its changelogs say."""
    found = read_store(folder)
    return sum(wanted.get(key) != found.get(key) for key in wanted.keys() | found.keys())


# -- all of it


@dataclass(frozen=True, kw_only=True)
class Topics:
    """Where a run of pipeline ``w`` is to be looked at."""

    brokers: str
    group: str
    source: str
    published: str
    dead: str
    changelogs: Mapping[str, str]
    """Topic by short name."""


def judge(topics: Topics) -> dict[str, int]:
    """Every figure that Kafka alone tells; all zero when the engine is right and everything has been processed."""
    brokers = topics.brokers
    committed = kafkalog.committed(brokers, topics.group, topics.source)
    wanted = recompute(kafkalog.read_log(brokers, topics.source), committed)
    ends = kafkalog.ends(brokers, topics.source, isolation="read_committed")
    outputs = (topics.published, topics.dead, *topics.changelogs.values())
    return {
        "late": wanted.late,
        **compare_published(wanted, read_published(kafkalog.read_log(brokers, topics.published))),
        **compare_dead(wanted.dead, read_dead(kafkalog.read_log(brokers, topics.dead))),
        "not processed": sum(ends[number] - committed[number] for number in ends),
        "in hanging transactions": sum(kafkalog.hanging(brokers, topic) for topic in outputs),
    }
