"""Packs: what a checkpoint adds to a keyspace, one record of its changelog for some thousand keys.

A changelog record for each would cost more than everything else that is done for an event. In the store a pack stays
as it is where its keys have serials: they tell in which pack a key would be, and a store that sorts its entries sorts
one, not thousands. Keys that have no serials, or came behind those of others, stand for themselves there, and beside
them the time when their pack may go.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from struct import Struct as Layout

import msgspec

from .overlay import Entry

PACK_KEY = b"\0pack"
"""Leads the keys of packs in the changelog, and of their heads in the store; no other key starts with a zero byte and
a word."""
BODY_KEY = b"\0body"
"""Leads the keys under which a store keeps whole packs."""
PACKED_ENTRIES = 4_000
MOST = 2**63 - 1
"""A serial that is no smaller is one that is not known."""

Serial = int | float
Times = Mapping[bytes, int]
"""By key when (ms of event time) it may be forgotten."""

_number = Layout(">QH")
_time = Layout(">q")
write_time = _time.pack
encode = msgspec.msgpack.encode


class Span(msgspec.Struct, frozen=True, array_like=True):
    """The serials of a pack's keys: all are ``> above`` and ``<= upto``, and of other checkpoints' keys none is."""

    serial: str
    """What the numbers are."""
    above: Serial
    upto: Serial


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What is to be known of a pack without its keys."""

    expires_ms: int
    """When the last of them may be forgotten."""
    span: Span | None = None
    """``None``: they stand for themselves."""


class Pack(msgspec.Struct, frozen=True, array_like=True):
    """A record of the changelog."""

    prefix: bytes
    times: list[tuple[bytes, int]]
    span: Span | None = None

    def head(self) -> Head:
        """Of this pack."""
        return Head(max([expires_ms for _, expires_ms in self.times]), self.span)


decode_pack = msgspec.msgpack.Decoder(Pack).decode
_decode_head = msgspec.msgpack.Decoder(Head).decode


def read_time(value: bytes) -> int:
    """What ``write_time`` wrote."""
    return int(_time.unpack(value)[0])


def read_head(value: bytes) -> Head:
    """What the store keeps; before there were spans it was a time, whose first byte is no array's."""
    return Head(read_time(value)) if value[0] in (0x00, 0xFF) else _decode_head(value)


def name_of(number: int, part: int) -> bytes:
    """What follows ``PACK_KEY`` and ``BODY_KEY``: packs sort by the numbers of their checkpoints."""
    return _number.pack(number, part)


def pack_number(key: bytes) -> int:
    """The number that the checkpoint had which wrote a pack."""
    return int(_number.unpack(key[len(PACK_KEY) :])[0])


def pack_keys(value: bytes) -> Iterable[bytes]:
    """Keys of the entries of a pack, as the changelog would have them one by one."""
    pack = decode_pack(value)
    return [pack.prefix + key for key, _ in pack.times]


def unpack(space: bytes, key: bytes, value: bytes | None) -> list[Entry]:
    """What the store keeps of a pack, under keys that begin with ``space``."""
    if value is None:
        return [(space + BODY_KEY + key[len(PACK_KEY) :], None), (space + key, None)]
    return entries_of(space, key[len(PACK_KEY) :], decode_pack(value), value)


def entries_of(space: bytes, name: bytes, pack: Pack, value: bytes) -> list[Entry]:
    """The same of a ``pack``, which is written as ``value``."""
    head = (space + PACK_KEY + name, encode(pack.head()))
    if pack.span is not None:
        return [(space + BODY_KEY + name, value), head]
    lead = space + pack.prefix
    return [*((lead + key, write_time(expires_ms)) for key, expires_ms in pack.times), head]


class PackIndex:
    """In which packs a key would be that has a serial of one kind; 28 bytes a checkpoint."""

    def __init__(self, serial: str) -> None:
        self._serial = serial
        self._uppers, self._aboves = array("q"), array("q")
        """The spans, ascending."""
        self._numbers, self._firsts, self._ends = array("Q"), array("H"), array("H")
        """Beside them whose packs these are, and which of its parts."""
        self.foreign: dict[bytes, None] = {}
        """Packs whose keys have serials of another kind: any key might be there."""

    def add(self, name: bytes, head: Head) -> None:
        """There is such a pack; those of a checkpoint come in order."""
        span, (number, part) = head.span, _number.unpack(name)
        if span is None:
            return
        if span.serial != self._serial:
            self.foreign[name] = None
            return
        at = bisect_left(self._uppers, upto := _bounded(span.upto))
        if at < len(self._uppers) and self._uppers[at] == upto:
            self._ends[at] = part + 1
            return
        held = (self._uppers, self._aboves, self._numbers, self._firsts, self._ends)
        for column, value in zip(held, (upto, _bounded(span.above), number, part, part + 1), strict=True):
            column.insert(at, value)

    def remove(self, name: bytes, head: Head) -> None:
        """There is none any more; of a checkpoint's packs the first goes first."""
        if name in self.foreign:
            del self.foreign[name]
        elif head.span is not None:
            at = bisect_left(self._uppers, _bounded(head.span.upto))
            self._firsts[at] = _number.unpack(name)[1] + 1
            if self._firsts[at] == self._ends[at]:
                for column in (self._uppers, self._aboves, self._numbers, self._firsts, self._ends):
                    del column[at]

    @property
    def is_empty(self) -> bool:
        """No key is in a pack."""
        return not self._uppers and not self.foreign

    def packs_of(self, serial: Serial) -> list[bytes]:
        """Names of those that may hold a key with that ``serial``, besides ``foreign`` ones."""
        at = bisect_left(self._uppers, bounded := _bounded(serial))
        if at == len(self._uppers) or bounded <= self._aboves[at]:
            return []
        return [name_of(self._numbers[at], part) for part in range(self._firsts[at], self._ends[at])]


def _bounded(serial: Serial) -> int:
    """Serials that are unknown are larger than all that are known."""
    return MOST if serial >= MOST else max(int(serial), -MOST)
