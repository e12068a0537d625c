"""Unpack: the bytes of a fetch become the records that a pipeline takes, a whole record batch of Kafka's at a time.

aiokafka's own way makes an object of each record, hands it through two generators and notes the offset behind it: a
third of what unpacking costs. Its rules are kept: checksums, aborted transactions, control batches, compacted offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import length_hint
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from streams.records import SourceRecord

_OWN: Any = fetcher.PartitionRecords


def unpacking_of(topics: frozenset[str]) -> Callable[..., Any]:
    """What the fetcher calls as ``PartitionRecords``: quick for ``topics``, its own for all others."""

    def records_of(tp: Any, *rest: Any) -> Any:
        return (_SourceRecords if tp.topic in topics else _OWN)(tp, *rest)

    return records_of


class _SourceRecords(_OWN):  # type: ignore[misc]  # aiokafka has no types
    """The records of one partition in one fetch."""

    def __iter__(self) -> Iterator[SourceRecord]:
        # Its own iterator asks this one for every record: a frame that does nothing.
        return self._records_iterator or iter(())

    @property
    def next_fetch_offset(self) -> int:
        """Behind the last record that was taken."""
        taken = len(self._batch) - length_hint(self._rest)
        return self._batch[taken - 1].offset + 1 if taken else self._next_offset

    @next_fetch_offset.setter
    def next_fetch_offset(self, offset: int) -> None:
        self._batch: list[SourceRecord] = []
        self._rest: Iterator[SourceRecord] = iter(())
        self._next_offset = offset

    def _unpack_records(self) -> Iterator[SourceRecord]:
        records = self._records
        while records.has_next():
            batch = records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"invalid checksum in {self._tp.topic}[{self._tp.partition}]")
            if not (self._is_aborted(batch) or batch.is_control_batch):
                self._batch = self._records_of(batch)
                self._rest = iter(self._batch)
                yield from self._rest
            # The last offsets of a batch may have been compacted away.
            self.next_fetch_offset = batch.next_offset

    def _is_aborted(self, batch: Any) -> bool:
        if self._isolation_level != fetcher.READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and self._contains_abort_marker(batch):
            self._aborted_producers.discard(batch.producer_id)
        return batch.is_transactional and batch.producer_id in self._aborted_producers

    def _records_of(self, batch: Any) -> list[SourceRecord]:
        """Those from where the fetch was to begin: a broker sends whole batches."""
        topic, partition = self._tp
        held = [
            SourceRecord(
                topic,
                partition,
                record.offset,
                record.timestamp,
                record.key,
                record.value,
                tuple(headers) if (headers := record.headers) else (),
            )
            for record in batch
        ]
        begin = self._next_offset
        return held if not held or held[0].offset >= begin else [record for record in held if record.offset >= begin]
