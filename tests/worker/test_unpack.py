"""The quick way through a fetch gives what aiokafka's own gives."""

from __future__ import annotations

import struct
from itertools import islice
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from streams.worker.unpack import unpacking_of

PLACE = TopicPartition("orders", 3)


ABORT = b"\0\0\0\0"
"""Key of the control record that ends an aborted transaction."""


def batch(base: int, count: int, *, producer: int = -1, key: bytes | None = None, holes: int = 0) -> bytes:
    """A record batch of Kafka's from offset ``base`` on.

    With a ``producer`` it belongs to a transaction; with a ``key`` it is a control batch; the last ``holes`` offsets
    have been compacted away.
    """
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=producer >= 0, producer_id=producer, producer_epoch=0,
        base_sequence=0, batch_size=1 << 20,
    )  # fmt: skip
    for number in range(count):
        builder.append(number, 1_000 + number, key or b"k%d" % number, b"v%d" % (base + number), [("h", b"x")])
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base)
    data[22] |= 0x20 if key is not None else 0
    struct.pack_into(">i", data, 23, count - 1 + holes)
    struct.pack_into(">I", data, 17, calc_crc32c(bytes(data[21:])))
    return bytes(data)


def records(make: Any, data: bytes, *, begin: int = 0, aborted: Any = ()) -> Any:
    """What ``make`` sees in a fetch from offset ``begin`` on."""
    return make(PLACE, MemoryRecords(data), list(aborted), begin, None, None, True, READ_COMMITTED)


LOGS = {
    "plain": (batch(0, 5) + batch(5, 3), []),
    "begins in the middle of a batch": (batch(0, 9), []),
    "holes at the end of a batch": (batch(0, 5, holes=3) + batch(8, 2, holes=1), []),
    "aborted": (batch(0, 5) + batch(5, 4, producer=7) + batch(9, 3, producer=8), [(7, 5)]),
    "ends aborted": (batch(0, 5) + batch(5, 4, producer=7), [(7, 5)]),
    "committed after an abort": (
        batch(0, 4, producer=7) + batch(4, 1, producer=7, key=ABORT) + batch(5, 3, producer=7),
        [(7, 0)],
    ),
}


@pytest.mark.parametrize("case", LOGS)
def test_unpacking_gives_the_records_that_aiokafka_gives(case: str) -> None:
    data, aborted = LOGS[case]
    own = records(PartitionRecords, data, begin=2, aborted=aborted)
    ours = records(unpacking_of(frozenset({"orders"})), data, begin=2, aborted=aborted)
    wanted = [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in own]
    assert [(r.offset, r.timestamp_ms, r.key, r.value, r.headers) for r in ours] == wanted
    assert ours.next_fetch_offset == own.next_fetch_offset


def test_aborted_records_and_markers_are_passed_over() -> None:
    data, aborted = LOGS["committed after an abort"]
    ours = records(unpacking_of(frozenset({"orders"})), data, aborted=aborted)
    assert [record.offset for record in ours] == [5, 6, 7]


@pytest.mark.parametrize("taken", [0, 1, 3, 4, 8])
def test_the_position_stands_behind_the_last_record_taken(taken: int) -> None:
    data = batch(0, 4) + batch(4, 4)
    own, ours = records(PartitionRecords, data), records(unpacking_of(frozenset({"orders"})), data)
    assert len(list(islice(own, taken))) == len(list(islice(ours, taken))) == taken
    assert ours.next_fetch_offset == own.next_fetch_offset


def test_a_wrong_checksum_is_refused() -> None:
    data = bytearray(batch(0, 4))
    data[-1] ^= 1
    with pytest.raises(CorruptRecordException, match=r"orders\[3\]"):
        list(records(unpacking_of(frozenset({"orders"})), bytes(data)))


def test_other_topics_go_aiokafkas_own_way() -> None:
    assert type(records(unpacking_of(frozenset()), batch(0, 1))) is PartitionRecords
