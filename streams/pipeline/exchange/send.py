"""Exchange: events whose groups live in other tasks travel there.

In:   events with their final rows, the watermark as each found it, and what became of each row.
Out:  a delivery for each, under its group's key; events late for an exchanged table are counted, and told apart.
Next: streams.pipeline.route

Whether an event is late is decided here, by the watermark of its own partition, and nowhere later: where events of
several partitions come together an uneven backlog would make those of the slower ones late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streams.errors import RecordTooLargeError
from streams.ledger import Ledger
from streams.records import ROW_CHANGES, ChangeEvent, Delivery

from ..plan import Plan
from ..tables import RowChange
from ..windows.kinds import Windows
from .combine import send_combined
from .plan import Exchange
from .wire import carrier, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What a batch sends to other tasks."""

    deliveries: list[Delivery] = field(default_factory=list)
    late: Mapping[str, list[ChangeEvent]] = field(default_factory=dict)
    """By table: events whose window had closed upstream."""


def exchange_events(
    events: list[ChangeEvent], rows: list[RowChange], plan: Plan, clock: Mapping[int, int], ledger: Ledger
) -> Exchanged:
    """Send each change to where its groups live, and what became of ``rows``, through every exchange of ``plan``."""
    if not plan.exchanges:
        return Exchanged()
    changes = [event for event in events if event.operation in ROW_CHANGES]
    deliveries: list[Delivery] = []
    late: dict[str, list[ChangeEvent]] = {}
    for exchange in plan.exchanges:
        late |= {aggregation.table: [] for aggregation in exchange.aggregations}
        limit = plan.limits.record_bytes
        deliveries += _send(changes, exchange, clock, late, limit)
        deliveries += send_combined(changes, rows, exchange, clock, late, limit)
    for table, found in late.items():
        if found:
            ledger.late_by_table[table] += len(found)
    return Exchanged(deliveries=deliveries, late=late)


def _send(
    events: list[ChangeEvent], exchange: Exchange, clock: Mapping[int, int], late: dict[str, list[ChangeEvent]],
    limit: int,
) -> list[Delivery]:  # fmt: skip
    to, key_of, carry = exchange.topic, exchange.key, carrier(exchange.needs)
    windowed, tables = [(held.table, held.windows) for held in exchange.carried if held.windows], len(exchange.carried)
    deliveries = []
    for event in events if tables else ():
        clock_ms, time_ms = clock[event.record.offset], event.event_time_ms
        late_for = _late_for(windowed, time_ms, clock_ms) if windowed else ()
        for table in late_for:
            late[table].append(event)
        if len(late_for) == tables:
            continue
        key, value = key_of(event), encode(carry(event, clock_ms, late_for))
        if (size := len(key) + len(value)) > limit:
            raise RecordTooLargeError(size, limit)
        deliveries.append(Delivery(topic=to, key=key, value=value, timestamp_ms=time_ms if time_ms > 0 else 0))
    return deliveries


def _late_for(windowed: Iterable[tuple[str, Windows]], time_ms: int, clock_ms: int) -> tuple[str, ...]:
    return tuple([table for table, windows in windowed if windows.closes_ms(time_ms) <= clock_ms])
