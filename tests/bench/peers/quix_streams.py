"""Quix Streams as a peer: ``python -m tests.bench.peers.quix_streams FOLDER``.

One stateful ``apply`` does all that needs state: it costs two thirds of the windowing operator, which gives sums
without the order that changed them. Identities are set with ``ttl``, as its documentation has deduplication.
Tuned: exactly once, bytes in and out, event time from the decoded row, msgspec where Quix would take its own JSON,
larger fetches, librdkafka polled without pauses, cyclic garbage frozen and collected rarely, commits at its default of
5 s.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from quixstreams import Application, State
from quixstreams.models import BytesSerializer, Deserializer, SerializationContext

from .work import (
    DAY_MS,
    GRACE_MS,
    MINUTE_MS,
    Place,
    Row,
    calm_collector,
    read_place,
    read_row,
    say_begins,
    window_start,
    write_result,
)

KEEP = timedelta(milliseconds=DAY_MS)
Totals = dict[int, tuple[int, Decimal]]
"""By start of the minute: count and sum."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Totals).decode


class RowDeserializer(Deserializer):
    """The row, or the bytes that hold no valid one."""

    begun = False

    def __call__(self, value: bytes, ctx: SerializationContext) -> Row | bytes:
        if not self.begun:
            say_begins()
            self.begun = True
        row = read_row(value)
        return value if row is None else row


def event_time(value: Row | bytes, headers: Any, timestamp: float, kind: Any) -> int:
    """When the order was made."""
    return timestamp if type(value) is bytes else value["created_at"]


def publish(row: Row, state: State) -> bytes | None:
    """What becomes of a valid order; ``None`` of one that was there before, or is late."""
    identity = f"{row['id']}-{row['lsn']}"
    if state.get_bytes(identity) is not None:
        return None
    state.set_bytes(identity, b"1", ttl=KEEP)
    held = state.get_bytes("totals")
    totals = _unpack(held) if held else {}
    start, newest = window_start(row), max(totals, default=0)
    if start + MINUTE_MS + GRACE_MS <= newest:
        return None
    orders, revenue = totals.get(start, (0, Decimal(0)))
    totals[start] = total = orders + 1, revenue + row["amount"]
    state.set_bytes("totals", _pack({open_: held for open_, held in totals.items() if open_ > newest - 2 * MINUTE_MS}))
    return write_result(row, *total)


def application(place: Place) -> Application:
    """The whole of it."""
    app = Application(
        broker_address=place.brokers,
        consumer_group=place.app,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=place.options.get("commit_s", 5.0),
        state_dir=f"{place.folder}/state",
        consumer_extra_config={"fetch.queue.backoff.ms": 1, "queued.max.messages.kbytes": 16_384},
        producer_extra_config={"linger.ms": 5, "batch.size": 1 << 20},
        loglevel="WARNING",
    )
    orders = app.topic(place.orders, value_deserializer=RowDeserializer(), timestamp_extractor=event_time)
    out, dead = (app.topic(name, value_serializer=BytesSerializer()) for name in (place.out, place.dead))
    rows = app.dataframe(orders)
    rows.filter(lambda value: type(value) is bytes).to_topic(dead)
    valid = rows.filter(lambda value: type(value) is dict)
    valid.apply(publish, stateful=True).filter(lambda value: value is not None).to_topic(out)
    return app


if __name__ == "__main__":
    calm_collector()
    application(read_place()).run()
