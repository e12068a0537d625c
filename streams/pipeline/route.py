"""Route: what is published of each event, and where.

In:   events with their final rows, and the running results of their groups.
Out:  deliveries, in the order of the events; the worker sends them in the open transaction.
Next: streams.pipeline.process (the batch is done)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from streams.errors import RecordTooLargeError
from streams.records import ChangeEvent, Delivery, Operation

from .plan import Aggregation, OnDelete, Plan, Route
from .tables import Aggregated

encode_json = msgspec.json.Encoder(decimal_format="number").encode
"""The published JSON: decimals are exact literals where they are numbers."""


def route_events(events: list[ChangeEvent], plan: Plan, aggregated: Aggregated) -> list[Delivery]:
    """What every route publishes of ``events``, and the late ones of each table with a late topic."""
    publishers = [_publisher(route, plan, aggregated) for route in plan.routes]
    deliveries = []
    for event in events:
        if event.operation is Operation.TRUNCATE:
            continue
        for publish in publishers:
            delivery = publish(event)
            deliveries.append(delivery)
    for aggregation in plan.aggregations:
        if aggregation.late_to is not None:
            deliveries += _late(aggregated.late[aggregation.table], aggregation, aggregation.late_to)
    return deliveries


def _publisher(route: Route, plan: Plan, aggregated: Aggregated) -> Callable[[ChangeEvent], Delivery]:
    to, key_columns, limit = route.to, route.key, plan.limits.record_bytes
    value_of = _value_of(route, aggregated)

    def publish(event: ChangeEvent) -> Delivery:
        row = event.row
        key = encode_json({column: row[column] for column in key_columns}) if key_columns else None
        value = value_of(event)
        if value is not None and len(value) > limit:
            raise RecordTooLargeError(len(value), limit)
        return Delivery(topic=to, key=key, value=value, timestamp_ms=max(event.event_time_ms, 0))

    return publish


def _value_of(route: Route, aggregated: Aggregated) -> Callable[[ChangeEvent], bytes | None]:
    if route.is_envelope:
        return _envelope
    readers = [
        (attachment.name, aggregated.results[attachment.table], attachment.read) for attachment in route.attachments
    ]
    deletes_event = route.on_delete is OnDelete.EVENT

    def value_of(event: ChangeEvent) -> bytes | None:
        row: Mapping[str, object] = event.row
        if event.operation is Operation.DELETE:
            return encode_json({**row, "op": event.operation.name}) if deletes_event else None
        if readers:
            offset = event.record.offset
            row = {
                **row,
                **{name: None if (state := by.get(offset)) is None else read(state) for name, by, read in readers},
            }
        return encode_json(row)

    return value_of


def _envelope(event: ChangeEvent) -> bytes:
    """Debezium's envelope with the final row; ``before`` is as the source sent it, masked."""
    is_delete = event.operation is Operation.DELETE
    return encode_json(
        {
            "before": event.before,
            "after": None if is_delete else event.row,
            "source": event.source,
            "transaction": event.transaction,
            "op": event.operation.value,
            "ts_ms": event.source.get("ts_ms"),
        }
    )


def _late(events: list[ChangeEvent], aggregation: Aggregation, topic: str) -> list[Delivery]:
    """Masked rows that came too late for ``aggregation``, keyed by its group."""
    header = (("__contract.late.table", aggregation.table.encode()),)
    return [
        Delivery(
            topic=topic,
            key=encode_json({column: event.row.get(column) for column in aggregation.by}),
            value=encode_json(event.row),
            timestamp_ms=max(event.event_time_ms, 0),
            headers=header,
        )
        for event in events
    ]
