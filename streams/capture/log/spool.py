"""Spool: changes of transactions that are still open, on disk until they end.

A file a transaction, under a folder that is emptied at the start and removed at the end: PostgreSQL sends again what it
has not been told is safe. Memory holds only the numbers of subtransactions that were rolled back.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from io import BufferedWriter
from pathlib import Path
from types import TracebackType

from ..options import PGOUTPUT, CaptureError, LogError

_HEAD = struct.Struct(">IQI")
"""Transaction or subtransaction, place in the log, size."""
Spooled = tuple[int, bytes]
"""Place in the log, and the message as it came."""


class Spool:
    """The open transactions of ``owner``, which only one process is at a time; a context manager.

    Raises ``CaptureError`` where the disk is full.
    """

    def __init__(self, folder: Path | None, owner: str) -> None:
        name = blake2b(owner.encode(), digest_size=8).hexdigest()
        self._folder = (folder or Path(tempfile.gettempdir())) / f"capture-{name}"
        self._sizes: dict[int, int] = {}
        """Bytes by open transaction."""
        self._rolled_back: dict[int, set[int]] = {}
        self._file: BufferedWriter | None = None
        self._xid = 0

    def __enter__(self) -> Spool:
        shutil.rmtree(self._folder, ignore_errors=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, xid: int) -> None:
        """What is added from now on belongs to transaction ``xid``, until ``close``."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file, self._xid = self._path(xid).open("ab"), xid
            self._sizes.setdefault(xid, 0)
        except OSError as error:
            raise self._failed(error) from None

    def add(self, xid: int, lsn: int, data: bytes) -> None:
        """A message of the open transaction; ``xid`` is its subtransaction."""
        if self._file is None:
            raise LogError(PGOUTPUT, lsn)
        try:
            self._sizes[self._xid] += self._file.write(_HEAD.pack(xid, lsn, len(data)) + data)
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """The server goes on with something else."""
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
        except OSError as error:
            raise self._failed(error) from None

    def roll_back(self, xid: int, part: int) -> None:
        """Subtransaction ``part`` of ``xid`` did not happen; where they are the same, all of it did not."""
        if part == xid:
            self.forget(xid)
        else:
            self._rolled_back.setdefault(xid, set()).add(part)

    def forget(self, xid: int) -> None:
        """Transaction ``xid`` is over."""
        self._rolled_back.pop(xid, None)
        self._sizes.pop(xid, None)
        self._path(xid).unlink(missing_ok=True)

    def replay(self, xid: int) -> Iterator[Spooled]:
        """What of ``xid`` did happen, in order; raises ``CaptureError`` where somebody else has touched its file."""
        gone = self._rolled_back.get(xid, ())
        size = self._sizes.get(xid, 0)
        if not size:
            return
        if not self._path(xid).exists() or self._path(xid).stat().st_size != size:
            raise CaptureError(f"somebody has removed or changed files in {self._folder}; start again, it comes again")
        with self._path(xid).open("rb") as file:
            while head := file.read(_HEAD.size):
                part, lsn, length = _HEAD.unpack(head)
                data = file.read(length)
                if part not in gone:
                    yield lsn, data

    def _path(self, xid: int) -> Path:
        return self._folder / str(xid)

    def _failed(self, error: OSError) -> CaptureError:
        return CaptureError(
            f"an open transaction cannot be kept in {self._folder} ({error.strerror}); make room there, name another"
            " folder with STREAMS_DATA, or leave it to PostgreSQL's disk with --no-streaming"
        )
