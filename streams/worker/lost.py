"""Lost: records that the source's retention removed before they were processed.

Nobody can bring them back, so somebody has to decide. Until then their task waits: its worker goes on with others, is
not ready, and tells the range in its log, its metrics and its status. To put the range into quarantine is to accept
the loss; ``STREAMS_LOST_RECORDS=continue`` accepts all of them. Either way it is written down.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from prometheus_client import Gauge

from streams.settings import Settings

from .background import Background
from .quarantine import Note, Place, Quarantine
from .starts import Start, Starts

logger = logging.getLogger("streams.worker")

LOOK_SECONDS = 3.0
TELL_SECONDS = 60.0


class LostRecords:
    """Looks for them when tasks are taken, and holds their tasks back."""

    def __init__(self, quarantine: Quarantine, gauge: Gauge, background: Background, settings: Settings) -> None:
        self._background = background
        self.quarantine = quarantine
        self._gauge = gauge
        self._goes_on = settings.lost_records == "continue"
        self._known: dict[Place, tuple[Note, bool]] = {}

    def found(self) -> list[dict[str, object]]:
        """What is lost of this worker's tasks, and whether they wait for somebody to accept it."""
        held = sorted(self._known.items())
        return [
            {"topic": note.topic, "partition": note.partition, "from": note.first, "to": note.last, "waits": waits}
            for _, (note, waits) in held
        ]

    def forget(self) -> None:
        """This worker has no tasks any more."""
        self._known = {}

    async def settle(
        self, begins: Mapping[Place, Start], starts: Starts, is_wanted: Callable[[], bool]
    ) -> Mapping[Place, Start] | None:
        """``begins``, behind what is lost of them; ``None`` where a rebalance came before that was accepted."""
        told_s = -TELL_SECONDS
        while is_wanted():
            lost = _lost(begins, await self._background.run(starts.firsts, begins))
            waiting = [note for note in lost if not self._is_accepted(note)]
            self._note(lost, waiting)
            if not waiting:
                return await self._accept(lost, begins)
            if time.monotonic() - told_s >= TELL_SECONDS:
                told_s = time.monotonic()
                _tell(waiting)
            await asyncio.sleep(LOOK_SECONDS)
            await self._background.run(self.quarantine.refresh)
        return None

    def _is_accepted(self, note: Note) -> bool:
        return self._goes_on or self.quarantine.covers(note.place, note.first, note.last)

    def _note(self, lost: Iterable[Note], waiting: list[Note]) -> None:
        for note in lost:
            self._known[note.place] = note, note in waiting
            self._gauge.labels(note.topic, str(note.partition)).set(note.records)

    async def _accept(self, lost: list[Note], begins: Mapping[Place, Start]) -> Mapping[Place, Start]:
        moved = dict(begins)
        for note in lost:
            logger.error("%s: go on from %d", _said(note), note.last + 1)
            moved[note.place] = replace(begins[note.place], offset=note.last + 1)
        if lost:
            await self._background.run(self.quarantine.note_lost, lost)
        return moved


def _lost(begins: Mapping[Place, Start], firsts: Mapping[Place, int]) -> list[Note]:
    return [
        Note(kind="lost", topic=topic, partition=number, first=start.offset, last=firsts[topic, number] - 1,
             records=firsts[topic, number] - start.offset)
        for (topic, number), start in sorted(begins.items())
        if start.offset < firsts[topic, number]
    ]  # fmt: skip


def _said(note: Note) -> str:
    return (
        f"{note.topic}[{note.partition}]: records {note.first} to {note.last} are lost: the topic's retention removed"
        " them before they were processed"
    )


def _tell(waiting: Iterable[Note]) -> None:
    for note in waiting:
        logger.error(
            "%s; the task waits. To go on without them: streams quarantine add %s %d %d-%d --why TEXT, or start with"
            " STREAMS_LOST_RECORDS=continue", _said(note), note.topic, note.partition, note.first, note.last,
        )  # fmt: skip
