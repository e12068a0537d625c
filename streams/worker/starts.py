"""Starts: where a task begins, as no transaction that is still pending can change it, and what was noted beside it.

Committed offsets are read by a client that waits for pending transactions: aiokafka's does not, and was stale in every
second read right after a commit. All functions block and run in a thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import msgspec
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

from streams.errors import Problem
from streams.pipeline.topology import Topology

logger = logging.getLogger("streams.worker")

COORDINATOR_SECONDS = 30.0
COORDINATOR_MOVES = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)

LEADER_MOVES = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
)


class OffsetMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a checkpoint leaves beside the committed offset, in under 4 kB."""

    t: str
    """transactional.id of the worker that wrote it."""
    f: dict[str, str]
    """By changelog's short name: 8 hex digits of what its entries depend on, then 8 of its topic's id."""
    e: dict[str, int] = {}
    """By changelog topic, an offset that its end has reached: a lower bound."""
    s: str = ""
    """8 hex digits of the id of the topic whose offset it is: one that is made anew has other records there."""
    w: str = ""
    """Where the web server of that worker listens, if the group's plan names another place."""
    p: dict[str, dict[str, str]] = {}
    """By pipeline and step of its file, a digest of what it said: for ``streams plan``, where there is room for it."""


METADATA_BYTES = 4_000
"""What a broker takes beside an offset is 4,096 bytes, unless it was told otherwise."""


def encode_metadata(metadata: OffsetMetadata) -> str:
    """``metadata`` as it stands beside an offset; what is compared only when somebody asks goes first for want of room.

    Then the address, without which rows are not found for a while; then the lower bounds, which are a second look at
    what the topics' ids say.
    """
    replace = msgspec.structs.replace
    for held in (metadata, replace(metadata, p={}), replace(metadata, p={}, w="")):
        if len(text := msgspec.json.encode(held)) <= METADATA_BYTES:
            return text.decode()
    return msgspec.json.encode(replace(metadata, p={}, e={}, w="")).decode()


def find_crowded(topology: Topology) -> Iterator[Problem]:
    """Topics with so many tables that no checkpoint could say beside its offset what they are."""
    for sub in topology.subtopologies:
        metadata = OffsetMetadata(t="x" * 200, s="x" * 8, f=dict.fromkeys(sub.shapes, "x" * 16))
        if len(msgspec.json.encode(metadata)) > METADATA_BYTES:
            message = f"{len(sub.shapes)} tables are too many for one topic; run some pipelines as another STREAMS_APP"
            yield Problem(file=sub.source_topics[0], message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a task begins."""

    offset: int
    is_first: bool
    """Nothing was ever committed: the start must be."""
    metadata: OffsetMetadata | None


class Starts:
    """Reads the group's committed offsets and the ends of logs.

    Its clients live for one question: an idle one costs half a percent of a core, for ever.
    """

    def __init__(self, options: Mapping[str, object], *, app: str) -> None:
        self._options = {**options, "enable.auto.commit": False, "group.id": app}

    def read(self, topics: Iterable[str], partitions: Iterable[int]) -> Mapping[tuple[str, int], Start]:
        """By topic and partition, the committed offset that no pending transaction can still change."""
        asked = [TopicPartition(topic, number) for topic, number in product(topics, partitions)]
        with self._client("read_committed") as client:
            committed = _committed(client, asked)
        return {(found.topic, found.partition): self._start(found) for found in committed}

    def _start(self, found: TopicPartition) -> Start:
        if found.error is not None:
            raise KafkaException(found.error)
        if found.offset == OFFSET_INVALID or found.offset < 0:
            first, _ = self.bounds([found.topic], found.partition)[found.topic]
            return Start(offset=first, is_first=True, metadata=None)
        return Start(offset=found.offset, is_first=False, metadata=_metadata_of(found))

    def noted(self, places: Iterable[tuple[str, int]]) -> list[OffsetMetadata]:
        """What stands beside the committed offsets of ``places``, where there is something."""
        with self._client("read_committed") as client:
            committed = _committed(client, [TopicPartition(*place) for place in places])
        return [metadata for found in committed if (metadata := _metadata_of(found)) is not None]

    def bounds(self, topics: Iterable[str], partition: int) -> Mapping[str, tuple[int, int]]:
        """By topic (first offset, end) of one partition, uncommitted records included."""
        with self._client("read_uncommitted") as client:
            return {topic: bounds_of(client, topic, partition) for topic in topics}

    def firsts(self, places: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """By topic and partition the first offset that is there."""
        with self._client("read_uncommitted") as client:
            return {place: bounds_of(client, *place)[0] for place in places}

    @contextmanager
    def _client(self, isolation: str) -> Iterator[Consumer]:
        client = Consumer({**self._options, "isolation.level": isolation})
        try:
            yield client
        finally:
            client.close()


def _metadata_of(found: TopicPartition) -> OffsetMetadata | None:
    if found.metadata:
        try:
            return msgspec.json.decode(found.metadata, type=OffsetMetadata)
        except msgspec.MsgspecError:
            logger.warning("offset of %s[%d] was committed by another program", found.topic, found.partition)
    return None


def bounds_of(client: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """(first offset, end); asks again while a topic that has just been made has no leader, half a minute at most."""
    deadline = time.monotonic() + COORDINATOR_SECONDS
    while True:
        try:
            first, end = client.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
            return first, end
        except KafkaException as error:
            if error.args[0].code() not in LEADER_MOVES or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _committed(client: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    """Asks again while the group's coordinator moves or loads, half a minute at most."""
    deadline = time.monotonic() + COORDINATOR_SECONDS
    while True:
        try:
            committed: list[TopicPartition] = client.committed(places, 60)
            return committed
        except KafkaException as error:
            if error.args[0].code() not in COORDINATOR_MOVES or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
