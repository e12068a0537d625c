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
from pathlib import Path

import msgspec

from streams.pipeline.topology import SubTopology
from streams.state.changelog import Marker, read_marker
from streams.state.overlay import store_key
from streams.state.stores.base import Store
from streams.state.stores.memory import MemoryStore
from streams.state.stores.rocksdb import RocksStore, StoreLockedError

from .changelogs import ChangelogReader, Watch
from .starts import Start, Starts
from .stop import ExitCode, stop_process
from .transactions import fence

logger = logging.getLogger("streams.worker")

HALF_DELETE_RETENTION_MS = 7 * 86_400_000 // 2


class Restorer:
    """Brings the stores of this worker's tasks to the committed offsets."""

    def __init__(
        self,
        options: Mapping[str, object],
        starts: Starts,
        *,
        folder: Path | None,
        topic_ids: Mapping[str, str],
        instance_left: Callable[[str], bool],
    ) -> None:
        self._options = options
        self._starts = starts
        self._folder_of_all = folder
        self._topic_ids = topic_ids
        self._instance_left = instance_left

    def restore(
        self, sub: SubTopology, partition: int, start: Start, watch: Watch
    ) -> Store | None:
        """The store of a task, as of ``start``; ``None`` where it is not wanted any more.

        What does not belong together is refused by name.
        """
        (source,) = sub.source_topics
        bounds = dict(self._starts.bounds([source, *(topic for _, topic in sub.changelogs)], partition))
        self._check_source(f"{source}[{partition}]", start, *bounds[source])
        ends = {topic: held for topic, held in bounds.items() if topic != source}
        self._check_metadata(sub, partition, start, {topic: end for topic, (_, end) in ends.items()})
        store = self._open(sub, partition, start, ends)
        marker = read_marker(store)
        positions = {topic: marker.changelogs.get(topic, low) for topic, (low, _) in ends.items()}
        targets = {topic: end for topic, (_, end) in ends.items()}
        reader = ChangelogReader(
            self._options, sub, partition, watch=watch, fence_owner=lambda: self._fence_owner(start)
        )
        restored = reader.read(store, positions, targets)
        if restored is None:
            store.close()
            return None
        self._check_added(sub, partition, start, store)
        self._check_marker(sub, partition, start, restored)
        return store

    def _check_source(self, place: str, start: Start, first: int, end: int) -> None:
        """Whether the source still has what was not processed; what it has no more is told, and cannot be helped."""
        if start.offset > end:
            stop_process(
                ExitCode.STATE_REFUSED,
                f"{place} ends at {end}, before the committed offset {start.offset}: it was truncated; restore the"
                " topic, or start with a new STREAMS_APP",
            )
        if start.offset < first:
            logger.error(
                "%s: records %d to %d are lost: the topic's retention removed them before they were processed;"
                " go on from %d", place, start.offset, first - 1, first,
            )  # fmt: skip

    def _check_metadata(self, sub: SubTopology, partition: int, start: Start, ends: Mapping[str, int]) -> None:
        found = start.metadata
        if found is None:
            return
        place = f"{sub.source_topics[0]}[{partition}]"
        for short, shape in sub.shapes.items():
            known = found.f.get(short, "")
            if known and known[:8] != shape:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{place}: the key, window, columns or deduplication of {short} have changed; give the table a new"
                    " name, or start with a new STREAMS_APP",
                )
            if known and known[8:] != self._topic_ids[short]:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{place}: the changelog topic of {short} was deleted and re-created, its state is gone;"
                    " give the table a new name, or start with a new STREAMS_APP",
                )
        for topic, bound in found.e.items():
            if topic in ends and ends[topic] < bound:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{place}: changelog {topic} ends at {ends[topic]}, before {bound} where it was; it was truncated"
                    " or re-created: restore the topic, or start with a new STREAMS_APP",
                )

    def _check_added(self, sub: SubTopology, partition: int, start: Start, store: Store) -> None:
        """A table that the last checkpoint did not have starts empty, or it misses what happened in between."""
        if start.metadata is None:
            return
        for short in sub.shapes.keys() - start.metadata.f.keys():
            if next(iter(store.scan(store_key(short, b""), short.encode() + b"\x01")), None) is not None:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{sub.source_topics[0]}[{partition}]: {short} was left out for a while and misses what happened"
                    " meanwhile; give the table (or the pipeline) a new name, or start with a new STREAMS_APP",
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

    def _fence_owner(self, start: Start) -> bool:
        """End the transaction of the task's former owner, if that member has left the group."""
        if start.metadata is None or not self._instance_left(start.metadata.t):
            return False
        logger.warning("fencing %s: it died in a transaction", start.metadata.t)
        fence(self._options, start.metadata.t)
        return True

