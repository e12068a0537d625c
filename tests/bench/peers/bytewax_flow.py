"""Bytewax as a peer: ``python -m tests.bench.peers.bytewax_flow FOLDER``; it ends where the topic ends.

Its best form: whole batches are decoded in one ``flat_map_batch``, and ``stateful_batch``, on which all its stateful
operators stand, keeps a customer's identities and windows in one object; its windowing operators cost seven times as
much and give sums without the order that changed them. Recovery is on, with SQLite and its default epoch of 10 s.
Tuned: batches of 4,000 records, larger fetches, librdkafka polled without pauses, cyclic garbage frozen and collected
rarely.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir

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

Keyed = tuple[str, tuple[bytes, Row]]
State = tuple[dict[tuple[int, int], int], dict[int, tuple[int, Decimal]]]
"""Event time by identity, and (count, sum) by start of the minute."""

_begun = False


def decode_batch(records: list[KafkaSourceMessage]) -> Iterable[Keyed | KafkaSinkMessage]:
    """Rows under their key; what is invalid, as it goes to the dead letters."""
    global _begun  # noqa: PLW0603 - told once a process
    if not _begun:
        say_begins()
        _begun = True
    decoded: list[Keyed | KafkaSinkMessage] = []
    for record in records:
        key, value = record.key, record.value
        row = read_row(value)
        if row is None:
            decoded.append(KafkaSinkMessage(key, value))
        else:
            decoded.append((key.decode(), (key, row)))
    return decoded


class Customer(op.StatefulBatchLogic):
    """Identities of the last 24 hours and open windows of one customer."""

    def __init__(self, state: State | None) -> None:
        self._seen, self._totals = state or ({}, {})

    def on_batch(self, values: list[tuple[bytes, Row]]) -> tuple[list[KafkaSinkMessage], bool]:
        results = [result for key, row in values if (result := self._publish(key, row)) is not None]
        return results, False

    def _publish(self, key: bytes, row: Row) -> KafkaSinkMessage | None:
        seen, totals = self._seen, self._totals
        identity, time_ms = (row["id"], row["lsn"]), row["created_at"]
        if identity in seen:
            return None
        seen[identity] = time_ms
        while seen[oldest := next(iter(seen))] < time_ms - DAY_MS:
            del seen[oldest]
        start, newest = window_start(row), max(totals, default=0)
        if start + MINUTE_MS + GRACE_MS <= newest:
            return None
        for closed in [known for known in totals if known + MINUTE_MS + GRACE_MS <= time_ms]:
            del totals[closed]
        orders, revenue = totals.get(start, (0, Decimal(0)))
        totals[start] = total = orders + 1, revenue + row["amount"]
        return KafkaSinkMessage(key, write_result(row, *total))

    def snapshot(self) -> State:
        return dict(self._seen), dict(self._totals)


def without_key(results: list[tuple[str, Any]]) -> list[Any]:
    """A keyed batch's values."""
    return [result for _, result in results]


def dataflow(place: Place) -> Dataflow:
    """The whole of it."""
    flow = Dataflow("w")
    source = KafkaSource(
        [place.brokers], [place.orders], tail=False, batch_size=int(place.options.get("batch", 4_000)),
        add_config={"fetch.queue.backoff.ms": "1", "queued.max.messages.kbytes": "16384"},
    )  # fmt: skip
    decoded = op.flat_map_batch("decode", op.input("orders", flow, source), decode_batch)
    branches = op.branch("valid", decoded, lambda entry: type(entry) is tuple)
    results = op.stateful_batch("sums", branches.trues, Customer)
    faster = {"linger.ms": "5", "batch.size": str(1 << 20), "partitioner": "murmur2_random"}
    op.output("dead", branches.falses, KafkaSink([place.brokers], place.dead, add_config=faster))
    out = op.flat_map_batch("publish", results, without_key)
    op.output("out", out, KafkaSink([place.brokers], place.out, add_config=faster))
    return flow


def run(place: Place) -> None:
    """Until the topic ends."""
    recovery = Path(place.folder) / "recovery"
    recovery.mkdir()
    init_db_dir(recovery, 1)
    epoch = timedelta(seconds=place.options.get("epoch_s", 10.0))
    cli_main(dataflow(place), epoch_interval=epoch, recovery_config=RecoveryConfig(str(recovery)))


if __name__ == "__main__":
    calm_collector()
    run(read_place())
