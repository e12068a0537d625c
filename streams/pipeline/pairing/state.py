"""What the join of two streams remembers in one task.

Events stand by what must be equal, then by time, so that a window is one range; the moments of each side stand by
time, so that what closes is one range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from struct import Struct as Layout
from typing import Any, TypeVar

import msgspec

from streams.state.overlay import Overlay, TableSpec
from streams.state.stores.base import Store

from ..exchange.wire import Carried, decode_carried, encode
from ..windows.keys import window_key
from .plan import Pairing, Side

V = TypeVar("V")
END = b"\0"
"""Behind what must be equal: JSON holds no such byte."""
TIME_BYTES = 8
_place = Layout(">IQc")
_LAST_MS = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SideTables:
    """The events of one side."""

    events: Overlay[Carried]
    """By ``event_key``."""
    moments: Overlay[bool]
    """By ``moment_key``: whether the event has met another."""

    @property
    def all(self) -> Iterable[Overlay[Any]]:
        """Every keyspace, in a fixed order."""
        return (self.events, self.moments)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTables:
    """The keyspaces of one pairing."""

    own: SideTables
    partner: SideTables

    @property
    def all(self) -> Iterable[Overlay[Any]]:
        """Every keyspace, in a fixed order."""
        return (*self.own.all, *self.partner.all)

    def of(self, side: Side) -> SideTables:
        """The events of ``side``."""
        return self.own if side is Side.OWN else self.partner


def event_key(equal: bytes, event: Carried) -> bytes:
    """Where an event is kept; ``equal``: canonical JSON array of what must be equal."""
    place = _place.pack(event.partition, event.offset, event.operation.encode())
    return equal + END + window_key(event.time_ms, place)


def moment_key(key: bytes) -> bytes:
    """Where the moment of the event stands that is kept under ``key``."""
    cut = len(key) - TIME_BYTES - _place.size
    return key[cut : cut + TIME_BYTES] + key[:cut] + key[cut + TIME_BYTES :]


def event_key_of(moment: bytes) -> bytes:
    """Where the event of a moment is kept."""
    cut = len(moment) - _place.size
    return moment[TIME_BYTES:cut] + moment[:TIME_BYTES] + moment[cut:]


def span_of(equal: bytes, from_ms: int | None, to_ms: int) -> tuple[bytes, bytes]:
    """(start, end) of the keys of events from ``from_ms`` (``None``: the first) to ``to_ms``, both included."""
    head = equal + END
    start = head if from_ms is None else head + window_key(_clamp(from_ms), b"")
    return start, head + window_key(_clamp(to_ms), b"\xff" * (_place.size + 1))


def moments_before(time_ms: int) -> bytes:
    """The key behind all moments before ``time_ms``."""
    return window_key(_clamp(time_ms), b"")


def _clamp(time_ms: int) -> int:
    return max(-_LAST_MS, min(time_ms, _LAST_MS))


def open_pairing(pairing: Pairing | None, store: Store) -> PairTables | None:
    """What ``pairing`` keeps in ``store``."""
    if pairing is None:
        return None
    changelog = pairing.changelog
    return PairTables(own=_open(changelog, b"a", b"b", store), partner=_open(changelog, b"c", b"d", store))


def _open(changelog: str, events: bytes, moments: bytes, store: Store) -> SideTables:
    return SideTables(
        events=Overlay(_spec(changelog, events, decode_carried), store),
        moments=Overlay(_spec(changelog, moments, _is_met), store),
    )


_is_met = msgspec.json.Decoder(bool).decode


def _spec(changelog: str, prefix: bytes, decode: Callable[[bytes], V]) -> TableSpec[V]:
    return TableSpec(changelog=changelog, prefix=prefix, encode=encode, decode=decode)
