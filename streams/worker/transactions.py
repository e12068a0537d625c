"""Transactions: one librdkafka producer per process; outputs, changelogs and offsets commit together.

Every blocking call runs in a thread of the engine's. The client does not keep its own time-outs when the broker
dies inside a call, so ``busy_since`` is there for the watchdog.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streams.records import EVERY_PARTITION, Delivery
from streams.state.changelog import ChangelogRun

from .membership import Membership
from .sends import quick_sends

TRANSACTION_TIMEOUT_MS = 8_000
QUEUE_KBYTES = 256 * 1024
QUEUE_RECORDS = 1_000_000
CHANGELOG_BATCH = 2_000
PARTITION_BY_KEY = -1
"""librdkafka's word for: whatever the partitioner says."""
GROUP_MOVED_ON = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
"""The group has a newer generation: what this transaction holds is somebody else's work now."""


class GroupMovedOnError(Exception):
    """The transaction was refused because of a rebalance; it can be aborted in place."""


class TransactionFailedError(Exception):
    """The transaction's outcome is unknown or the producer is fenced: only a new process can go on."""


class Transactions:
    """The open transaction of this process."""

    def __init__(self, options: Mapping[str, object], transactional_id: str, *, native: bool = True) -> None:
        """``native``: records are sent in C, if that was built and knows the client."""
        self.transactional_id = transactional_id
        self._quick = quick_sends() if native else None
        self.busy_since: float | None = None
        """Monotonic seconds at which the running call began; ``None`` while none runs."""
        self._positions: dict[tuple[str, int], int] = {}
        self._partitions: dict[str, tuple[int, ...]] = {}
        self._producer = Producer(
            {
                **options,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "message.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "batch.size": 1 << 20,
                "message.max.bytes": 64 << 20,
                "queue.buffering.max.messages": QUEUE_RECORDS,
                "queue.buffering.max.kbytes": QUEUE_KBYTES,
            }
        )

    def open(self) -> None:
        """Fence any predecessor of the same id and begin; blocks up to half a minute."""
        self._call(lambda: self._producer.init_transactions(30))
        self._producer.begin_transaction()

    def send(self, deliveries: list[Delivery]) -> None:
        """Queue records into the open transaction, in order."""
        place = 0
        try:
            while (place := self._send_quickly(deliveries, place)) < len(deliveries):
                self._send_one(deliveries[place])
                place += 1
        except KafkaException as error:
            raise self._failure(error) from error
        self._producer.poll(0)

    def _send_quickly(self, deliveries: list[Delivery], place: int) -> int:
        """In C, from ``place`` on; how far it went."""
        quick = self._quick_sends
        return place if quick is None else quick.send(self._producer, deliveries, place)

    @property
    def _quick_sends(self) -> Any:
        return self._quick if type(self._producer) is Producer else None

    def _send_one(self, delivery: Delivery) -> None:
        try:
            if delivery.headers or delivery.partition is not None:
                self._send_with_headers(delivery)
            else:  # by place, the two callbacks left out: to name one argument makes the call dearer by two thirds
                self._producer.produce(
                    delivery.topic, delivery.value, delivery.key, PARTITION_BY_KEY, None, None, delivery.timestamp_ms
                )
        except BufferError:
            self._send_patiently(delivery)

    def _send_patiently(self, delivery: Delivery) -> None:
        """The queue is full, by records or by bytes: wait while Kafka takes some of them."""
        deadline = time.monotonic() + TRANSACTION_TIMEOUT_MS / 1000
        while time.monotonic() < deadline:
            self._producer.poll(0.05)
            try:
                self._send_with_headers(delivery)
                return
            except BufferError:
                continue
        raise TransactionFailedError("the producer's queue stays full")

    def _send_with_headers(self, delivery: Delivery) -> None:
        for partition in self._partitions_for(delivery):
            self._producer.produce(
                delivery.topic,
                delivery.value,
                delivery.key,
                partition=partition,
                timestamp=delivery.timestamp_ms,
                headers=list(delivery.headers),
            )

    def _partitions_for(self, delivery: Delivery) -> Iterable[int]:
        if delivery.partition != EVERY_PARTITION:
            return (PARTITION_BY_KEY if delivery.partition is None else delivery.partition,)
        # Asked of the broker once: checkpoints tell every partition how far time has come, and what goes to all of a
        # topic goes to topics of our own, whose number of partitions is that of their source since start-up.
        if delivery.topic not in self._partitions:
            known = self._producer.list_topics(delivery.topic, 10).topics[delivery.topic].partitions
            self._partitions[delivery.topic] = tuple(known)
        return self._partitions[delivery.topic]

    def send_changelog(self, runs: Iterable[ChangelogRun]) -> None:
        """Queue changelog records and remember where the last of each partition will stand.

        They go as batches, which take no time stamps: theirs is the wall clock.
        """
        for run in runs:
            for first in range(0, len(run.records), CHANGELOG_BATCH):
                self._send_part(run, first, min(first + CHANGELOG_BATCH, len(run.records)))

    def _send_part(self, run: ChangelogRun, first: int, end: int) -> None:
        """The records at these places; of the last one it is noted where it stands."""
        deadline = time.monotonic() + TRANSACTION_TIMEOUT_MS / 1000
        while len(self._producer) + end - first > QUEUE_RECORDS and time.monotonic() < deadline:
            self._producer.poll(0.05)
        quick, last = self._quick_sends, first
        if quick is not None:
            last = end - 1
            taken = quick.send_batch(self._producer, run.topic, run.partition, run.records, first, last)
            self._check_taken(taken, last - first, run)
        batch: list[dict[str, object]] = [{"key": key, "value": value} for key, value in run.records[last:end]]
        batch[-1]["callback"] = self._remember_position
        self._check_taken(self._producer.produce_batch(run.topic, batch, partition=run.partition), len(batch), run)

    def _check_taken(self, taken: int, wanted: int, run: ChangelogRun) -> None:
        """Others than the first so many may have been taken: nothing can be sent again."""
        if taken != wanted:
            why = self._broken_by()
            said = f": {why.name()} ({why.str()})" if why is not None else ""
            raise TransactionFailedError(f"the producer does not take records for {run.topic}[{run.partition}]{said}")

    def _remember_position(self, error: KafkaError | None, message: Any) -> None:
        # A batch that was sent again may be answered without its offset.
        if error is None and message.offset() >= 0:
            self._positions[message.topic(), message.partition()] = message.offset() + 1

    def commit(self, offsets: list[TopicPartition], membership: Membership) -> Mapping[tuple[str, int], int]:
        """Commit and begin anew; changelog positions by (topic, partition). Blocks; raises the two errors above."""
        metadata = membership.metadata()
        if not offsets:
            raise ValueError("a transaction without offsets is not fenced")

        def commit() -> None:
            self._producer.send_offsets_to_transaction(offsets, metadata, TRANSACTION_TIMEOUT_MS / 1000)
            self._commit_with_retries()

        try:
            self._call(commit)
        except KafkaException as error:
            raise self._failure(error) from error
        while self._producer.poll(0):
            pass
        positions, self._positions = self._positions, {}
        self._producer.begin_transaction()
        return positions

    def _commit_with_retries(self) -> None:
        for attempt in (1, 2, 3):
            try:
                self._producer.commit_transaction(TRANSACTION_TIMEOUT_MS / 1000)
                return
            except KafkaException as error:
                if attempt == 3 or not error.args[0].retriable():
                    raise

    def abort(self) -> None:
        """Drop what is in the open transaction and begin anew; blocks. Raises ``TransactionFailedError``."""
        self._positions = {}
        try:
            self._call(lambda: self._producer.abort_transaction(TRANSACTION_TIMEOUT_MS / 1000))
            self._producer.begin_transaction()
        except KafkaException as error:
            raise TransactionFailedError(f"abort: {error.args[0].name()}") from error

    def _failure(self, error: KafkaException) -> Exception:
        """What a failed call means."""
        cause = error.args[0]
        return _classified((self._broken_by() if cause.code() == KafkaError._STATE else None) or cause)

    def _broken_by(self) -> KafkaError | None:
        """What broke the open transaction; who produces into it is told no more than that it is broken.

        Whoever asks for a new one is told why: a broken transaction never lets another begin.
        """
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            return None if cause.code() == KafkaError._STATE else cause
        return None

    def _call(self, call: Any) -> None:
        self.busy_since = time.monotonic()
        try:
            call()
        finally:
            self.busy_since = None


def _classified(cause: KafkaError) -> Exception:
    """By code: the client's flags alone mislead after a pause of the process."""
    if cause.code() in GROUP_MOVED_ON:
        return GroupMovedOnError(cause.name())
    return TransactionFailedError(f"{cause.name()} ({cause.str()})")


def fence(options: Mapping[str, object], transactional_id: str) -> None:
    """End the open transaction that a dead process left behind; blocks."""
    Producer({**options, "transactional.id": transactional_id}).init_transactions(30)
