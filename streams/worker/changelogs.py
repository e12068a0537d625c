"""Changelogs: read the partitions of one task to their ends, by position, into its store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from operator import methodcaller
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.pipeline.topology import SubTopology
from streams.state.changelog import EMPTIED_KEY, MARKER_KEY, Marker, apply_changelogs, decode_marker, read_marker
from streams.state.overlay import Entry
from streams.state.stores.base import Store

from .stop import ExitCode, stop_process

BATCH_BYTES = 512 << 10
"""Of values, written at once: what has been read is still near the processor when it is put into the store."""
TAKEN_RECORDS = 500
"""At once out of the client, as far as they are there: a pack of identities is as large as a thousand rows."""
WAIT_SECONDS = 0.2
STALL_SECONDS = 2.0
STUCK_SECONDS = 120.0
"""Longer than a transaction of a worker that died can hold a changelog back."""

_topic, _key, _value = (methodcaller(name) for name in ("topic", "key", "value"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who looks at a restore."""

    progress: Callable[[float], None] = lambda share: None
    """Is told the share that has been read, 0 to 1."""
    is_wanted: Callable[[], bool] = lambda: True
    """Asked now and then; once it says no, the restore ends."""


class ChangelogReader:
    """Reads all changelog partitions of one task to their ends."""

    def __init__(
        self,
        options: Mapping[str, object],
        sub: SubTopology,
        partition: int,
        *,
        watch: Watch,
        fence_owner: Callable[[], bool],
    ) -> None:
        self._options = options
        self._short_by_topic = {topic: short for short, topic in sub.changelogs}
        self._inputs = {topic: sub.inputs_of(short) for short, topic in sub.changelogs}
        self._fingerprint = sub.fingerprint
        self._partition = partition
        self._watch = watch
        self._fence_owner = fence_owner
        self.emptied: set[str] = set()
        """Changelogs that say: what they held before counts no more."""

    def read(self, store: Store, positions: dict[str, int], targets: Mapping[str, int]) -> Marker | None:
        """Bring ``store`` from ``positions`` to ``targets``; its marker then, ``None`` if nobody wants it any more."""
        marker = replace(read_marker(store), changelogs=dict(positions), fingerprint=self._fingerprint)
        behind = [topic for topic, end in targets.items() if positions[topic] < end]
        if behind:
            with closing(self._open()) as reader:
                reader.assign([TopicPartition(topic, self._partition, positions[topic]) for topic in behind])
                for messages in self._until(reader, positions, targets):
                    marker = self._apply(store, messages, positions, marker)
        self._watch.progress(1.0)
        return marker if _is_reached(positions, targets) else None

    def _open(self) -> Any:
        return Consumer(
            {
                **self._options,
                "group.id": "restore",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 1,
                # All that is wanted is there: the broker need not wait for more before it says that it was all.
                "fetch.wait.max.ms": 10,
                "queued.max.messages.kbytes": 65_536,
                "max.partition.fetch.bytes": 4 << 20,
            }
        )

    def _until(self, reader: Any, positions: Mapping[str, int], targets: Mapping[str, int]) -> Iterator[list[Any]]:
        """What is read until ``positions``, which the caller moves, have come to ``targets``."""
        begun = at = sum(positions.values())
        whole = max(1, sum(targets.values()) - begun)
        moved_s = asked_s = time.monotonic()
        is_fenced = False
        while not _is_reached(positions, targets) and self._watch.is_wanted():
            yield _take(reader)
            before, at = at, sum(positions.values())
            self._watch.progress(min(1.0, (at - begun) / whole))
            now_s = time.monotonic()
            if at > before:
                moved_s = asked_s = now_s
            elif now_s - moved_s > STUCK_SECONDS:
                behind = ", ".join(topic for topic, end in targets.items() if positions[topic] < end)
                stop_process(ExitCode.OVERDUE, f"no progress in {behind}[{self._partition}] for {STUCK_SECONDS:.0f} s")
            elif now_s - asked_s > STALL_SECONDS and not is_fenced:
                is_fenced, asked_s = self._fence_owner(), time.monotonic()

    def _apply(self, store: Store, messages: list[Any], positions: dict[str, int], marker: Marker) -> Marker:
        """Into the store in one write: the marker names the positions of all changelogs, so none may be missing."""
        records: dict[str, list[Entry]] = {}
        plans = dict(marker.plans)
        for topic, run in groupby(messages, _topic):
            entries = self._entries(topic, list(run), positions)
            records.setdefault(self._short_by_topic[topic], []).extend(entries)
            for key, value in entries:
                if key == EMPTIED_KEY:
                    self.emptied.add(topic)
                elif key == MARKER_KEY and value is not None:
                    plans[self._short_by_topic[topic]] = _own(decode_marker(value), self._inputs[topic])
        # As of now: the age of a store is that of its positions, also where it never commits anything by itself.
        now_ms = time.time_ns() // 1_000_000
        sources = {**marker.sources, **_hindmost(plans)}
        marker = replace(marker, changelogs=dict(positions), sources=sources, plans=plans, written_ms=now_ms)
        apply_changelogs(store, records, marker)
        return marker

    def _entries(self, topic: str, run: list[Any], positions: dict[str, int]) -> list[Entry]:
        """Of messages of one topic; its position moves behind them."""
        ends = [message for message in run if message.error() is not None]
        for end in ends:
            if end.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(end.error())
            # Past control records and holes, which never arrive as records.
            positions[topic] = max(positions[topic], end.offset())
        held = [message for message in run if message not in ends] if ends else run
        if held:
            positions[topic] = max(positions[topic], held[-1].offset() + 1)
        return list(zip(map(_key, held), map(_value, held), strict=True))


def _take(reader: Any) -> list[Any]:
    """What is there, as soon as something is: to wait for a full batch is to wait for nothing where the log ends."""
    messages: list[Any] = reader.consume(1, WAIT_SECONDS)
    more, size = messages, 0
    while more and (size := size + sum(map(len, more))) < BATCH_BYTES:
        more = reader.consume(TAKEN_RECORDS, 0)
        messages += more
    return messages


def _own(marker: Marker, inputs: Iterable[str]) -> Mapping[str, int]:
    """Positions that a marker is the one to tell: another pipeline's topic may long be read by others' tasks."""
    return {topic: marker.sources[topic] for topic in inputs if topic in marker.sources}


def _hindmost(plans: Mapping[str, Mapping[str, int]]) -> Mapping[str, int]:
    """By topic the least position: a pipeline that was set back reads what others of its task have processed."""
    least: dict[str, int] = {}
    for places in plans.values():
        for topic, offset in places.items():
            least[topic] = min(offset, least.get(topic, offset))
    return least


def _is_reached(positions: Mapping[str, int], targets: Mapping[str, int]) -> bool:
    return all(positions[topic] >= end for topic, end in targets.items())
