"""Tables of windows, as tests write them: which records are in each window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from streams.testing import Driver

from ..builders import a_driver, a_plain, a_plain_pipeline, rows_of, send

WINDOWS, LATE = "windows.v1", "late.v1"
Contents = dict[tuple[str, int, int], frozenset[int]]
"""By group, start and end: numbers of the records in it."""


def a_windows(window: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """An aggregate of ``window`` by ``code``: how many records, and which, as the bits of a sum."""
    described = {
        "table": "windows",
        "by": ["code"],
        "window": window,
        "columns": {"n": "count(*)", "which": "sum(amount)", "seen": "list(amount, 50)"},
        "to": WINDOWS,
        "late": LATE,
        **parts,
    }
    return {name: part for name, part in described.items() if part is not None}


def a_windows_driver(
    window: dict[str, Any], *, is_exchanged: bool = False, partitions: int = 1, **parts: Any
) -> Driver:
    """One pipeline with ``a_windows``; ``is_exchanged``: groups meet behind a repartition topic."""
    source = {"key": ["id" if is_exchanged else "code"], "max_future": "3650d"}
    described = a_plain_pipeline(source=source, aggregate=[a_windows(window, **parts)], route=None)
    return a_driver(described, partitions={"cdc.orders.v1": partitions}, start_ms=1_000_000)


def feed(driver: Driver, *records: tuple[str, int, int]) -> Driver:
    """(group, number, time) one after another; a number tells the record from the others of its group."""
    for group, number, at in records:
        send(driver, a_plain(1, at=at, code=group, amount=1 << number, timestamp_ms=0), partition=0)
    return driver


def numbers(which: int) -> frozenset[int]:
    """The bits of a sum."""
    return frozenset(bit for bit in range(which.bit_length()) if which >> bit & 1)


def contents_of(rows: Iterable[dict[str, Any]]) -> Contents:
    """What stands in each window."""
    return {(row["code"], row["window_start"], row["window_end"]): numbers(row["which"]) for row in rows}


def kept(driver: Driver) -> Contents:
    """What the table holds."""
    return contents_of(driver.table("windows").values())


def published(driver: Driver) -> list[tuple[tuple[str, int, int], frozenset[int] | None]]:
    """What was published, in order; ``None`` is a tombstone."""
    records = driver.records(WINDOWS)
    return [(_window(record.key), _numbers(row)) for record, row in zip(records, rows_of(records), strict=True)]


def last_published(driver: Driver) -> Contents:
    """Of each window what was published last, without those that were taken back."""
    return {window: held for window, held in dict(published(driver)).items() if held is not None}


def late(driver: Driver) -> list[int]:
    """Times of late records."""
    return [row["at"] for row in rows_of(driver.records(LATE)) if row]


def _window(key: bytes | None) -> tuple[str, int, int]:
    held = msgspec.json.decode(key or b"")
    return held["code"], held["window_start"], held["window_end"]


def _numbers(row: dict[str, Any] | None) -> frozenset[int] | None:
    return None if row is None else numbers(row["which"])
