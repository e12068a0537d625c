"""Changelog keys: what changelogs hold now, read once from their beginning to their ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.state.changelog import EMPTIED_KEY, MARKER_KEY, Marker, decode_marker
from streams.state.packs import PACK_KEY
from streams.worker.starts import bounds_of

from .rewind import Place

BATCH_RECORDS = 20_000
STUCK_SECONDS = 60.0


class ChangelogStuckError(Exception):
    """A changelog does not come to its end: a transaction is open in it that nobody ends."""


@dataclass(slots=True, kw_only=True)
class Held:
    """What one partition of a changelog holds."""

    keys: set[bytes] = field(default_factory=set)
    packs: dict[bytes, bytes] = field(default_factory=dict)
    """Those of ``keys`` that hold what was seen, with their values."""
    marker: Marker | None = None

    def take(self, key: bytes, value: bytes | None) -> None:
        """The next record."""
        if key == MARKER_KEY:
            self.marker = None if value is None else decode_marker(value)
        elif key == EMPTIED_KEY:
            self.keys, self.packs = set(), {}
        elif value is None:
            self.keys.discard(key)
            self.packs.pop(key, None)
        else:
            self.keys.add(key)
            if key.startswith(PACK_KEY):
                self.packs[key] = value


def read_held(
    options: Mapping[str, object], places: Iterable[Place], progress: Callable[[float], None]
) -> Mapping[Place, Held]:
    """By topic and partition what it holds; blocks. ``progress`` is told the share that has been read, 0 to 1."""
    held = {place: Held() for place in places}
    reader = Consumer(
        {
            **options, "group.id": "streams-rewind", "isolation.level": "read_committed", "enable.auto.commit": False,
            "enable.partition.eof": True, "auto.offset.reset": "error", "fetch.wait.max.ms": 50,
            "max.partition.fetch.bytes": 4 << 20,
        }
    )  # fmt: skip
    try:
        _read(reader, held, progress)
    finally:
        reader.close()
    progress(1.0)
    return held


def _read(reader: Any, held: Mapping[Place, Held], progress: Callable[[float], None]) -> None:
    bounds = {place: bounds_of(reader, *place) for place in held}
    begun = sum(first for first, _ in bounds.values())
    whole = sum(end for _, end in bounds.values()) - begun
    behind = {place: first for place, (first, end) in bounds.items() if first < end}
    at = {place: first for place, (first, _) in bounds.items()}
    reader.assign([TopicPartition(*place, first) for place, first in behind.items()])
    moved_s = time.monotonic()
    while any(at[place] < bounds[place][1] for place in behind):
        messages = reader.consume(BATCH_RECORDS, 0.2)
        for message in messages:
            _take(message, held, at)
        if messages:
            moved_s = time.monotonic()
            progress((sum(at.values()) - begun) / max(1, whole))
        elif time.monotonic() - moved_s > STUCK_SECONDS:
            names = ", ".join(sorted({place[0] for place in behind if at[place] < bounds[place][1]}))
            raise ChangelogStuckError(f"{names}: no progress for {STUCK_SECONDS:.0f} s; a transaction is open in it")


def _take(message: Any, held: Mapping[Place, Held], at: dict[Place, int]) -> None:
    place, error = (message.topic(), message.partition()), message.error()
    if error is None:
        held[place].take(message.key() or b"", message.value())
        at[place] = message.offset() + 1
    elif error.code() == KafkaError._PARTITION_EOF:
        at[place] = max(at[place], message.offset())  # past control records, which never arrive
    else:
        raise KafkaException(error)
