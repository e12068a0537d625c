"""Kinds: what a window is. Boundaries are those of Kafka Streams.

A ``clock`` is how far event time has come. A window takes events until its clock passes its end and the grace; from
then on it never changes. Windows are kept under a time of theirs, so that those that have closed are one range of keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .keys import moment_of, split_window_key, window_key

DAY_MS = 86_400_000
STATE_DECIDES_MS = 1 << 62
"""A clock that never comes."""


class Span(NamedTuple):
    """A window's place, ms of event time. Whether the end belongs to it is the kind's affair."""

    start_ms: int
    end_ms: int


Recent = list[Any]
"""What is remembered of a group beside its windows."""


class Windows(Protocol):
    """One kind of windows with its lengths."""

    @property
    def grace_ms(self) -> int:
        """How long after its end a window takes events."""

    @property
    def retain_ms(self) -> int:
        """How long a closed window is kept for queries, in event time."""

    @property
    def shape(self) -> object:
        """What stored windows depend on: those of another shape are no start for these."""

    @property
    def name(self) -> str:
        """The word for it in a pipeline file."""

    @property
    def length_ms(self) -> int:
        """Size or gap."""

    @property
    def named_by(self) -> int:
        """How many of start and end tell it apart from other windows of its group."""

    @property
    def open_ms(self) -> int:
        """When the clock is so far behind an event, every window that the event can be in has closed."""

    def assign(self, time_ms: int) -> Iterable[Span]:
        """The windows that an event of that time brings about."""

    def closes_ms(self, time_ms: int) -> int:
        """The clock from which an event of that time is too late for every window."""

    def bound_ms(self, clock_ms: int) -> int:
        """Windows are closed by ``clock_ms`` when the time that they are kept under is less than this."""

    def key(self, span: Span, group: bytes) -> bytes:
        """Where the state of a group's window is kept."""

    def split(self, key: bytes) -> tuple[Span, bytes]:
        """(window, group) of such a key."""

    @property
    def has_recent(self) -> bool:
        """Whether a group's windows depend on each other, so that something is remembered beside them."""

    def recent(self, key: bytes, held: Recent, clock_ms: int) -> Recent | None:
        """What of it an event that finds this clock or a later one can meet; ``None``: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hopping:
    """``[start, start + size)``, one beginning every ``step``, aligned to the epoch. Tumbling: a step is the size."""

    size_ms: int
    step_ms: int
    grace_ms: int = 0
    retain_ms: int = DAY_MS
    named_by = 1
    has_recent = False

    @property
    def length_ms(self) -> int:
        """Its size."""
        return self.size_ms

    @property
    def is_tumbling(self) -> bool:
        """Every event is in exactly one."""
        return self.step_ms == self.size_ms

    @property
    def name(self) -> str:
        """``tumbling`` or ``hopping``."""
        return "tumbling" if self.is_tumbling else "hopping"

    @property
    def shape(self) -> object:
        """The size alone where they are tumbling: so it stands in what was committed before there were others."""
        return self.size_ms if self.is_tumbling else ("hopping", self.size_ms, self.step_ms)

    @property
    def open_ms(self) -> int:
        """A window may begin with its event."""
        return self.size_ms + self.grace_ms

    def starts(self, time_ms: int) -> range:
        """Starts of the windows that hold ``time_ms``, oldest first.

        >>> list(Hopping(size_ms=20_000, step_ms=10_000).starts(25_000))
        [10000, 20000]
        """
        step_ms = self.step_ms
        oldest = (time_ms - self.size_ms) // step_ms * step_ms + step_ms
        return range(oldest, time_ms + 1, step_ms)

    def assign(self, time_ms: int) -> Iterable[Span]:
        """All windows that hold it."""
        return [Span(start_ms, start_ms + self.size_ms) for start_ms in self.starts(time_ms)]

    def closes_ms(self, time_ms: int) -> int:
        """Its newest window closes last: at end + grace."""
        return time_ms - time_ms % self.step_ms + self.size_ms + self.grace_ms

    def bound_ms(self, clock_ms: int) -> int:
        """Kept under their start: closed once start + size + grace <= clock."""
        newest = clock_ms - self.grace_ms - self.size_ms
        return newest - newest % self.step_ms + self.step_ms

    def key(self, span: Span, group: bytes) -> bytes:
        """By start."""
        return window_key(span.start_ms, group)

    def split(self, key: bytes) -> tuple[Span, bytes]:
        """The end follows from the start."""
        start_ms, group = split_window_key(key)
        return Span(start_ms, start_ms + self.size_ms), group

    def recent(self, key: bytes, held: Recent, clock_ms: int) -> Recent | None:
        """Nothing."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliding:
    """``[start, start + size]``, both ends inclusive: those that end with an event or begin right behind one."""

    size_ms: int
    grace_ms: int = 0
    retain_ms: int = DAY_MS
    name = "sliding"
    named_by = 1
    has_recent = True

    @property
    def length_ms(self) -> int:
        """From start to end."""
        return self.size_ms

    @property
    def shape(self) -> object:
        """Its size."""
        return "sliding", self.size_ms

    @property
    def open_ms(self) -> int:
        """The last window with an event begins with it, and the end belongs to it."""
        return self.size_ms + self.grace_ms + 1

    def assign(self, time_ms: int) -> Iterable[Span]:
        """The window that ends with it, and the one behind it, which is there when another event falls into it."""
        return Span(time_ms - self.size_ms, time_ms), Span(time_ms + 1, time_ms + 1 + self.size_ms)

    def is_open(self, span: Span, clock_ms: int) -> bool:
        """Whether the window takes events."""
        return clock_ms <= span.end_ms + self.grace_ms

    def closes_ms(self, time_ms: int) -> int:
        """A window that begins with it is the last to close."""
        return time_ms + self.open_ms

    def bound_ms(self, clock_ms: int) -> int:
        """Kept under their start: closed once start + size + grace < clock."""
        return clock_ms - self.size_ms - self.grace_ms

    def key(self, span: Span, group: bytes) -> bytes:
        """By start."""
        return window_key(span.start_ms, group)

    def split(self, key: bytes) -> tuple[Span, bytes]:
        """The end follows from the start."""
        start_ms, group = split_window_key(key)
        return Span(start_ms, start_ms + self.size_ms), group

    def recent(self, key: bytes, held: Recent, clock_ms: int) -> Recent | None:
        """The state of a moment's events; the window right behind it may yet begin while that is open."""
        return held if clock_ms <= moment_of(key) + self.open_ms else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """``[first event, last event]``, of events none of which is more than ``gap`` from the next."""

    gap_ms: int
    grace_ms: int = 0
    retain_ms: int = DAY_MS
    name = "session"
    named_by = 2
    has_recent = True

    @property
    def length_ms(self) -> int:
        """What ends it."""
        return self.gap_ms

    @property
    def shape(self) -> object:
        """Its gap."""
        return "session", self.gap_ms

    @property
    def open_ms(self) -> int:
        """The gap is inclusive: a session goes on when the next event is just that far away."""
        return self.gap_ms + self.grace_ms + 1

    def assign(self, time_ms: int) -> Iterable[Span]:
        """A session of its own, until it meets others."""
        return (Span(time_ms, time_ms),)

    def merge(self, spans: Iterable[Span]) -> Span:
        """The session of all of them."""
        starts, ends = zip(*spans, strict=True)
        return Span(min(starts), max(ends))

    def touches(self, span: Span, time_ms: int) -> bool:
        """Whether an event of that time belongs to the session."""
        return span.start_ms - self.gap_ms <= time_ms <= span.end_ms + self.gap_ms

    def is_open(self, span: Span, clock_ms: int) -> bool:
        """Whether the session takes events."""
        return clock_ms <= span.end_ms + self.gap_ms + self.grace_ms

    def closes_ms(self, time_ms: int) -> int:
        """The session that it joins may be open for longer: the event's time alone does not tell."""
        return STATE_DECIDES_MS

    def bound_ms(self, clock_ms: int) -> int:
        """Kept under their end: closed once end + gap + grace < clock."""
        return clock_ms - self.gap_ms - self.grace_ms

    def key(self, span: Span, group: bytes) -> bytes:
        """By end, then by start."""
        return window_key(span.end_ms, window_key(span.start_ms, group))

    def split(self, key: bytes) -> tuple[Span, bytes]:
        """Both times are in the key."""
        end_ms, rest = split_window_key(key)
        start_ms, group = split_window_key(rest)
        return Span(start_ms, end_ms), group

    def recent(self, key: bytes, held: Recent, clock_ms: int) -> Recent | None:
        """Places of sessions that are open."""
        return [place for place in held if self.is_open(Span(*place), clock_ms)] or None
