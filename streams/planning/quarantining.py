"""Quarantining: what an operator has stepped over, looked at and changed, beside what workers have come to.

All functions block.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient
from msgspec.structs import replace

from streams.pipeline.topology import TopicKind, Topology
from streams.worker.quarantine import Note, QuarantineLog
from streams.worker.starts import Start, Starts
from streams.worker.topics import TopicKeeper, ids_of

from .rewinding import RefusedError

PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A range, or what was lost, and what has become of it."""

    note: Note
    state: str
    """``waiting`` for workers to come, ``within``: they are, ``passed``, or ``void``: of a topic that is gone."""
    skipped: int = 0
    """Records that workers have stepped over, committed."""


class Quarantiner:
    """Of one application."""

    def __init__(self, options: Mapping[str, object], topology: Topology) -> None:
        self._options = options
        self._topology = topology
        self._log = QuarantineLog(options, topology.app)
        self._starts = Starts(options, app=topology.app)
        self._counts: Mapping[str, int] = {}

    def wait_for_broker(self) -> None:
        """Raises ``BrokerAwayError``."""
        keeper = TopicKeeper(self._options, broker_seconds=PATIENCE_SECONDS, patience_seconds=PATIENCE_SECONDS)
        self._counts = keeper.wait_for_broker()

    def standings(self) -> list[Standing]:
        """All there are, by topic, partition and offset."""
        notes = self._log.read(committed=True)
        ids, skips = self._ids({note.topic for note in notes}), [note for note in notes if note.kind == "skipped"]
        told = [note for note in notes if note.kind != "skipped"]
        told.sort(key=lambda note: (*note.place, note.first, note.kind))
        return [self._standing(note, ids, skips) for note in told]

    def _ids(self, topics: set[str]) -> Mapping[str, str]:
        return ids_of(AdminClient({**self._options, "log_level": 0}), topics) if topics else {}

    def _standing(self, note: Note, ids: Mapping[str, str], skips: list[Note]) -> Standing:
        own = [skip for skip in skips if skip.place == note.place and skip.topic_id == note.topic_id]
        skipped = sum(skip.records for skip in own if note.is_around(skip.first))
        if note.kind == "lost":
            return Standing(note=note, state="passed")
        if ids.get(note.topic) != note.topic_id:
            return Standing(note=note, state="void", skipped=skipped)
        start = self._start(note)
        at = 0 if start.is_first else start.offset
        state = "passed" if at > note.last else "within" if at > note.first else "waiting"
        return Standing(note=note, state=state, skipped=skipped)

    def _start(self, note: Note) -> Start:
        return self._starts.read([note.topic], [note.partition])[note.place]

    def look(self, asked: Note) -> Note:
        """``asked`` as it would be added; raises ``RefusedError`` where that makes no sense."""
        topic, number = asked.place
        sources = sorted(spec.name for spec in self._topology.topics if spec.kind is TopicKind.SOURCE)
        if topic not in sources:
            raise RefusedError(f"{topic} is no source of these pipelines; there are: {', '.join(sources)}")
        if number >= self._counts.get(topic, 0):
            raise RefusedError(f"{topic} has {self._counts.get(topic, 0)} partitions, counted from 0")
        _, end = self._starts.bounds([topic], number)[topic]
        if asked.last >= end:
            raise RefusedError(f"{topic}[{number}] ends at {end}: nobody knows what will be there")
        start = self._start(asked)
        if not start.is_first and start.offset > asked.last:
            raise RefusedError(f"{topic}[{number}]: workers are at {start.offset}, behind all of it")
        now_ms = time.time_ns() // 1_000_000
        return replace(asked, topic_id=self._ids({topic})[topic], at_ms=now_ms, records=0)

    def add(self, asked: Note) -> Note:
        """Add ``asked``; workers heed it when they take the task, and at the latest within 10 s."""
        note = self.look(asked)
        self._log.write([note])
        return note

    def find(self, asked: Note, *, passed: bool) -> Note:
        """The range that is there, ``passed``: also where workers are past it; raises ``RefusedError`` otherwise."""
        for held in self.standings():
            if held.note.key == asked.key and held.note.last == asked.last:
                if held.state in ("within", "passed") and not passed:
                    raise RefusedError(
                        f"workers have passed {'some' if held.state == 'within' else 'all'} of it: to take it back"
                        " changes nothing before they read it once more (streams backfill, streams reset); --passed"
                    )
                return held.note
        raise RefusedError("there is no such range; streams quarantine list tells those that are")

    def remove(self, note: Note) -> None:
        """Take ``note`` back."""
        self._log.write([], removed=[note])


def rows_of(standings: list[Standing]) -> Iterator[Mapping[str, object]]:
    """As they are shown."""
    for held in standings:
        note = held.note
        yield {
            "topic": note.topic,
            "partition": note.partition,
            "from": note.first,
            "to": note.last,
            "kind": "lost" if note.kind == "lost" else "quarantine",
            "state": held.state,
            "skipped": held.skipped if note.kind == "range" else note.records,
            "who": note.who,
            "at": _moment(note.at_ms),
            "why": note.why,
        }


def _moment(time_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_ms / 1000))
