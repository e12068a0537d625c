"""Stock Faust as a peer: ``python -m tests.bench.peers.stock_faust FOLDER``.

One agent and two tables on RocksDB. At least once: its ``exactly_once`` sends what goes to topics that the worker does
not read outside of any transaction. Plain tables, not windowed ones: those expire by the wall clock, so they would lose
events that are older than a window; nothing expires here, which is less work than was asked for. Tuned: bytes in, out
and in tables, no standbys, no leader topic, ``send_soon`` where the documentation has ``await send``, larger buffers,
commits at the default of 2.8 s, debug records of its log not even made, cyclic garbage frozen and collected rarely.
"""

from __future__ import annotations

import logging
import struct
import sys
from decimal import Decimal

import faust

from .work import Place, Row, calm_collector, read_place, read_row, say_begins, window_start, write_result

_identity = struct.Struct(">qq").pack
_window = struct.Struct(">qq").pack


def application(place: Place) -> faust.App:
    """The whole of it."""
    app = faust.App(
        place.app,
        broker=f"kafka://{place.brokers}",
        store="rocksdb://",
        datadir=f"{place.folder}/state",
        topic_partitions=4,
        topic_replication_factor=1,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        producer_linger_ms=5,
        producer_max_batch_size=1 << 18,
        stream_buffer_maxsize=16_384,
        web_enabled=False,
    )
    raw = {"key_serializer": "raw", "value_serializer": "raw", "key_type": bytes, "value_type": bytes}
    orders = app.topic(place.orders, **raw)
    out, dead = app.topic(place.out, **raw), app.topic(place.dead, **raw)
    seen, totals = (
        app.Table(name, partitions=4, key_type=bytes, value_type=bytes, options={"driver": "rocksdict"})
        for name in ("seen", "totals")
    )

    def publish(row: Row) -> bytes | None:
        identity = _identity(row["id"], row["lsn"])
        if identity in seen:
            return None
        seen[identity] = b"1"
        window = _window(row["customer_id"], window_start(row))
        held = totals.get(window)
        count, revenue = held.split(b" ") if held else (b"0", b"0")
        total = int(count) + 1, Decimal(revenue.decode()) + row["amount"]
        totals[window] = f"{total[0]} {total[1]}".encode()
        return write_result(row, *total)

    @app.agent(orders)
    async def process(stream: faust.Stream) -> None:
        begun = False
        async for event in stream.events():
            if not begun:
                say_begins()
                begun = True
            row = read_row(event.value)
            if row is None:
                dead.send_soon(key=event.key, value=event.value)
            elif (result := publish(row)) is not None:
                out.send_soon(key=event.key, value=result)

    return app


if __name__ == "__main__":
    calm_collector()
    logging.disable(logging.DEBUG)
    app = application(read_place())
    sys.argv[1:] = ["worker", "--loglevel", "warn", "--without-web"]
    app.main()
