"""Wire: what stands in a repartition topic. Events as later steps need them, and how far time has come upstream.

Names are short and what is as usual is left out: every event of the pipeline is written and read once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from streams.records import ChangeEvent, Operation, Row, SourceRecord

from .plan import Needs


class Carried(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="e", tag_field="k", gc=False):
    """An event on its way to another task; masked, and no more of it than is needed."""

    partition: int = msgspec.field(name="p")
    """Upstream: whose watermark holds its windows open."""
    offset: int = msgspec.field(name="q", default=0)
    """In that partition of the source."""
    clock_ms: int = msgspec.field(name="c")
    """The watermark of that partition as the event found it."""
    time_ms: int = msgspec.field(name="t")
    operation: str = msgspec.field(name="o", default="c")
    row: dict[str, Any] = msgspec.field(name="r")
    sign: int = msgspec.field(name="s", default=1)
    """-1: it is taken back."""
    late: tuple[str, ...] = msgspec.field(name="l", default=())
    """Tables for which it came too late upstream, and was counted there."""
    before: dict[str, Any] | None = msgspec.field(name="b", default=None)
    after: dict[str, Any] | None = msgspec.field(name="a", default=None)
    source: dict[str, Any] = msgspec.field(name="f", default_factory=dict)
    key: dict[str, Any] = msgspec.field(name="y", default_factory=dict)
    committed_ms: int = msgspec.field(name="m", default=0)
    unsent: tuple[str, ...] = msgspec.field(name="x", default=())
    """Columns that the source did not send; only where results must honour a contract."""


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="w", tag_field="k", gc=False):
    """How far one partition upstream has come; every partition downstream is told."""

    partition: int = msgspec.field(name="p")
    watermark_ms: int | None = msgspec.field(name="w", default=None)
    """Largest event time seen; ``None``: none yet."""
    idle: dict[str, int] = msgspec.field(name="i", default_factory=dict)
    """Tables that need not wait for it, by name: wall clock (ms) of its last record."""
    partitions: int = msgspec.field(name="n", default=0)
    """How many tell such things; 0: as many as there are downstream."""


class Added(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="a", tag_field="k", gc=False):
    """What events of one batch add to one group together, and what they take away."""

    partition: int = msgspec.field(name="p")
    """Upstream."""
    table: str = msgspec.field(name="n")
    start_ms: int | None = msgspec.field(name="w", default=None)
    """Of the window."""
    state: list[Any] = msgspec.field(name="s")
    values: list[list[tuple[int, Any, Any]]] = msgspec.field(name="v", default_factory=list)
    """By multiset: how often a value came, less how often it went; what decides its place; the value."""
    events: int = msgspec.field(name="e", default=0)
    """How many they are."""


encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(Carried | Told | Added, float_hook=Decimal).decode
decode_carried = msgspec.json.Decoder(Carried, float_hook=Decimal).decode


def decode(value: bytes | None) -> Carried | Told | Added:
    """What stands in a record; raises ``msgspec.MsgspecError`` for what no exchange wrote."""
    found: Carried | Told | Added = _decode(value or b"")
    return found


Carry = Callable[[ChangeEvent, int, tuple[str, ...]], Carried]


def carrier(needs: Needs) -> Carry:
    """A function that packs an event with its clock and the tables for which it is late."""
    columns = needs.columns
    shape = _whole if columns is None else _narrow(columns)
    images, has_key, has_source = needs.images, "key" in needs.envelope, "source" in needs.envelope

    def carry(event: ChangeEvent, clock_ms: int, late: tuple[str, ...]) -> Carried:
        return Carried(
            partition=event.record.partition,
            offset=event.record.offset,
            clock_ms=clock_ms,
            time_ms=event.event_time_ms,
            operation=event.operation.value,
            row=shape(event.row),
            late=late,
            before=_image(event.before, images),
            after=_image(event.after, images),
            source=dict(event.source) if has_source else {},
            key=dict(event.key) if has_key else {},
            committed_ms=event.committed_ms,
        )

    return carry


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    return row


def _narrow(columns: Iterable[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    names = tuple(sorted(columns))
    return lambda row: {name: row[name] for name in names if name in row}


def _image(image: Row | None, columns: frozenset[str]) -> dict[str, Any] | None:
    return None if image is None or not columns else {name: image[name] for name in columns if name in image}


def event_of(
    carried: Carried, record: SourceRecord, *, row: dict[str, Any] | None = None, time_ms: int | None = None
) -> ChangeEvent:
    """The event as later steps see it; its place is that of ``record``, which brought it here.

    ``row`` and ``time_ms`` stand in place of its own, where something was joined to it.
    """
    return ChangeEvent(
        record=record,
        operation=Operation(carried.operation),
        row=carried.row if row is None else row,
        before=carried.before,
        after=carried.after,
        source=carried.source,
        key=carried.key,
        event_time_ms=carried.time_ms if time_ms is None else time_ms,
        committed_ms=carried.committed_ms,
        unsent=frozenset(carried.unsent),
    )
