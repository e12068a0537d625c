"""Pair: events that have come meet those of the other side that are there, and are kept for those that come.

In:   events of one side, in their order, with what must be equal and the watermark that each found in its partition.
Out:  pairs, each when its second event comes; before them, of the same key, events whose time for a partner is over.
Next: streams.pipeline.pairs (derive, route)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.state.overlay import Overlay

from ..exchange.wire import Carried
from .plan import Pairing
from .state import PairTables, SideTables, event_key, moment_key, span_of

Arrived = Sequence[tuple[bytes | None, Carried]]
"""What must be equal, canonical (``None``: there is a null in it, and it equals nothing), and the event."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One result."""

    own: Carried
    partner: Carried | None
    """``None``: there was none, and comes none."""


class _Kept:
    """What a batch writes to one side."""

    def __init__(self, tables: SideTables) -> None:
        self._tables = tables
        self._events: dict[bytes, Carried | None] = {}
        self.moments: dict[bytes, bool | None] = {}
        """As the batch has left them so far."""

    def add(self, key: bytes, event: Carried, *, is_met: bool) -> None:
        self._events[key] = event
        self.moments[moment_key(key)] = is_met

    def remove(self, key: bytes) -> None:
        self._events[key] = self.moments[moment_key(key)] = None

    def close(self) -> None:
        self._tables.events.put_many(self._events)
        self._tables.moments.put_many(self.moments)


def pair_own(arrived: Arrived, pairing: Pairing, tables: PairTables, *, clock_ms: int) -> list[Pair]:
    """Own events look for partners in their windows; ``clock_ms``: how far the partners' side has come."""
    before_ms, after_ms = pairing.before_ms, pairing.after_ms
    spans = [span_of(equal or b"", held.time_ms - before_ms, held.time_ms + after_ms) for equal, held in arrived]
    over = _Over(arrived, pairing, tables.own, clock_ms)
    kept, pairs = _Kept(tables.own), list[Pair]()
    for (equal, held), found in zip(arrived, tables.partner.events.scan_ranges(spans), strict=True):
        pairs += over.end(equal, kept)
        last_ms = pairing.last_ms(held.time_ms)
        partners = [] if equal is None else [other for _, other in found if other.clock_ms <= last_ms]
        pairs += [Pair(held, other) for other in partners]
        if equal is not None and last_ms >= clock_ms:
            kept.add(event_key(equal, held), held, is_met=bool(partners))
        elif not partners and not pairing.is_inner:
            pairs.append(Pair(held, None))
    kept.close()
    return pairs


class _Over:
    """Own events of the keys of a batch that no partner can meet any more; none where nothing is told of them."""

    def __init__(self, arrived: Arrived, pairing: Pairing, tables: SideTables, clock_ms: int) -> None:
        keys = [] if pairing.is_inner else list(dict.fromkeys(equal for equal, _ in arrived if equal is not None))
        last_ms = clock_ms - pairing.after_ms - pairing.grace_ms - 1
        found = tables.events.scan_ranges(span_of(key, None, last_ms) for key in keys)
        self._by_key = {key: list(events) for key, events in zip(keys, found, strict=True)}
        places = [moment_key(place) for events in self._by_key.values() for place, _ in events]
        self._is_met = tables.moments.get_many(places)

    def end(self, equal: bytes | None, kept: _Kept) -> list[Pair]:
        """Those of one key, once."""
        pairs = []
        for place, held in self._by_key.pop(equal, ()) if equal is not None else ():
            if not self._is_met.get(moment_key(place)):
                pairs.append(Pair(held, None))
            kept.remove(place)
        return pairs


def pair_partners(
    arrived: Arrived, pairing: Pairing, tables: PairTables, *, clock_ms: int, own_clock_ms: int, is_source: bool
) -> list[Pair]:
    """Partners look for own events whose windows they are in.

    ``clock_ms``: how far their side had come before; ``is_source``: each of them moves it. ``own_clock_ms``: the other.
    """
    arrived = [(equal, held) for equal, held in arrived if equal is not None]
    clocks = [max(clock_ms, held.clock_ms) if is_source else clock_ms for _, held in arrived]
    spans = [_reached(equal, held, clock, pairing) for (equal, held), clock in zip(arrived, clocks, strict=True)]
    found = [list(events) for events in tables.own.events.scan_ranges(spans)]
    own = _Meeting(pairing, tables.own, [place for events in found for place, _ in events])
    kept, pairs = _Kept(tables.partner), list[Pair]()
    for (equal, held), clock, events in zip(arrived, clocks, found, strict=True):
        pairs += own.meet(held, events, clock)
        if equal is not None and held.time_ms + pairing.open_ms >= own_clock_ms:
            kept.add(event_key(equal, held), held, is_met=False)
    own.kept.close()
    kept.close()
    return pairs


def _reached(equal: bytes | None, held: Carried, clock_ms: int, pairing: Pairing) -> tuple[bytes, bytes]:
    """Keys of the own events that a partner may meet, and of those that are over before it."""
    from_ms, to_ms = held.time_ms - pairing.after_ms, held.time_ms + pairing.before_ms
    if pairing.is_inner:
        return span_of(equal or b"", from_ms, to_ms)
    return span_of(equal or b"", None, max(to_ms, clock_ms - pairing.after_ms - pairing.grace_ms - 1))


class _Meeting:
    """Own events that partners of a batch find."""

    def __init__(self, pairing: Pairing, tables: SideTables, places: list[bytes]) -> None:
        self._pairing = pairing
        self.kept = _Kept(tables)
        self._is_met = dict(_met(tables.moments, places))

    def meet(self, partner: Carried, events: list[tuple[bytes, Carried]], clock_ms: int) -> list[Pair]:
        """What ``partner`` makes of ``events`` of its key when its side has come to ``clock_ms``."""
        from_ms = partner.time_ms - self._pairing.after_ms
        to_ms = partner.time_ms + self._pairing.before_ms
        pairs = []
        for place, held in events:
            moment = moment_key(place)
            if moment not in self._is_met:
                continue  # an event before this one has ended it
            last_ms = self._pairing.last_ms(held.time_ms)
            if last_ms < clock_ms:
                if not self._is_met.pop(moment) and not self._pairing.is_inner:
                    pairs.append(Pair(held, None))
                self.kept.remove(place)
            elif from_ms <= held.time_ms <= to_ms and partner.clock_ms <= last_ms:
                pairs.append(Pair(held, partner))
                if not self._is_met[moment]:
                    self._is_met[moment] = self.kept.moments[moment] = True
        return pairs


def _met(moments: Overlay[bool], places: list[bytes]) -> list[tuple[bytes, bool]]:
    keys = [moment_key(place) for place in places]
    found = moments.get_many(keys)
    return [(key, bool(found.get(key))) for key in keys]
