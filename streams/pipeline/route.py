"""Route: what is published of each event, and where.

In:   events with their final rows, and the running results of their groups.
Out:  deliveries, for each route in the order of the events; the worker sends them in the open transaction.
Next: streams.pipeline.process (the batch is done)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from streams.errors import RecordTooLargeError
from streams.records import ChangeEvent, Delivery, Operation, Row

from .outputs import OnDelete, Route
from .plan import Accumulator, Aggregation, Plan
from .tables import Aggregated, Results, RowChange
from .views import events_of_route, rows_before

encode_json = msgspec.json.Encoder(decimal_format="number").encode
"""The published JSON: decimals are exact literals where they are numbers."""
DELETE, TRUNCATE = Operation.DELETE, Operation.TRUNCATE


def route_events(
    events: list[ChangeEvent], plan: Plan, aggregated: Aggregated, changes: Iterable[RowChange] = ()
) -> list[Delivery]:
    """What every route publishes of ``events``, and the late ones of each table with a late topic.

    ``changes``: what the rows of events were before, for routes of which rows can be members.
    """
    present = [event for event in events if event.operation is not TRUNCATE]
    deliveries: list[Delivery] = []
    before = rows_before(changes) if any(route.follows_rows for route in plan.routes) else {}
    for route in plan.routes:
        seen = present if route.condition is None else events_of_route(present, route, before)
        deliveries += map(_publisher(route, plan, aggregated), seen)
    for aggregation in plan.judged:
        if aggregation.late_to is not None:
            deliveries += _late(aggregated.late[aggregation.table], aggregation, aggregation.late_to)
    return deliveries


def _publisher(route: Route, plan: Plan, aggregated: Aggregated) -> Callable[[ChangeEvent], Delivery]:
    to, limit = route.to, plan.limits.record_bytes
    key_of, value_of = _key_of(route.key), _value_of(route, aggregated)

    def publish(event: ChangeEvent) -> Delivery:
        key, value, time_ms = key_of(event.row), value_of(event), event.event_time_ms
        if value is not None and (size := len(value) + len(key or b"")) > limit:
            raise RecordTooLargeError(size, limit)
        return Delivery(topic=to, key=key, value=value, timestamp_ms=time_ms if time_ms > 0 else 0)

    return publish


def _key_of(columns: tuple[str, ...]) -> Callable[[Row], bytes | None]:
    """The published key: a JSON object of the key columns."""
    match columns:
        case ():
            return lambda row: None
        case (only,):
            return lambda row: encode_json({only: row[only]})
        case _:
            return lambda row: encode_json({column: row[column] for column in columns})


def _value_of(route: Route, aggregated: Aggregated) -> Callable[[ChangeEvent], bytes | None]:
    if route.is_envelope:
        return _envelope
    attachments = _by_table(route, aggregated)
    deletes_event = route.on_delete is OnDelete.EVENT

    def value_of(event: ChangeEvent) -> bytes | None:
        row: Row = event.row
        if event.operation is DELETE:
            return encode_json({**row, "op": event.operation.name}) if deletes_event else None
        if not attachments:
            return encode_json(row)
        whole, offset = {**row}, event.record.offset
        for results, held in attachments:
            state = results.get(offset)
            for name, read in held:  # null where it came too late for its window
                whole[name] = None if state is None else read(state)
        return encode_json(whole)

    return value_of


Attachments = list[tuple[Results, list[tuple[str, Callable[[Accumulator], object]]]]]
"""By table: its results, and what of them a route adds under which name."""


def _by_table(route: Route, aggregated: Aggregated) -> Attachments:
    tables = dict.fromkeys(held.table for held in route.attachments)
    return [
        (aggregated.results[table], [(held.name, held.read) for held in route.attachments if held.table == table])
        for table in tables
    ]


def _envelope(event: ChangeEvent) -> bytes:
    """Debezium's envelope with the final row; ``before`` is as the source sent it, masked."""
    is_delete = event.operation is DELETE
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
