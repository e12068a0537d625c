"""Rewinding: a rewind carried out in one Kafka transaction: what is forgotten, the new markers, the new offsets.

Whoever ends it in the middle has changed nothing, and runs it again. No worker may be in the group: it is looked at
before, and once more between the new offsets and the commit. A worker that joins later waits, with the offsets that it
reads, for this transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec import structs

from streams.pipeline.tables import state_changelog
from streams.pipeline.topology import Topology
from streams.pipeline.truncating.build import fit_partitions
from streams.state.changelog import EMPTIED_KEY, MARKER_KEY, Marker, encode_marker
from streams.state.overlay import Entry
from streams.state.packs import pack_keys, pack_number
from streams.worker.starts import OffsetMetadata, Start, Starts, encode_metadata
from streams.worker.topics import TopicIds, TopicKeeper, group_instances
from streams.worker.transactions import fence

from .changelog_keys import Held, read_held
from .offsets import Since, find_offsets
from .rewind import Mode, Offsets, Place, Rewind, Share, begins_of, commits_of, needs_told, notes_of, shares_of

LEAVE_SECONDS = 15.0
"""A worker that was stopped is a member for its session of 10 s."""
SHORTEST_TRANSACTION_MS = 30_000
LONGEST_TRANSACTION_MS = 900_000
"""What a broker allows unless it was told otherwise."""
KEYS_PER_MS = 20
CALL_SECONDS = 60.0
PATIENCE_SECONDS = 5.0

Progress = Callable[[float], None]


class RefusedError(Exception):
    """Nothing was changed, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was changed."""

    rewind: Rewind
    forgotten: Mapping[str, int]
    """Records that count no more, by changelog's short name."""


class Rewinder:
    """Sets pipelines of one application back."""

    def __init__(self, options: Mapping[str, object], topology: Topology) -> None:
        self._options = options
        self._topology = topology
        self._app = topology.app
        self._id = f"{topology.app}--rewind"  # no instance begins so: it fences nobody but another rewind
        self._starts = Starts(options, app=topology.app)
        self._keeper = TopicKeeper(options, broker_seconds=PATIENCE_SECONDS, patience_seconds=PATIENCE_SECONDS)
        self._metadata: dict[Place, OffsetMetadata | None] = {}

    def look(self, mode: Mode, names: tuple[str, ...], since: Since) -> Rewind:
        """What is to be done, as things are now; changes nothing. Raises ``RefusedError`` where nothing has run."""
        self._topology = fit_partitions(self._topology, counts := self._keeper.wait_for_broker())
        shares = shares_of(self._topology, names)
        source_of = {spec.name: spec.source for spec in self._topology.topics}
        topics = [topic for share in shares for topic in share.sub.source_topics]
        if missing := [topic for topic in topics if source_of[topic] not in counts]:
            raise RefusedError(f"{missing[0]} does not exist: there is nothing to go back to")
        partitions = {topic: counts.get(topic, counts[source_of[topic]]) for topic in topics}
        there = {topic: partitions[topic] for topic in topics if topic in counts}
        starts = self._read_starts(there)
        if _never_ran(shares, starts, counts):
            raise RefusedError(f"{', '.join(names)}: has not run as {self._app}; there is nothing to forget")
        found, ends = find_offsets(self._options, there, since)
        none = {(topic, number): 0 for topic in topics for number in range(partitions[topic])}
        committed = none | {place: start.offset for place, start in starts.items()}
        _check_offsets(shares, partitions, since)
        self._metadata = {place: start.metadata for place, start in starts.items()}
        return Rewind(
            mode=mode,
            names=names,
            shares=shares,
            committed=committed,
            begins=begins_of(shares, self._topology, found, committed if mode is Mode.BACKFILL else {**none, **ends}),
            partitions=partitions,
            notes=tuple(notes_of(shares, self._topology, mode)),
        )

    def _read_starts(self, partitions: Mapping[str, int]) -> Mapping[Place, Start]:
        return {
            place: start
            for topic, count in partitions.items()
            for place, start in self._starts.read([topic], range(count)).items()
        }

    def members(self) -> frozenset[str]:
        """Workers in the group, by instance."""
        return group_instances(self._options, self._app)

    def carry_out(
        self, mode: Mode, names: tuple[str, ...], since: Since, *, max_record_bytes: int, progress: Progress
    ) -> Done:
        """Do it; blocks. Raises ``RefusedError`` where workers run, and then nothing has changed."""
        self._wait_until_empty()
        self._topology = fit_partitions(self._topology, self._keeper.wait_for_broker())
        self._keeper.prepare(self._topology, max_record_bytes=max_record_bytes)
        self.look(mode, names, since)
        for owner in sorted({held.t for held in self._metadata.values() if held is not None} - {self._id}):
            fence(self._options, owner)  # it has left the group: what it had not committed does not come any more
        rewind = self.look(mode, names, since)
        held = read_held(self._options, self._places(rewind), progress)
        rewind = _aligned(rewind, held)
        records = {place: list(_records(rewind, place, held[place])) for place in self._own_places(rewind)}
        self._transact(rewind, records, self._commits(rewind, held))
        short_by_topic = {topic: short for share in rewind.shares for short, topic in share.changelogs.items()}
        forgotten = dict.fromkeys(short_by_topic.values(), 0)
        for (topic, _), made in records.items():
            forgotten[short_by_topic[topic]] += sum(value is None for _, value in made)
        return Done(rewind=rewind, forgotten=forgotten)

    def _wait_until_empty(self) -> None:
        deadline = time.monotonic() + LEAVE_SECONDS
        while members := self.members():
            if time.monotonic() > deadline:
                raise RefusedError(_still_there(members))
            time.sleep(0.5)

    # -- what is read

    def _own_places(self, rewind: Rewind) -> Iterator[Place]:
        for share in rewind.shares:
            for topic in share.changelogs.values():
                yield from ((topic, number) for number in range(rewind.partitions[share.sub.source_topics[0]]))

    def _places(self, rewind: Rewind) -> Iterator[Place]:
        """The changelogs of what is set back, and where it matters the markers of others."""
        yield from self._own_places(rewind)
        for share in rewind.shares:
            if needs_told(share, rewind):
                topics = dict(share.sub.changelogs)
                for plan in share.others:
                    count = rewind.partitions[share.sub.source_topics[0]]
                    yield from ((topics[state_changelog(plan)], number) for number in range(count))

    # -- what is written

    def _commits(self, rewind: Rewind, held: Mapping[Place, Held]) -> list[TopicPartition]:
        ids = self._keeper.topic_ids(self._topology)
        offsets = []
        for share in rewind.shares:
            told = {plan.name: _told(share, state_changelog(plan), held) for plan in share.others}
            for (topic, number), offset in commits_of(share, rewind, told).items():
                metadata = _metadata(share, self._metadata.get((topic, number)), ids, self._id)
                if (topic, number) in rewind.begins:
                    metadata = structs.replace(metadata, s=ids.inputs[topic])
                offsets.append(TopicPartition(topic, number, offset, encode_metadata(metadata)))
        return offsets

    def _transact(self, rewind: Rewind, records: Mapping[Place, list[Entry]], offsets: list[TopicPartition]) -> None:
        count = sum(map(len, records.values()))
        producer = self._producer(count)
        member = Consumer({**self._options, "group.id": self._app, "enable.auto.commit": False})
        try:
            producer.init_transactions(CALL_SECONDS)
            producer.begin_transaction()
            for (topic, number), made in records.items():
                _send(producer, topic, number, made)
            producer.send_offsets_to_transaction(offsets, member.consumer_group_metadata(), CALL_SECONDS)
            if members := self.members():
                producer.abort_transaction(CALL_SECONDS)
                raise RefusedError(_still_there(members))
            producer.commit_transaction(CALL_SECONDS)
        finally:
            member.close()

    def _producer(self, count: int) -> Any:
        timeout_ms = min(LONGEST_TRANSACTION_MS, SHORTEST_TRANSACTION_MS + count // KEYS_PER_MS)
        return Producer(
            {
                **self._options,
                "transactional.id": self._id,
                "transaction.timeout.ms": timeout_ms,
                "message.timeout.ms": timeout_ms,
                "linger.ms": 5,
            }
        )


def _never_ran(shares: Iterable[Share], starts: Mapping[Place, Start], topics: Collection[str]) -> bool:
    """Neither offsets nor changelogs are there; Kafka forgets offsets where a source is deleted."""
    kept = {topic for share in shares for topic in share.changelogs.values()}
    return all(start.is_first for start in starts.values()) and kept.isdisjoint(topics)


def _check_offsets(shares: Iterable[Share], partitions: Mapping[str, int], since: Since) -> None:
    """Offsets are told of every partition, or of none: what nobody named would be read from its first record."""
    for topic in {plan.topic for share in shares for plan in share.plans if plan.name == plan.pipeline}:
        if since.by_partition and sorted(since.by_partition) != list(range(partitions[topic])):
            raise RefusedError(f"{topic} has {partitions[topic]} partitions: say an --offset for each, and no other")


def _still_there(members: Collection[str]) -> str:
    return f"workers of this application run ({', '.join(sorted(members))}): stop them all; nothing was changed"


def _send(producer: Any, topic: str, number: int, records: Iterable[Entry]) -> None:
    for key, value in records:
        while True:
            try:
                producer.produce(topic, value, key, number)
                break
            except BufferError:
                producer.poll(0.1)


def _records(rewind: Rewind, place: Place, held: Held) -> Iterator[Entry]:
    """What a changelog is told: entries that go, in a reset that all do, and where its pipeline goes on."""
    topic, number = place
    share = next(share for share in rewind.shares if topic in share.changelogs.values())
    states = {dict(share.sub.changelogs)[state_changelog(plan)]: plan for plan in share.plans}
    plan = states.get(topic)
    if rewind.mode is Mode.RESET:
        yield from ((key, None) for key in sorted(held.keys))
        yield EMPTIED_KEY, b"1"
    elif plan is not None:
        begins = rewind.begins[plan.topic, number]
        for key, value in held.packs.items():
            if pack_number(key) > begins:
                yield from ((entry, None) for entry in pack_keys(value))
                yield key, None
    if plan is not None:
        sources = {name: rewind.begins[name, number] for name in plan.topics}
        yield MARKER_KEY, encode_marker(Marker(sources=sources, fingerprint=share.sub.fingerprint))


def _aligned(rewind: Rewind, held: Mapping[Place, Held]) -> Rewind:
    """A backfill begins where a checkpoint ended, at or before where it should: from there on nothing is remembered.

    What was seen is kept by checkpoints. Where all that is kept is of later ones, it begins where it should.
    """
    if rewind.mode is Mode.RESET:
        return rewind
    begins = dict(rewind.begins)
    for share in rewind.shares:
        topics = dict(share.sub.changelogs)
        for plan in share.plans:
            for number in range(rewind.partitions[plan.topic]):
                wanted = begins[plan.topic, number]
                packs = held[topics[state_changelog(plan)], number].packs
                ended = [at for at in map(pack_number, packs) if at <= wanted]
                begins[plan.topic, number] = max(ended, default=wanted)
    return replace(rewind, begins=begins)


def _told(share: Share, short: str, held: Mapping[Place, Held]) -> Offsets:
    """Where the state of a pipeline says that it goes on, as far as it was read."""
    name = dict(share.sub.changelogs)[short]
    return {
        (topic, number): offset
        for (changelog, number), one in held.items()
        if changelog == name and one.marker is not None
        for topic, offset in one.marker.sources.items()
    }


def _metadata(share: Share, found: OffsetMetadata | None, ids: TopicIds, owner: str) -> OffsetMetadata:
    """As it was, but for what was set back: that is of today's files."""
    known = OffsetMetadata(t=owner, f={}) if found is None else found
    kept = {short: text for short, text in known.f.items() if short in share.sub.shapes}
    own = {short: share.sub.shapes[short] + ids.changelogs[short] for short in share.changelogs}
    steps = {plan.name: dict(share.sub.steps[plan.name]) for plan in share.plans if plan.name in share.sub.steps}
    return OffsetMetadata(t=owner, f={**kept, **own}, e=known.e, s=known.s, p={**known.p, **steps})
