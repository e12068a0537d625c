"""Restore: what a task needs to know before it may process: where to start, and the state as of there.

The order matters. Committed offsets are read first, by a client that waits for pending transactions; the ends of the
changelogs after that, uncommitted records included; then the changelogs are read, committed records only, until the
*position* has come to those ends. So the state can be neither older nor newer than the offsets.
All functions block and run in a thread.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

from streams.pipeline.topology import SubTopology
from streams.state.changelog import MARKER_KEY, Marker, apply_changelog, decode_marker, encode_marker, read_marker
from streams.state.stores.base import Store
from streams.state.stores.memory import MemoryStore
from streams.state.stores.rocksdb import RocksStore, StoreLockedError

from .stop import ExitCode, stop_process
from .transactions import fence

logger = logging.getLogger("streams.worker")

BATCH_RECORDS = 20_000
STALL_SECONDS = 2.0
COORDINATOR_SECONDS = 30.0
COORDINATOR_MOVES = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)
HALF_DELETE_RETENTION_MS = 7 * 86_400_000 // 2


class OffsetMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a checkpoint leaves beside the committed offset, in under 4 kB."""

    t: str
    """transactional.id of the worker that wrote it."""
    f: str
    """Fingerprint of the plan."""
    c: str = ""
    """Hash of the changelog topics' ids."""
    e: dict[str, int] = {}
    """By changelog topic, an offset that its end has reached: a lower bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a task begins."""

    offset: int
    is_first: bool
    """Nothing was ever committed: the start must be."""
    metadata: OffsetMetadata | None


class Restorer:
    """Reads offsets and changelogs for this worker's tasks."""

    def __init__(
        self,
        options: Mapping[str, object],
        *,
        app: str,
        folder: Path | None,
        topic_ids: Mapping[str, str],
        instance_left: Callable[[str], bool],
    ) -> None:
        self._options = options
        self._app = app
        self._folder_of_all = folder
        self._topic_ids = topic_ids
        self._instance_left = instance_left
        common = {**options, "enable.auto.commit": False, "group.id": app}
        self._stable = Consumer({**common, "isolation.level": "read_committed"})
        self._uncommitted = Consumer({**common, "isolation.level": "read_uncommitted"})

    def starts(self, topic: str, partitions: list[int]) -> Mapping[int, Start]:
        """By partition, the committed offset that no pending transaction can still change."""
        committed = self._committed([TopicPartition(topic, number) for number in partitions])
        return {found.partition: self._start(found) for found in committed}

    def _committed(self, places: list[TopicPartition]) -> list[TopicPartition]:
        """Asks again while the group's coordinator moves or loads, half a minute at most."""
        deadline = time.monotonic() + COORDINATOR_SECONDS
        while True:
            try:
                committed: list[TopicPartition] = self._stable.committed(places, 60)
                return committed
            except KafkaException as error:
                if error.args[0].code() not in COORDINATOR_MOVES or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _start(self, found: TopicPartition) -> Start:
        if found.error is not None:
            raise KafkaException(found.error)
        if found.offset == OFFSET_INVALID or found.offset < 0:
            low, _ = self._uncommitted.get_watermark_offsets(TopicPartition(found.topic, found.partition), timeout=30)
            return Start(offset=low, is_first=True, metadata=None)
        metadata = None
        if found.metadata:
            try:
                metadata = msgspec.json.decode(found.metadata, type=OffsetMetadata)
            except msgspec.MsgspecError:
                logger.warning("offset of %s[%d] was committed by another program", found.topic, found.partition)
        return Start(offset=found.offset, is_first=False, metadata=metadata)

    def restore(
        self, sub: SubTopology, partition: int, start: Start, progress: Callable[[float], None]
    ) -> Store:
        """The store of a task, as of ``start``; what does not belong together is refused by name."""
        changelogs = dict(sub.changelogs)
        ends = {
            topic: self._uncommitted.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
            for topic in changelogs.values()
        }
        self._check_metadata(sub, partition, start, {topic: end for topic, (_, end) in ends.items()})
        store = self._open(sub, partition, start, ends)
        marker = read_marker(store)
        positions = {topic: marker.changelogs.get(topic, low) for topic, (low, _) in ends.items()}
        targets = {topic: end for topic, (_, end) in ends.items()}
        reader = _ChangelogReader(self, sub, partition, store, start, progress)
        marker = reader.read(positions, targets, marker)
        self._check_marker(sub, partition, start, marker)
        return store

    def _check_metadata(self, sub: SubTopology, partition: int, start: Start, ends: Mapping[str, int]) -> None:
        found = start.metadata
        if found is None:
            return
        place = f"{sub.source_topics[0]}[{partition}]"
        if found.f != sub.fingerprint:
            stop_process(
                ExitCode.STATE_REFUSED,
                f"{place}: the key, window or deduplication of a stored table has changed; give the table a new name,"
                " or start with a new STREAMS_APP",
            )
        if found.c and found.c != self._topic_ids[sub.source_topics[0]]:
            stop_process(
                ExitCode.STATE_REFUSED,
                f"{place}: a changelog topic was deleted and re-created, its state is gone;"
                " start with a new STREAMS_APP",
            )
        for topic, bound in found.e.items():
            if topic in ends and ends[topic] < bound:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{place}: changelog {topic} ends at {ends[topic]}, before {bound} where it was; it was truncated"
                    " or re-created: restore the topic, or start with a new STREAMS_APP",
                )

    def _folder(self, sub: SubTopology, partition: int) -> Path | None:
        root = self._folder_of_all
        return None if root is None else root / sub.source_topics[0] / str(partition)

    def _open(
        self, sub: SubTopology, partition: int, start: Start, ends: Mapping[str, tuple[int, int]]
    ) -> Store:
        folder = self._folder(sub, partition)
        if folder is None:
            return MemoryStore()
        store = self._open_folder(folder)
        reason = self._why_foreign(store, sub, start, ends)
        if reason is None:
            return store
        logger.warning("local state %s is %s: rebuilding it from the changelogs", folder, reason)
        store.close()
        shutil.rmtree(folder)
        return RocksStore(folder)

    def _open_folder(self, folder: Path) -> RocksStore:
        try:
            return RocksStore(folder)
        except StoreLockedError:
            stop_process(ExitCode.STORE_FAILED, f"another process holds {folder}; two workers of one STREAMS_INSTANCE?")
        except Exception:  # rocksdict's one exception: corrupt files
            logger.warning("local state %s is corrupt: rebuilding it from the changelogs", folder)
            shutil.rmtree(folder)
            return RocksStore(folder)

    def _why_foreign(
        self, store: Store, sub: SubTopology, start: Start, ends: Mapping[str, tuple[int, int]]
    ) -> str | None:
        try:
            marker = read_marker(store)
        except msgspec.MsgspecError:
            return "corrupt"
        if marker == Marker():
            return None
        if marker.fingerprint != sub.fingerprint:
            return "of another plan"
        if any(at > ends.get(topic, (0, 0))[1] for topic, at in marker.changelogs.items()):
            return "ahead of its changelog"
        if any(at > start.offset for at in marker.sources.values()):
            return "ahead of the committed offset"
        if marker.written_ms and marker.written_ms < time.time() * 1000 - HALF_DELETE_RETENTION_MS:
            return "older than the changelog keeps deletions"
        return None

    def _check_marker(self, sub: SubTopology, partition: int, start: Start, marker: Marker) -> None:
        (topic,) = sub.source_topics
        found = marker.sources.get(topic)
        if start.is_first and found is None:
            return
        if found != start.offset and not (found is None and start.metadata is None):
            stop_process(
                ExitCode.STATE_REFUSED,
                f"{topic}[{partition}]: the state is as of {found}, the committed offset is {start.offset}; they were"
                " committed together, so one of them was changed by hand. Start with a new STREAMS_APP",
            )

    def new_reader(self) -> Any:
        """A consumer for one restore."""
        return Consumer(
            {
                **self._options,
                "group.id": f"{self._app}-restore",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 1,
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": 65_536,
                "max.partition.fetch.bytes": 4 << 20,
            }
        )

    def fence_owner(self, start: Start) -> bool:
        """End the transaction of the task's former owner, if that member has left the group."""
        if start.metadata is None or not self._instance_left(start.metadata.t):
            return False
        logger.warning("fencing %s: it died in a transaction", start.metadata.t)
        fence(self._options, start.metadata.t)
        return True

    def close(self) -> None:
        """Release the clients."""
        self._stable.close()
        self._uncommitted.close()


class _ChangelogReader:
    """Reads all changelog partitions of one task to their ends."""

    def __init__(
        self,
        restorer: Restorer,
        sub: SubTopology,
        partition: int,
        store: Store,
        start: Start,
        progress: Callable[[float], None],
    ) -> None:
        self._restorer = restorer
        self._short_by_topic = {topic: short for short, topic in sub.changelogs}
        self._partition = partition
        self._store = store
        self._start = start
        self._progress = progress
        self._fingerprint = sub.fingerprint

    def read(self, positions: dict[str, int], targets: Mapping[str, int], marker: Marker) -> Marker:
        """Bring the store to ``targets``; the marker as it stands then."""
        marker = replace(marker, changelogs=dict(positions), fingerprint=self._fingerprint)
        behind = {topic for topic, end in targets.items() if positions[topic] < end}
        if behind:
            reader = self._restorer.new_reader()
            try:
                reader.assign([TopicPartition(topic, self._partition, positions[topic]) for topic in behind])
                marker = self._read_to(reader, positions, targets, marker)
            finally:
                reader.close()
        self._progress(1.0)
        return marker

    def _read_to(self, reader: Any, positions: dict[str, int], targets: Mapping[str, int], marker: Marker) -> Marker:
        begun = dict(positions)
        whole = max(1, sum(targets.values()) - sum(begun.values()))
        moved_at = time.monotonic()
        is_fenced = False
        while any(positions[topic] < end for topic, end in targets.items()):
            messages = reader.consume(BATCH_RECORDS, 0.2)
            before = sum(positions.values())
            marker = self._apply(messages, positions, marker)
            self._progress(min(1.0, (sum(positions.values()) - sum(begun.values())) / whole))
            if sum(positions.values()) > before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > STALL_SECONDS and not is_fenced:
                is_fenced = self._restorer.fence_owner(self._start)
                moved_at = time.monotonic()
        return marker

    def _apply(self, messages: list[Any], positions: dict[str, int], marker: Marker) -> Marker:
        records: dict[str, list[tuple[bytes, bytes | None]]] = {}
        for message in messages:
            error = message.error()
            topic = message.topic()
            if error is None:
                records.setdefault(topic, []).append((message.key(), message.value()))
                positions[topic] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                # Past control records and holes, which never arrive as records.
                positions[topic] = max(positions[topic], message.offset())
            else:
                raise KafkaException(error)
        for topic, entries in records.items():
            sources = marker.sources
            for key, value in entries:
                if key == MARKER_KEY and value is not None:
                    sources = decode_marker(value).sources
            marker = replace(marker, changelogs=dict(positions), sources=sources)
            apply_changelog(self._store, self._short_by_topic[topic], entries, marker)
        if not records:
            marker = replace(marker, changelogs=dict(positions))
            self._store.write({MARKER_KEY: encode_marker(marker)})
        return marker
