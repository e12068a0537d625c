"""pgoutput, protocols 2 to 4: transactions that come in pieces while they are open, several of them in turns.

Source: PostgreSQL 18, "Logical Replication Message Formats", Stream Start to Stream Abort. Nothing of a transaction
goes on before its Stream Commit; then all of it does, as protocol 1 sends it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from ..options import PGOUTPUT, LogError
from .pgoutput import POSTGRES_EPOCH_US, Begin, Commit, Message, decode_message
from .spool import Spool

_XID = struct.Struct(">I")
_PARTS = struct.Struct(">II")
_COMMIT = struct.Struct(">IBQQq")
STREAM_KINDS = frozenset(b"SEcA")
_IN_STREAM = frozenset(b"RYIUDTM")
"""Messages that name their (sub)transaction first while they are streamed."""


class PgOutputReader:
    """Reads every protocol of pgoutput."""

    def __init__(self, options: Mapping[str, str], spool: Spool) -> None:
        self.options = options
        self._spool = spool
        self._is_streamed = False
        self._first_lsn: dict[int, int] = {}
        """Where open transactions begin."""

    def read(self, data: bytes, lsn: int) -> Iterable[tuple[Message, int]]:
        """Messages that are sure now; raises ``LogError`` for what pgoutput does not send."""
        try:
            kind = data[0]
            if kind in STREAM_KINDS:
                return self._read_stream(data, lsn)
            if self._is_streamed:
                if kind in _IN_STREAM:
                    self._spool.add(_XID.unpack_from(data, 1)[0], lsn, data)
                return ()
            return _decoded(data, lsn)
        except (IndexError, struct.error) as error:
            raise LogError(PGOUTPUT, lsn) from error

    def _read_stream(self, data: bytes, lsn: int) -> Iterable[tuple[Message, int]]:
        match data[:1]:
            case b"S":
                (xid,) = _XID.unpack_from(data, 1)
                self._first_lsn.setdefault(xid, lsn)
                self._spool.open(xid)
                self._is_streamed = True
            case b"E":
                self._spool.close()
                self._is_streamed = False
            case b"A":
                # With streaming = parallel, when and where it was rolled back follows: nothing of it is of use.
                xid, part = _PARTS.unpack_from(data, 1)
                if xid == part:
                    self._first_lsn.pop(xid, None)
                self._spool.roll_back(xid, part)
            case _:
                return self._replay(_COMMIT.unpack_from(data, 1), lsn)
        return ()

    def _replay(self, commit: tuple[int, ...], lsn: int) -> Iterator[tuple[Message, int]]:
        """A transaction that has come in pieces, as if it came now."""
        xid, _, final_lsn, end_lsn, time_us = commit
        begin = Begin(final_lsn=final_lsn, commit_us=time_us + POSTGRES_EPOCH_US, xid=xid)
        yield begin, self._first_lsn.pop(xid, lsn)
        for at_lsn, streamed in self._spool.replay(xid):
            yield from _decoded(streamed, at_lsn, is_streamed=True)
        self._spool.forget(xid)
        yield Commit(final_lsn=final_lsn, end_lsn=end_lsn), lsn


def _decoded(data: bytes, lsn: int, *, is_streamed: bool = False) -> tuple[tuple[Message, int], ...]:
    try:
        message = decode_message(data, is_streamed=is_streamed)
    except (IndexError, struct.error, ValueError) as error:
        raise LogError(PGOUTPUT, lsn) from error
    return () if message is None else ((message, lsn),)
