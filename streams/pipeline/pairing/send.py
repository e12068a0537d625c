"""Send: events of one side go to where they meet those of the other: into this task's state, or to a stage.

In:   events with their final rows, and the watermark as each found it.
Out:  events ready to be paired, with what must be equal; those that are late for every window are counted, and left.
Next: streams.pipeline.pairing.pair, here or in a stage

Whether an event is late is decided here, by the watermark of its own partition, and nowhere later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from streams.errors import RecordTooLargeError
from streams.ledger import Ledger
from streams.records import ChangeEvent, Delivery, Operation, Row

from ..exchange.plan import Needs
from ..exchange.wire import Carried, carrier, encode
from ..tables import encode_key
from .plan import Pairing, PairStage, Side

JOINED = frozenset({Operation.INSERT, Operation.UPDATE, Operation.READ})
"""What has a row: a DELETE and a TRUNCATE are no events that anything is joined with."""


def carry_events(
    events: Iterable[ChangeEvent], side: Side, pairing: Pairing, clock: Mapping[int, int], ledger: Ledger
) -> list[tuple[bytes | None, Carried]]:
    """Those that may be in a window, each with what must be equal, canonical; ``None``: there is a null in it."""
    by, needs = _asked(side, pairing)
    carry = carrier(needs)
    carried, late = [], 0
    for event in events:
        if event.operation not in JOINED:
            continue
        clock_ms = clock[event.record.offset]
        if pairing.is_late(side, event.event_time_ms, clock_ms):
            late += 1
        else:
            held = carry(event, clock_ms, ())
            held = replace(held, unsent=tuple(sorted(event.unsent))) if event.unsent else held
            carried.append((equal_of(event.row, by), held))
    if late:
        ledger.late_by_table[pairing.changelog] += late
    return carried


def _asked(side: Side, pairing: Pairing) -> tuple[tuple[str, ...], Needs]:
    """(columns that must be equal, what is read later) of the events of ``side``."""
    if side is Side.OWN:
        return pairing.by, pairing.needs
    columns = frozenset((*pairing.partner_by, *(column for column, _ in pairing.columns)))
    return pairing.partner_by, Needs(columns=columns)


def equal_of(row: Row, by: tuple[str, ...]) -> bytes | None:
    """Canonical JSON array of the values of ``by``; ``None``: a null is equal to nothing."""
    values = [row.get(column) for column in by]
    return None if None in values else encode_key(values)


def send_events(
    carried: Iterable[tuple[bytes | None, Carried]], side: Side, stage: PairStage, limit: int
) -> list[Delivery]:
    """What the stage is told of them; of partners with a null it need not hear. ``limit``: bytes of a record."""
    topic, deliveries = stage.topic(side), []
    for equal, held in carried:
        if equal is None and side is Side.PARTNER:
            continue
        # Nothing must meet an event with a null, and all of them in one partition would be too many.
        key = encode_key([held.partition, held.offset]) if equal is None else equal
        value = encode(held)
        if (size := len(key) + len(value)) > limit:
            raise RecordTooLargeError(size, limit)
        deliveries.append(Delivery(topic=topic, key=key, value=value, timestamp_ms=max(held.time_ms, 0)))
    return deliveries
