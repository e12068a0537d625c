"""Two streams of plain rows: orders, and the payments that lie within a time of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from streams.records import SourceRecord
from streams.testing import Driver

from ..builders import OUT, a_driver, a_plain, a_plain_pipeline, rows_of

PAYMENTS = "cdc.payments.v1"
JOIN = {"type": "interval", "with": "payments", "by": ["customer_id"], "columns": {"code": "paid_by", "id": "paid"}}
KEYED = {"source": {"key": ["customer_id"]}}
APART = {"source": {"key": ["id"]}}
"""The plan believes that the topic is partitioned by that, and lets both sides meet in a stage."""

Pipeline = Mapping[str, Any]


def payments(**parts: Any) -> Pipeline:
    source = {**KEYED["source"], "topic": PAYMENTS, **parts.pop("source", {})}
    return a_plain_pipeline(name="payments", source=source, route=[{"to": "payments.v1"}], **parts)


def orders(join: Mapping[str, object] | None = None, *, is_apart: bool = False, **parts: Any) -> Pipeline:
    """``join``: its own parts, in place of ``within: 100ms`` and what is there without."""
    reach = {} if join and {"before", "after"} & join.keys() else {"within": "100ms"}
    held = {**JOIN, **reach, **(join or {})}
    source = {**(APART if is_apart else KEYED)["source"], **parts.pop("source", {})}
    return a_plain_pipeline(source=source, join=[held], **parts)


def joined(join: Mapping[str, object] | None = None, **options: Any) -> Driver:
    parts = {name: options.pop(name) for name in ("is_apart",) if name in options}
    return a_driver(orders(join, **parts), payments(), **options)


def an_order(id: int, at: int, customer: object = 7, **more: Any) -> SourceRecord:
    return a_plain(id, at=at, timestamp_ms=max(at, 0), customer_id=customer, **more)


def a_payment(id: int, at: int, customer: object = 7, **more: Any) -> SourceRecord:
    return replace(an_order(id, at, customer, **more), topic=PAYMENTS)


def told(driver: Driver) -> list[tuple[int, object]]:
    """(order, payment) as published; the payment of one that has found none is ``None``."""
    return [(row["id"], row["paid"]) for row in rows_of(driver.records(OUT)) if row is not None]
