"""pgoutput: bytes of PostgreSQL's logical replication become values. No I/O.

Source: PostgreSQL 18, "Logical Replication Message Formats". Values come in text form.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from msgspec import Struct

POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01, microseconds since 1970."""


class _Unchanged:
    """Stands for a TOASTed value that did not change and was not sent."""

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED = _Unchanged()
Value = str | None | _Unchanged
Values = tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A committed transaction starts."""

    final_lsn: int
    """Where its commit record stands."""
    commit_us: int
    """Commit time, microseconds since 1970."""
    xid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A transaction is complete."""

    final_lsn: int
    end_lsn: int
    """What may be confirmed once everything before it is safe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnShape:
    """A column as the stream describes it."""

    name: str
    type_oid: int
    is_key: bool
    """Part of the replica identity."""
    typmod: int | None = None
    """As ``pg_attribute.atttypmod``: precision, scale or length, -1: none; ``None``: the log does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table; sent before its first change and after every change of its shape."""

    oid: int
    schema: str
    table: str
    identity: str
    """``d`` default, ``f`` full, ``i`` index, ``n`` nothing."""
    columns: tuple[ColumnShape, ...]


class Insert(Struct, frozen=True, kw_only=True, gc=False):
    """A row came."""

    oid: int
    new: Values


class Update(Struct, frozen=True, kw_only=True, gc=False):
    """A row changed; ``old`` only where its identity changed or is full."""

    oid: int
    old: Values | None
    is_old_whole: bool
    new: Values


class Delete(Struct, frozen=True, kw_only=True, gc=False):
    """A row went."""

    oid: int
    old: Values
    is_old_whole: bool
    """REPLICA IDENTITY FULL: all columns are there, not only the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """Tables were emptied."""

    oids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalMessage:
    """``pg_logical_emit_message``."""

    is_transactional: bool
    prefix: str
    content: bytes


Message = Begin | Commit | Relation | Insert | Update | Delete | Truncate | LogicalMessage


_COUNT, _SIZE = struct.Struct(">H").unpack_from, struct.Struct(">I").unpack_from
_TEXT, _NULL, _SAME = b"tnu"
_NEW, _OLD = b"NO"


class _Reader:
    """Takes values off the front of a message."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return values

    def text(self) -> str:
        end = self._data.index(b"\0", self._at)
        text = self._data[self._at : end].decode()
        self._at = end + 1
        return text

    def raw(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise ValueError("a message that ends too early")
        held = self._data[self._at : end]
        self._at = end
        return held

    def letter(self) -> str:
        return self.raw(1).decode()


def _values(data: bytes, at: int) -> tuple[Values, int]:
    """A row's values, in the order of its columns, and where they end. Plain loops over locals: once a change."""
    values: list[Value] = []
    size = len(data)
    (count,) = _COUNT(data, at)
    at += 2
    for _ in range(count):
        kind = data[at]
        if kind == _TEXT:
            end = at + 5 + _SIZE(data, at + 1)[0]
            if end > size:
                raise ValueError("a message that ends too early")
            values.append(data[at + 5 : end].decode())
            at = end
        elif kind == _NULL:
            values.append(None)
            at += 1
        elif kind == _SAME:
            values.append(UNCHANGED)
            at += 1
        else:
            raise ValueError("a value in a form that was not asked for")
    return tuple(values), at


def decode_message(data: bytes, *, is_streamed: bool = False) -> Message | None:
    """The message in ``data``; ``None`` for kinds that say nothing of rows (origin, type).

    One that is streamed while its transaction is open names that first.
    """
    at = 5 if is_streamed else 1
    match data[:1]:
        case b"I":
            return Insert(oid=_SIZE(data, at)[0], new=_values(data, at + 5)[0])
        case b"U":
            return _update(data, at)
        case b"D":
            old, _ = _values(data, at + 5)
            return Delete(oid=_SIZE(data, at)[0], old=old, is_old_whole=data[at + 4] == _OLD)
    reader = _Reader(data, at)
    match data[:1]:
        case b"B":
            final_lsn, time_us, xid = reader.take(">QqI")
            return Begin(final_lsn=final_lsn, commit_us=time_us + POSTGRES_EPOCH_US, xid=xid)
        case b"C":
            _, final_lsn, end_lsn, _ = reader.take(">BQQq")
            return Commit(final_lsn=final_lsn, end_lsn=end_lsn)
        case b"R":
            return _relation(reader)
        case b"T":
            count, _ = reader.take(">IB")
            return Truncate(oids=reader.take(f">{count}I"))
        case b"M":
            return _logical_message(reader)
        case b"O" | b"Y":
            return None
        case unknown:
            raise ValueError(f"pgoutput message {unknown!r} is not known")


def _relation(reader: _Reader) -> Relation:
    (oid,) = reader.take(">I")
    schema, table, identity = reader.text(), reader.text(), reader.letter()
    (count,) = reader.take(">H")
    columns = []
    for _ in range(count):
        (flags,) = reader.take(">B")
        name = reader.text()
        type_oid, typmod = reader.take(">Ii")
        columns.append(ColumnShape(name=name, type_oid=type_oid, is_key=bool(flags & 1), typmod=typmod))
    return Relation(oid=oid, schema=schema or "pg_catalog", table=table, identity=identity, columns=tuple(columns))


def _update(data: bytes, at: int) -> Update:
    (oid,), kind, at = _SIZE(data, at), data[at + 4], at + 5
    if kind == _NEW:
        return Update(oid=oid, old=None, is_old_whole=False, new=_values(data, at)[0])
    old, at = _values(data, at)
    return Update(oid=oid, old=old, is_old_whole=kind == _OLD, new=_values(data, at + 1)[0])


def _logical_message(reader: _Reader) -> LogicalMessage:
    flags, _ = reader.take(">BQ")
    prefix = reader.text()
    (size,) = reader.take(">I")
    return LogicalMessage(is_transactional=bool(flags & 1), prefix=prefix, content=reader.raw(size))
