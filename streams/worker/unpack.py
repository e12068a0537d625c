"""Unpack: the bytes of a fetch become the records that a pipeline takes, a whole record batch of Kafka's at a time.

aiokafka's own way makes an object of each record, hands it through two generators and notes the offset behind it: a
third of what unpacking costs. Its rules are kept: checksums, aborted transactions, control batches, compacted offsets.
With the extension a record stays in the bytes that were fetched, and its key and value are made when they are asked
for: a lane never asks.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from streams.native.load import extension
from streams.records import SourceRecord

from .stop import ExitCode, stop_process

logger = logging.getLogger("streams.worker")

_OWN: Any = fetcher.PartitionRecords
_MAGIC = 2
"""Of the message format with record batches."""
_BEFORE_LENGTH, _SUMMED, _HEADER = 12, 21, 61
"""Bytes of a batch: those that its length does not count, those before what is summed, those before its records."""
_MOST_RECORDS = 10_000_000
"""No batch holds more: a header that says so is damaged itself."""
TRIES = 3
"""Readings of a batch whose checksum is wrong: it may have been damaged on its way."""
GivesUp = Callable[[tuple[str, int], int, int], bool]
"""Whether somebody has decided to go on without the records of a place, from one offset to another."""
_DECODERS: dict[int, Callable[[bytes], bytes]] = {
    1: codec.gzip_decode, 2: codec.snappy_decode, 3: codec.lz4_decode, 4: codec.zstd_decode,
}  # fmt: skip


class FetchedBatches:
    """What the fetcher calls as ``MemoryRecords``: the same, and where each record batch is in the bytes."""

    def __init__(self, data: Any) -> None:
        self.data = bytes(data or b"")
        self.begin = self.end = 0
        """Of the batch that was given last."""
        self._own = MemoryRecords(self.data)
        self.has_next, self.size_in_bytes = self._own.has_next, self._own.size_in_bytes

    def next_batch(self) -> Any:
        """The next one as aiokafka reads it."""
        batch = self._own.next_batch()
        if batch is not None:
            self.begin = self.end
            self.end += _BEFORE_LENGTH + int.from_bytes(self.data[self.begin + 8 : self.begin + _BEFORE_LENGTH])
        return batch

    @property
    def following(self) -> int | None:
        """The offset of the batch behind the one that was given last; ``None`` where the bytes end."""
        lead = self.data[self.end : self.end + 8]
        return int.from_bytes(lead) if len(lead) == 8 else None

    def packed(self, batch: Any) -> bytes | None:
        """Of the batch that was given last, the bytes of its records; ``None`` where they are not packed."""
        if not batch.compression_type:
            return None
        return _DECODERS[batch.compression_type](self.data[self.begin + _HEADER : self.end])


class DamagedBatchError(Exception):
    """A record batch is not what its producer wrote: the checksum says so."""

    def __init__(self, place: tuple[str, int], first: int, last: int) -> None:
        (topic, partition), span = place, f"{first}-{last}"
        super().__init__(
            f"{topic}[{partition}]: the record batch at offsets {span} is damaged (wrong checksum), {TRIES} times read;"
            f" restore the topic, or go on without it: streams quarantine add {topic} {partition} {span} --why TEXT"
        )
        self.first = first


def unpacking_of(topics: frozenset[str], *, native: bool, gives_up: GivesUp = lambda *_: False) -> Callable[..., Any]:
    """What the fetcher calls as ``PartitionRecords``: quick for ``topics``, its own for all others.

    ``native``: by the extension, if there is one. ``gives_up``: damaged batches of such a range are stepped over.
    """
    quick = _KeptRecords if native and extension is not None else _SourceRecords

    def records_of(tp: Any, *rest: Any) -> Any:
        if tp.topic not in topics:
            return _OWN(tp, *rest)
        held = quick(tp, *rest)
        held.gives_up = gives_up
        return held

    return records_of


class FetchedPartition(fetcher.FetchResult):  # type: ignore[misc]  # aiokafka has no types
    """What the fetcher calls as ``FetchResult``: records of our own topics are taken many at a time."""

    _partition_records: Any
    _damaged: ClassVar[Counter[tuple[str, int, int]]] = Counter()
    """Readings of damaged batches, by topic, partition and offset."""

    def getall(self, max_records: int | None = None) -> list[Any]:
        """The next ``max_records``, or all."""
        records = self._partition_records
        if not isinstance(records, _SourceRecords):
            return list(super().getall(max_records))
        if not self.check_assignment(self._topic_partition):
            return []
        try:
            taken = records.take(max_records)
        except DamagedBatchError as error:
            self._read_again(error)
            return []
        self._update_position()
        if records.is_over:
            self._partition_records = None
        return taken

    def _read_again(self, error: DamagedBatchError) -> None:
        """From the position, which has not moved; not for ever."""
        place = (*self._topic_partition, error.first)
        self._damaged[place] += 1
        if self._damaged[place] == TRIES:
            stop_process(ExitCode.STATE_REFUSED, str(error))
        logger.warning("the record batch of %s[%d] at offset %d has a wrong checksum: it is read again", *place)
        self._partition_records = None


class _SourceRecords(_OWN):  # type: ignore[misc]  # aiokafka has no types
    """The records of one partition in one fetch."""

    gives_up: GivesUp
    is_over = False
    """All of them have been taken."""
    _behind: int | None = None
    """The offset behind the batch in hand."""

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        # aiokafka's own generator: it and we would hold each other, and all bytes of a fetch, until a collection.
        self._records_iterator = None

    @property
    def next_fetch_offset(self) -> int:
        """Behind the last record that was taken."""
        return self._batch[self._at - 1].offset + 1 if self._at else self._next_offset

    @next_fetch_offset.setter
    def next_fetch_offset(self, offset: int) -> None:
        self._batch: list[SourceRecord] = []
        self._at = 0
        """So many of the batch in hand have been taken."""
        self._next_offset = offset

    def take(self, most: int | None) -> list[SourceRecord]:
        """The next ``most`` records, or all; fewer: there are no more."""
        taken: list[SourceRecord] = []
        while (most is None or len(taken) < most) and (self._at < len(self._batch) or self._advance()):
            part = self._batch[self._at : None if most is None else self._at + most - len(taken)]
            self._at += len(part)
            taken += part
        return taken

    def __next__(self) -> SourceRecord:
        """One at a time, as aiokafka's own are."""
        if one := self.take(1):
            return one[0]
        raise StopIteration

    def _advance(self) -> bool:
        """To the next batch that has records for us."""
        records = self._records
        while True:
            if self._behind is not None:  # the last offsets of a batch may have been compacted away
                self.next_fetch_offset, self._behind = self._behind, None
            if not records.has_next():
                self.is_over = True
                return False
            batch = records.next_batch()
            self._behind = batch.next_offset
            if self._check_crcs and not self._is_intact(batch):
                self.next_fetch_offset, self._behind = self._behind_damaged(batch), None
                # It may have said that a transaction was aborted: what follows is fetched anew, with what holds there.
                self.is_over = True
                return False
            if not (self._is_aborted(batch) or batch.is_control_batch):
                self._batch = self._records_of(batch)
                if self._batch:
                    return True

    def _behind_damaged(self, batch: Any) -> int:
        """The offset behind a batch that somebody has given up."""
        first, place = batch.base_offset, (self._tp.topic, self._tp.partition)
        ends = (batch.next_offset, self._records.following, first + 1)
        last = next(end for end in ends if end is not None and first < end <= first + _MOST_RECORDS) - 1
        if not self.gives_up(place, first, last):
            raise DamagedBatchError(place, first, last)
        logger.error("the damaged record batch of %s[%d] at offsets %d to %d is stepped over", *place, first, last)
        return int(last) + 1

    def _is_intact(self, batch: Any) -> bool:
        return bool(batch.validate_crc())

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


class _KeptRecords(_SourceRecords):
    """The same, left in the bytes in which they came."""

    def _is_intact(self, batch: Any) -> bool:
        fetched = self._records
        found = extension and extension.checksum(fetched.data, fetched.begin + _SUMMED, fetched.end)
        return super()._is_intact(batch) if found is None or batch.magic != _MAGIC else bool(found == batch.crc)

    def _records_of(self, batch: Any) -> list[SourceRecord]:
        if extension is None or batch.magic != _MAGIC:
            return super()._records_of(batch)
        (topic, partition), fetched = self._tp, self._records
        try:
            held: list[SourceRecord] = extension.unpack(
                fetched.data, fetched.begin, fetched.packed(batch), topic, partition, self._next_offset
            )
        except ValueError as error:
            raise CorruptRecordException(f"a broken record batch in {topic}[{partition}]") from error
        return held
