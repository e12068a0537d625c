"""In hand: which records are being processed, where it outlives the process.

A record that kills the process (the kernel's hand, a broken library, a loop without end) leaves no last words, and
kills the next one, too. So the batch in hand stands in a small file, mapped into memory: to write it costs no call of
the system. Who starts finds what its predecessor died of. After the second time at one place those records are gone
through one by one; after the third the culprit is known by its offset, and told with the command that steps over it.
"""

from __future__ import annotations

import logging
import mmap
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from streams.records import RecordBatch

logger = logging.getLogger("streams.worker")

HALF = 2_048
"""Bytes of the file for the batch in hand, and as many for what was found at the last start."""
ONE_BY_ONE = 2
"""Deaths at one place from which on its records are taken one by one."""
_NOTHING = b"\0"


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """Records in whose hands processes have died."""

    topic: str
    partition: int
    first: int
    last: int
    deaths: int = 1

    def meets(self, other: Suspect) -> bool:
        """Some records are in both."""
        is_same = (self.topic, self.partition) == (other.topic, other.partition)
        return is_same and self.first <= other.last and other.first <= self.last

    def after(self, before: Suspect | None) -> Suspect:
        """The same death once more: what both have in common is to blame."""
        if before is None or not self.meets(before):
            return self
        return msgspec.structs.replace(
            self, first=max(self.first, before.first), last=min(self.last, before.last), deaths=before.deaths + 1
        )


class InHand:
    """The batch in hand of this process, and what its predecessors died of."""

    def __init__(self) -> None:
        self._map: mmap.mmap | None = None
        self.suspect: Suspect | None = None

    def open(self, path: Path) -> None:
        """Begin: look what is left in the file, and use it from now on."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("ab+") as held:
                # To write where a full disk has no block yet would end the process.
                os.posix_fallocate(held.fileno(), 0, 2 * HALF)
                self._map = mmap.mmap(held.fileno(), 2 * HALF)
        except OSError as error:
            logger.warning("what is in hand is not kept: %s", error.strerror)
            return
        died = self._read(0)
        self.suspect = None if died is None else died.after(self._read(HALF))
        self._write(HALF, self.suspect)
        self._write(0, None)
        if self.suspect is not None:
            _tell(self.suspect)

    def take(self, batch: RecordBatch) -> None:
        """``batch`` is being processed."""
        if self._map is not None:
            first, last = batch.records[0].offset, batch.records[-1].offset
            self._write(0, Suspect(topic=batch.topic, partition=batch.partition, first=first, last=last))

    def put_down(self) -> None:
        """Nothing is in hand."""
        if self._map is not None:
            self._map[0:1] = _NOTHING

    def parts(self, batch: RecordBatch) -> Iterable[RecordBatch]:
        """``batch``; where processes have died of it again and again, record by record."""
        suspect = self.suspect
        if suspect is None or suspect.deaths < ONE_BY_ONE:
            return (batch,)
        if (suspect.topic, suspect.partition) != (batch.topic, batch.partition):
            return (batch,)
        if not any(suspect.first <= record.offset <= suspect.last for record in batch.records):
            return (batch,)
        return [replace(batch, records=[record], next_offset=record.offset + 1) for record in batch.records]

    def said(self) -> str:
        """What is in hand now, for last words; empty: nothing. Any thread may ask."""
        found = None if self._map is None else self._read(0)
        return "" if found is None else f" while {_place(found)} is processed; if it comes back: {_command(found)}"

    def _read(self, at: int) -> Suspect | None:
        assert self._map is not None
        text = self._map[at : at + HALF].rstrip(_NOTHING)
        try:
            return None if text[:1] in (b"", _NOTHING) else msgspec.json.decode(text, type=Suspect)
        except msgspec.MsgspecError:
            return None  # died while it was written: nothing was in hand yet

    def _write(self, at: int, held: Suspect | None) -> None:
        assert self._map is not None
        text = b"" if held is None else msgspec.json.encode(held)
        self._map[at : at + HALF] = text[:HALF].ljust(HALF, _NOTHING)


def _place(held: Suspect) -> str:
    return f"{held.topic}[{held.partition}]@{held.first}" + (f" to {held.last}" if held.first < held.last else "")


def _command(held: Suspect) -> str:
    return f"streams quarantine add {held.topic} {held.partition} {held.first}-{held.last} --why TEXT"


def _tell(suspect: Suspect) -> None:
    if suspect.deaths == 1:
        logger.info("the last run ended while %s was processed", _place(suspect))
    elif suspect.first < suspect.last:
        logger.warning(
            "%d runs ended while %s was processed: its records are taken one by one, to find the one that does it",
            suspect.deaths, _place(suspect),
        )  # fmt: skip
    else:
        logger.error("%d runs ended at %s; to step over it: %s", suspect.deaths, _place(suspect), _command(suspect))
