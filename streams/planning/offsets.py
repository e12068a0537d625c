"""Offsets: where in its topics a pipeline is to begin again: at the first record, by time, or by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from confluent_kafka import Consumer, TopicPartition

from streams.worker.starts import bounds_of

from .rewind import Offsets, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """The place that was asked for; nothing given: the first record that is still there."""

    time_ms: int | None = None
    """The first record that was written at that time or later, ms since the epoch."""
    by_partition: Mapping[int, int] = field(default_factory=dict)


def find_offsets(options: Mapping[str, object], counts: Mapping[str, int], since: Since) -> tuple[Offsets, Offsets]:
    """By topic and partition (where ``since`` is, the end); ``counts``: partitions by topic. Blocks."""
    reader = Consumer({**options, "group.id": "streams-rewind", "enable.auto.commit": False})
    try:
        places = [(topic, number) for topic, count in counts.items() for number in range(count)]
        bounds = {place: bounds_of(reader, *place) for place in places}
        ends = {place: end for place, (_, end) in bounds.items()}
        if since.time_ms is None:
            return {place: _within(since.by_partition.get(place[1]), *bounds[place]) for place in places}, ends
        asked = [TopicPartition(*place, since.time_ms) for place in places]
        found = {(held.topic, held.partition): held.offset for held in reader.offsets_for_times(asked, 60)}
        return {place: _at(found, place, ends) for place in places}, ends
    finally:
        reader.close()


def _within(offset: int | None, first: int, end: int) -> int:
    return first if offset is None else max(first, min(offset, end))


def _at(found: Mapping[Place, int], place: Place, ends: Offsets) -> int:
    """Nothing is that new: the end."""
    return found[place] if found[place] >= 0 else ends[place]
