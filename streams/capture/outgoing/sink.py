"""Sink: chunks of records, each in one Kafka transaction with the position behind it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.records import Delivery

from ..advice import TOO_LARGE, position_is_hidden, too_large, wrong_option
from ..options import CaptureError, CaptureOptions
from ..position import Position, decode_position, encode_position

TRANSACTION_TIMEOUT_MS = 60_000
ABORT_SECONDS = 10
LEADER_SECONDS = 30.0
POSITION_SECONDS = 90.0
"""Longer than the broker keeps the transaction of a dead process open."""
LARGEST_RECORD_BYTES = 64 << 20
QUEUE_BYTES = 2 * LARGEST_RECORD_BYTES
"""What may wait for Kafka: ``send`` takes no more until some of it is there, so memory does not grow with its delay."""
REPORT_RECORDS = 200
"""After so many records the client is asked for reports."""
LARGEST_TIMESTAMP_MS = str((1 << 63) - 1)


class Sink:
    """The transactional producer of one capture. A predecessor with the same slot is fenced."""

    def __init__(self, options: CaptureOptions) -> None:
        self._options = options
        self._is_open = False
        self._too_large: str | None = None
        """The topic that has refused a record for its size."""
        self.pending_bytes = 0
        """Bytes in the open transaction."""
        self._unreported = 0
        """Records sent since the client was asked for reports."""
        self._producer = _producer(
            {
                **options.kafka,
                "transactional.id": options.transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                # A report of every record costs more than the record; of interest are those that were refused.
                "delivery.report.only.error": True,
                "message.max.bytes": LARGEST_RECORD_BYTES,
                "queue.buffering.max.kbytes": QUEUE_BYTES // 1024,
                "queue.buffering.max.messages": 500_000,
            }
        )

    def start(self, topics: Iterable[str], single: Iterable[str] = ()) -> Position | None:
        """Create topics, fence predecessors, and read the last position; ``None``: there is none.

        Those of ``single`` get one partition, so that what they tell stays in order.
        """
        self._create(topics, single)
        self._producer.init_transactions(60)
        return self._read_position()

    def _create(self, topics: Iterable[str], single: Iterable[str]) -> None:
        admin = AdminClient(dict(self._options.kafka))
        known = admin.list_topics(timeout=30).topics
        longest = {"message.timestamp.after.max.ms": LARGEST_TIMESTAMP_MS}
        wanted = {name: NewTopic(name, self._options.partitions, config=dict(longest)) for name in topics}
        wanted |= {name: NewTopic(name, 1, config=dict(longest)) for name in single}
        for name, policy in self._options.own_topics.items():
            wanted[name] = NewTopic(name, 1, config={"cleanup.policy": policy})
        missing = [topic for name, topic in wanted.items() if name not in known]
        for name, future in admin.create_topics(missing).items() if missing else ():
            try:
                future.result(60)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise CaptureError(
                        f"Kafka does not make topic {name} ({error.args[0].name()}); create it, or allow us to"
                    ) from None

    def _read_position(self) -> Position | None:
        """The newest position of our slot.

        Read committed, but to the true end: what another capture of this application has left open when it was
        killed hides all that was written behind it until it times out, and an older position repeats changes.
        """
        deadline = time.monotonic() + POSITION_SECONDS
        end, at, position = self._end_of_positions(), 0, None
        reader = self._reader("read_committed")
        reader.assign([TopicPartition(self._options.positions_topic, 0, 0)])
        try:
            while at < end:
                for message in reader.consume(1_000, 0.1):
                    error = message.error()
                    if error is not None:
                        # At its end the reader stands behind control records, which never arrive.
                        at = max(at, message.offset()) if error.code() == KafkaError._PARTITION_EOF else at
                        continue
                    at = message.offset() + 1
                    if message.key() == self._options.slot.encode():
                        position = None if message.value() is None else decode_position(message.value())
                if time.monotonic() > deadline:
                    raise CaptureError(position_is_hidden(self._options.slot, self._options.positions_topic))
        finally:
            reader.close()
        return position

    def _end_of_positions(self) -> int:
        """Uncommitted records included; a topic that was made a moment ago has no leader yet."""
        deadline = time.monotonic() + LEADER_SECONDS
        reader = self._reader("read_uncommitted")
        try:
            while True:
                try:
                    place = TopicPartition(self._options.positions_topic, 0)
                    return int(reader.get_watermark_offsets(place, timeout=30)[1])
                except KafkaException:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
        finally:
            reader.close()

    def _reader(self, isolation: str) -> Consumer:
        return Consumer(
            {
                **self._options.kafka,
                "group.id": f"{self._options.app}-capture",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            }
        )

    def send(self, records: Iterable[Delivery]) -> None:
        """Queue records into the chunk; waits while ``QUEUE_BYTES`` are on their way and Kafka is slower than the log.

        A Kafka that stays away longer than the transaction may last fails the chunk, which nobody was told of.
        """
        if not self._is_open:
            self._producer.begin_transaction()
            self._is_open = True
        for record in records:
            self._produce(record.topic, record.key, record.value, record.timestamp_ms, record.headers)
            self.pending_bytes += len(record.value or b"") + len(record.key or b"")
            if record.headers:
                self.pending_bytes += sum(len(value or b"") for _, value in record.headers)
            self._unreported += 1
        if self._unreported >= REPORT_RECORDS:
            self._producer.poll(0)
            self._unreported = 0

    def _produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int,
        headers: Iterable[tuple[str, bytes | None]] = (),
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value, key, timestamp=timestamp_ms, headers=list(headers), on_delivery=self._delivered
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is not None and error.code() in TOO_LARGE and self._too_large is None:
            self._too_large = message.topic()

    def commit(self, position: Position, heartbeat: Mapping[str, object] | None = None) -> None:
        """End the chunk: from now on everything before ``position`` is in Kafka, once."""
        now_ms = time.time_ns() // 1_000_000
        self.send(())
        self._produce(self._options.positions_topic, self._options.slot.encode(), encode_position(position), now_ms)
        if heartbeat is not None:
            key = msgspec.json.encode({"serverName": self._options.prefix})
            self._produce(self._options.heartbeat_topic, key, msgspec.json.encode(heartbeat), now_ms)
        try:
            self._producer.commit_transaction(TRANSACTION_TIMEOUT_MS / 1000)
        except KafkaException:
            if self._too_large is not None:
                raise CaptureError(too_large(self._too_large)) from None
            raise
        self._is_open = False
        self.pending_bytes = 0

    def close(self) -> None:
        """Leave no transaction open behind us: until it timed out, it would hold back every reader of the topics."""
        if self._is_open:
            with contextlib.suppress(KafkaException):
                self._producer.abort_transaction(ABORT_SECONDS)


def _producer(options: Mapping[str, object]) -> Producer:
    try:
        return Producer(dict(options))
    except KafkaException as error:
        raise CaptureError(wrong_option(error)) from None
