"""What a task knows of events that wait: which rows they hold up, and the events that wait behind them.

The event that failed is in a topic with its bytes; here stands that its row waits for it. Later events of the row are
here with their bytes, as they came: nothing of them has been masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from struct import Struct as Layout
from typing import Any, TypeVar

import msgspec

from streams.records import Headers
from streams.state.overlay import TableSpec
from streams.state.stores.base import Store
from streams.state.table import Table

V = TypeVar("V")
CACHED = 20_000
MOST_PARKED_EVENTS = 20_000
MOST_PARKED_BYTES = 32 << 20
"""Of one pipeline in one task; what is more stays in the source, which is not read on until some have gone."""
OVERHEAD_BYTES = 64
WAITING_KEY = b""
_place = Layout(">QB")


class Head(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The event for which a row waits, or the row under whose name it does so."""

    offset: int = 0
    part: int = 0
    order: tuple[int, int, int] = (0, 0, 0)
    names: tuple[bytes, ...] = ()
    """Other keys that the row has got meanwhile: their events wait with its own."""
    root: bytes = b""
    """Not empty: this is such a key, and that is the row."""


class Parked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that waits behind another of its row; its topic is the pipeline's."""

    partition: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    found_ms: int
    """The watermark as it found it."""

    @property
    def size_bytes(self) -> int:
        """What it costs."""
        return len(self.key or b"") + len(self.value or b"") + OVERHEAD_BYTES


class Asking(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that waits for what another task says of its partner; its topic is the pipeline's."""

    event: Parked
    row: bytes
    """What waits behind it waits under this name; empty: nothing does."""
    attempt: int
    first_failed_ms: int
    waited: dict[str, int]
    """By reason, how often it has failed so and waited."""
    answers: dict[int, bytes]
    """By join, what has been answered before."""


Early = dict[int, bytes]
"""By join, what has been answered so far."""


class Waiting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How much waits."""

    retrying: int = 0
    """Events in the topics."""
    parked: int = 0
    parked_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryTables:
    """State of the retries of one pipeline in one task."""

    waiting: Table[Waiting]
    """One entry, under ``WAITING_KEY``."""
    heads: Table[Head]
    """By row."""
    parked: Table[Parked]
    """By row, offset and part."""
    asking: Table[Asking]
    """By offset and part."""
    early: Table[Early]
    """By offset and part, of events that are parked and have asked already."""

    @property
    def all(self) -> Iterable[Table[Any]]:
        """Every table, in a fixed order."""
        return (self.waiting, self.heads, self.parked, self.asking, self.early)

    def current(self) -> Waiting:
        """How much waits now."""
        return self.waiting.get(WAITING_KEY) or Waiting()

    @property
    def is_full(self) -> bool:
        """So much is parked that nothing more should come."""
        held = self.current()
        return held.parked >= MOST_PARKED_EVENTS or held.parked_bytes >= MOST_PARKED_BYTES

    def note(self, *, retrying: int = 0, parked: int = 0, parked_bytes: int = 0) -> None:
        """So many more wait; negative: fewer."""
        held = self.current()
        now = Waiting(
            retrying=held.retrying + retrying,
            parked=held.parked + parked,
            parked_bytes=held.parked_bytes + parked_bytes,
        )
        self.waiting.put(WAITING_KEY, now if now.retrying or now.parked else None)

    def park(self, row: bytes, offset: int, part: int, event: Parked) -> None:
        """Let an event wait behind the head of ``row``."""
        self.parked.put(row + _place.pack(offset, part), event)
        self.note(parked=1, parked_bytes=event.size_bytes)

    def parked_of(self, row: bytes) -> Iterator[tuple[int, int, Parked]]:
        """(offset, part, event) of all that wait behind the head of ``row``, in their order."""
        for key, event in self.parked.scan(row, row + b"\xff" * (_place.size + 1)):
            yield (*_place.unpack_from(key, len(row)), event)

    def ask(self, offset: int, part: int, event: Asking) -> None:
        """Let an event wait for a reply."""
        self.asking.put(_place.pack(offset, part), event)

    def asking_at(self, places: Iterable[tuple[int, int]]) -> list[Asking | None]:
        """The events that wait at ``places``."""
        keys = [_place.pack(*place) for place in places]
        found = self.asking.get_many(keys)
        return [found.get(key) for key in keys]

    def forget_asked(self, places: Iterable[tuple[int, int]]) -> None:
        """Those that do wait no more."""
        keys = [_place.pack(*place) for place in places]
        found = self.asking.get_many(keys)
        self.asking.put_many({key: None for key in keys if found.get(key) is not None})

    def ask_early(self, offset: int, part: int) -> None:
        """A parked event has asked; its reply is kept until its turn comes."""
        self.early.put(_place.pack(offset, part), {})

    def answer_early(self, offset: int, part: int, join: int, answer: bytes) -> None:
        """Keep a reply for a parked event; one to an event that has gone on is none."""
        key = _place.pack(offset, part)
        if (known := self.early.get(key)) is not None:
            self.early.put(key, {**known, join: answer})

    def take_early(self, places: Iterable[tuple[int, int]]) -> list[Early]:
        """What has been answered to those that are parked no more."""
        keys = [_place.pack(*place) for place in places]
        found = self.early.get_many(keys)
        taken = {key: answers for key in keys if (answers := found.get(key)) is not None}
        self.early.put_many(dict.fromkeys(taken))
        return [taken.get(key, {}) for key in keys]

    def free(self, row: bytes) -> list[tuple[int, int, Parked]]:
        """The row waits no more; what waited behind its head."""
        held, head = list(self.parked_of(row)), self.heads.get(row)
        names = () if head is None else head.names
        self.heads.put_many(dict.fromkeys((row, *names)))
        self.parked.put_many({row + _place.pack(offset, part): None for offset, part, _ in held})
        self.note(parked=-len(held), parked_bytes=-sum(event.size_bytes for _, _, event in held))
        return held


def pending_changelog(pipeline: str) -> str:
    """Short name of the changelog that holds what waits for retries, with its original bytes."""
    return f"{pipeline}-pending"


def open_retries(pipeline: str, store: Store) -> RetryTables:
    """The tables over ``store``."""
    changelog = pending_changelog(pipeline)
    return RetryTables(
        waiting=_open(changelog, Waiting, store, cached=1, prefix=b"w"),
        heads=_open(changelog, Head, store, cached=CACHED, prefix=b"h"),
        parked=_open(changelog, Parked, store, cached=0, prefix=b"p"),
        asking=_open(changelog, Asking, store, cached=CACHED, prefix=b"a"),
        early=_open(changelog, Early, store, cached=CACHED, prefix=b"e"),
    )


def _open(changelog: str, kind: type[V], store: Store, *, cached: int, prefix: bytes) -> Table[V]:
    decode: Callable[[bytes], V] = msgspec.msgpack.Decoder(kind).decode
    spec = TableSpec(
        changelog=changelog, prefix=prefix, encode=msgspec.msgpack.Encoder().encode, decode=decode, cached=cached
    )
    return Table(spec, store)
