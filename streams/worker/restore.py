"""Restore: what a task needs to know before it may process: where to start, and the state as of there.

The order matters. Committed offsets are read first, by a client that waits for pending transactions; the ends of the
changelogs after that, uncommitted records included; then the changelogs are read, committed records only, until the
*position* has come to those ends. So the state can be neither older nor newer than the offsets.
All functions block and run in a thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping

import msgspec

from streams.pipeline.topology import SubTopology
from streams.state.changelog import Marker, read_marker
from streams.state.overlay import store_key
from streams.state.stores.base import Store, StoreLostError

from .changelogs import ChangelogReader, Watch
from .starts import Start, Starts
from .stop import ExitCode, stop_process
from .stores import Stores
from .topics import TopicIds
from .transactions import fence

logger = logging.getLogger("streams.worker")

Starting = Mapping[str, Start]
"""By input, where it begins."""
HALF_DELETE_RETENTION_MS = 7 * 86_400_000 // 2


def recreated(offset: int | None = None) -> str:
    """What is wrong with a source that has another id than it had."""
    stood = "" if offset is None else f" (we stood at {offset})"
    return (
        f"the topic was deleted and re-created: its offsets{stood} are of other records now, and what was not processed"
        " is gone with the old one; let its pipelines begin anew: streams reset PIPELINE"
    )


class Restorer:
    """Brings the stores of this worker's tasks to the committed offsets."""

    def __init__(
        self,
        options: Mapping[str, object],
        starts: Starts,
        *,
        stores: Stores,
        topic_ids: TopicIds,
        instance_left: Callable[[str], bool],
    ) -> None:
        self._options = options
        self._starts = starts
        self._stores = stores
        self._topic_ids = topic_ids
        self._instance_left = instance_left

    def restore(
        self, sub: SubTopology, partition: int, starts: Starting, watch: Watch
    ) -> Store | None:
        """The store of a task, as of ``starts`` of its inputs; ``None`` where it is not wanted any more.

        What does not belong together is refused by name.
        """
        try:
            return self._restore(sub, partition, starts, watch)
        except StoreLostError:
            if watch.is_wanted():
                raise
            return None  # whoever has the task now was quicker

    def _restore(
        self, sub: SubTopology, partition: int, starts: Starting, watch: Watch
    ) -> Store | None:
        bounds = dict(self._starts.bounds([*starts, *(topic for _, topic in sub.changelogs)], partition))
        for source, start in starts.items():
            self._check_source(source, partition, start, end=bounds.pop(source)[1])
        targets = {topic: end for topic, (_, end) in bounds.items()}
        for source, start in starts.items():
            self._check_metadata(sub, f"{source}[{partition}]", start, targets)
        store = self._open(sub, partition, starts, targets)
        marker = read_marker(store)
        positions = {topic: max(low, marker.changelogs.get(topic, 0)) for topic, (low, _) in bounds.items()}
        cut = {topic: at for topic, at in positions.items() if at > marker.changelogs.get(topic, 0)}
        reader = ChangelogReader(
            self._options, sub, partition, watch=watch, fence_owner=lambda: self._fence_owners(starts)
        )
        restored = reader.read(store, positions, targets)
        if restored is None:
            store.close()
            return None
        self._check_heads(partition, cut, reader.emptied)
        self._check_added(sub, partition, starts, store)
        for source, start in starts.items():
            self._check_marker(f"{source}[{partition}]", start, _told(restored, source))
        return store

    def _check_source(self, topic: str, partition: int, start: Start, *, end: int) -> None:
        """Whether the offset still means what it meant when it was committed."""
        place, known = f"{topic}[{partition}]", "" if start.metadata is None else start.metadata.s
        if known and known != self._topic_ids.inputs[topic]:
            stop_process(ExitCode.STATE_REFUSED, f"{place}: {recreated(start.offset)}")
        if start.offset > end:
            stop_process(
                ExitCode.STATE_REFUSED,
                f"{place} ends at {end}, before the committed offset {start.offset}: it was truncated; restore the"
                " topic, or start with a new STREAMS_APP",
            )

    def _check_metadata(self, sub: SubTopology, place: str, start: Start, ends: Mapping[str, int]) -> None:
        found = start.metadata
        if found is None:
            return
        for short, shape in sub.shapes.items():
            known = found.f.get(short, "")
            if known and known[:8] != shape:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{place}: the key, window, columns or deduplication of {short} have changed; give the table a new"
                    " name, or let its pipeline begin anew: streams reset PIPELINE",
                )
            if known and known[8:] != self._topic_ids.changelogs[short]:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{place}: the changelog topic of {short} was deleted and re-created, its state is gone;"
                    " give the table a new name, or let its pipeline begin anew: streams reset PIPELINE",
                )
        for topic, bound in found.e.items():
            if topic in ends and ends[topic] < bound:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{place}: changelog {topic} ends at {ends[topic]}, before {bound} where it was; it was truncated"
                    " or re-created: restore the topic, or start with a new STREAMS_APP",
                )

    def _check_heads(self, partition: int, cut: Mapping[str, int], emptied: Collection[str]) -> None:
        """Compaction leaves the start of a log where it is: records that are missing there were deleted by somebody."""
        for topic, first in cut.items():
            if topic not in emptied:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{topic}[{partition}] begins at {first}: what was before has been deleted, and with it a part of"
                    " the state; restore the topic, or let its pipeline begin anew: streams reset PIPELINE",
                )

    def _check_added(self, sub: SubTopology, partition: int, starts: Starting, store: Store) -> None:
        """A table that the last checkpoint did not have starts empty, or it misses what happened in between."""
        told = [start.metadata.f for start in starts.values() if start.metadata is not None]
        if not told:
            return
        for short in sub.shapes.keys() - {known for shapes in told for known in shapes}:
            if next(iter(store.scan(store_key(short, b""), short.encode() + b"\x01")), None) is not None:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{sub.source_topics[0]}[{partition}]: {short} was left out for a while and misses what happened"
                    " meanwhile; give the table (or the pipeline) a new name, or: streams reset PIPELINE",
                )

    def _open(
        self, sub: SubTopology, partition: int, starts: Starting, ends: Mapping[str, int]
    ) -> Store:
        place = sub.source_topics[0], partition
        store = self._stores.open(place)
        reason = self._why_foreign(store, sub, starts, ends)
        if reason is None:
            return store
        logger.warning("%s is %s: rebuilding it from the changelogs", self._stores.name_of(place), reason)
        return self._stores.renew(place, store)

    def _why_foreign(
        self, store: Store, sub: SubTopology, starts: Starting, ends: Mapping[str, int]
    ) -> str | None:
        try:
            marker = read_marker(store)
        except msgspec.MsgspecError:
            return "corrupt"
        if marker == Marker():
            return None if next(iter(store.scan(b"", b"\xff" * 8)), None) is None else "without its marker"
        if marker.fingerprint != sub.fingerprint:
            return "of another plan"
        if any(at > ends.get(topic, 0) for topic, at in marker.changelogs.items()):
            return "ahead of its changelog"
        if any(at > starts[topic].offset for topic, at in marker.sources.items() if topic in starts):
            return "ahead of the committed offset"
        if marker.written_ms and marker.written_ms < time.time() * 1000 - HALF_DELETE_RETENTION_MS:
            return "older than the changelog keeps deletions"
        return None

    def _check_marker(self, place: str, start: Start, found: frozenset[int]) -> None:
        if not found and (start.is_first or start.metadata is None):
            return
        if start.offset not in found:
            as_of = ", ".join(map(str, sorted(found))) or "nothing"
            if start.is_first:
                stop_process(
                    ExitCode.STATE_REFUSED,
                    f"{place}: the state is as of {as_of}, and Kafka has no offset of this group any more: it forgets"
                    " them where a topic is deleted and re-created, or where nobody ran for long (offsets.retention);"
                    " let its pipelines begin anew: streams reset PIPELINE",
                )
            stop_process(
                ExitCode.STATE_REFUSED,
                f"{place}: the state is as of {as_of}, the committed offset is {start.offset}; they were"
                " committed together, so one of them was changed by hand. Start with a new STREAMS_APP",
            )

    def _fence_owners(self, starts: Starting) -> bool:
        """End the transaction of the task's former owner, if that member has left the group.

        There are two where inputs that were read apart have just come together.
        """
        owners = {start.metadata.t for start in starts.values() if start.metadata is not None}
        gone = [owner for owner in sorted(owners) if self._instance_left(owner)]
        for owner in gone:
            logger.warning("fencing %s: it died in a transaction", owner)
            fence(self._options, owner)
        return bool(gone)


def _told(marker: Marker, source: str) -> frozenset[int]:
    """Where the pipelines of a task go on in ``source``: the hindmost at the committed offset, others perhaps ahead."""
    told = frozenset(places[source] for places in marker.plans.values() if source in places)
    return told or frozenset([marker.sources[source]] if source in marker.sources else ())
