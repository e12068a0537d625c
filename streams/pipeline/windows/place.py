"""Place: which windows that begin at fixed times an event falls into. Events late for all of them are told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.records import ChangeEvent

from .keys import window_key
from .kinds import Hopping

Group = Callable[[ChangeEvent], bytes]


class Bounds(NamedTuple):
    """What the clocks of a batch's events lie between."""

    least_ms: int
    """An event whose own clock is behind finds this one."""
    newest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Events with the state that each goes into; one in several windows stands here several times."""

    events: list[ChangeEvent] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    late: list[ChangeEvent] = field(default_factory=list)


def place_events(
    events: Sequence[ChangeEvent], group: Group, windows: Hopping, clock: Mapping[int, int], bounds: Bounds
) -> Placed:
    """Where each of ``events`` goes; ``clock``: by offset, ``bounds``: of the clocks of all of them."""
    if windows.is_tumbling:
        return _tumbling(events, group, windows, clock, bounds)
    return _hopping(events, group, windows, clock, bounds.least_ms)


def _tumbling(
    events: Sequence[ChangeEvent], group: Group, windows: Hopping, clock: Mapping[int, int], bounds: Bounds
) -> Placed:
    size_ms, open_ms, least_ms = windows.size_ms, windows.open_ms, bounds.least_ms
    # What no clock of the batch makes late needs no look at its own: most events.
    newest_ms = max(bounds.newest_ms, least_ms)
    timely, keys, late = [], [], []
    spaces: dict[int, bytes] = {}
    for event in events:
        time_ms = event.event_time_ms
        start_ms = time_ms - time_ms % size_ms
        closes_ms = start_ms + open_ms
        if closes_ms <= newest_ms and closes_ms <= max(clock[event.record.offset], least_ms):
            late.append(event)
            continue
        space = spaces.get(start_ms)
        if space is None:
            space = spaces[start_ms] = window_key(start_ms, b"")
        timely.append(event)
        keys.append(space + group(event))
    return Placed(events=timely, keys=keys, late=late)


def _hopping(
    events: Sequence[ChangeEvent], group: Group, windows: Hopping, clock: Mapping[int, int], least_ms: int
) -> Placed:
    """An event goes into those of its windows that are open, and is late where none is."""
    open_ms = windows.open_ms
    placed = Placed()
    for event in events:
        clock_ms = max(clock[event.record.offset], least_ms)
        starts = [start_ms for start_ms in windows.starts(event.event_time_ms) if start_ms + open_ms > clock_ms]
        if not starts:
            placed.late.append(event)
            continue
        key = group(event)
        placed.events.extend([event] * len(starts))
        placed.keys.extend([window_key(start_ms, key) for start_ms in starts])
    return placed
