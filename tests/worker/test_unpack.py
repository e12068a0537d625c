"""The quick way through a fetch gives what aiokafka's own gives."""

from __future__ import annotations

import gc
import struct
import weakref
from collections import Counter
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.native.load import extension
from streams.worker import unpack
from streams.worker.stop import ExitCode
from streams.worker.unpack import TRIES, DamagedBatchError, FetchedBatches, FetchedPartition, unpacking_of

PLACE = TopicPartition("orders", 3)


ABORT = b"\0\0\0\0"
"""Key of the control record that ends an aborted transaction."""


def batch(
    base: int, count: int, *, producer: int = -1, key: bytes | None = None, holes: int = 0, codec: int = 0,
    is_stamped: bool = False,
) -> bytes:  # fmt: skip
    """A record batch of Kafka's from offset ``base`` on.

    With a ``producer`` it belongs to a transaction; with a ``key`` it is a control batch; the last ``holes`` offsets
    have been compacted away; if ``is_stamped``, the broker's time is that of all.
    """
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=producer >= 0, producer_id=producer, producer_epoch=0,
        base_sequence=0, batch_size=1 << 20,
    )  # fmt: skip
    for number in range(count):
        builder.append(number, 1_000 + number, key or b"k%d" % number, b"v%d" % (base + number), [("h", b"x")])
    return rewritten(builder.build(), base, count, key, holes, is_stamped=is_stamped)


def rewritten(
    built: bytes, base: int, count: int, key: bytes | None = None, holes: int = 0, *, is_stamped: bool = False
) -> bytes:
    """With what a broker writes into a batch."""
    data = bytearray(built)
    struct.pack_into(">q", data, 0, base)
    data[22] |= (0x20 if key is not None else 0) | (0x08 if is_stamped else 0)
    struct.pack_into(">i", data, 23, count - 1 + holes)
    struct.pack_into(">I", data, 17, calc_crc32c(bytes(data[21:])))
    return bytes(data)


def records(make: Any, data: bytes, *, begin: int = 0, aborted: Any = ()) -> Any:
    """What ``make`` sees in a fetch from offset ``begin`` on."""
    return make(PLACE, FetchedBatches(data), list(aborted), begin, None, None, True, READ_COMMITTED)


WAYS = [pytest.param(False, id="python"), pytest.param(True, id="native")]


@pytest.fixture(params=WAYS)
def quick(request: pytest.FixtureRequest) -> Any:
    """Both quick ways through the fetches of ``orders``."""
    assert extension is not None or not request.param
    return unpacking_of(frozenset({"orders"}), native=request.param)


def odd() -> bytes:
    """Records without key, value or headers, with several headers, one of them without a value, and large ones."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=False, producer_id=-1, producer_epoch=0, base_sequence=0,
        batch_size=1 << 20,
    )  # fmt: skip
    for number, parts in enumerate([
        (None, b"v", []), (b"k", None, []), (b"", b"", [("a", None), ("", b""), ("größe", b"\xff" * 200)]),
        (b"k" * 70_000, b"\0" * 9_000, [("a", b"1"), ("a", b"2")]),
    ]):  # fmt: skip
        builder.append(number, 5_000_000_000_000 - 900 * number, *parts)
    return rewritten(builder.build(), 70_000_000_000, 4)


LOGS = {
    "odd records": (odd(), []),
    "the broker's time": (batch(0, 5, is_stamped=True), []),
    "gzip": (batch(0, 5, codec=1) + batch(5, 3), []),
    "snappy": (batch(0, 5, codec=2) + batch(5, 3), []),
    "lz4": (batch(0, 5, codec=3) + batch(5, 3), []),
    "zstd": (batch(0, 5, codec=4) + batch(5, 3), []),
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
def test_unpacking_gives_the_records_that_aiokafka_gives(case: str, quick: Any) -> None:
    data, aborted = LOGS[case]
    own = records(PartitionRecords, data, begin=2, aborted=aborted)
    ours = records(quick, data, begin=2, aborted=aborted)
    wanted = [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in own]
    held = list(ours)
    assert [(r.offset, r.timestamp_ms, r.key, r.value, r.headers) for r in held] == wanted
    assert [(r.topic, r.partition, r.size) for r in held] == [("orders", 3, len(r[3] or b"")) for r in wanted]
    assert ours.next_fetch_offset == own.next_fetch_offset


def test_aborted_records_and_markers_are_passed_over(quick: Any) -> None:
    data, aborted = LOGS["committed after an abort"]
    ours = records(quick, data, aborted=aborted)
    assert [record.offset for record in ours] == [5, 6, 7]


@pytest.mark.parametrize("taken", [0, 1, 3, 4, 8])
def test_the_position_stands_behind_the_last_record_taken(taken: int, quick: Any) -> None:
    data = batch(0, 4) + batch(4, 4)
    own, ours = records(PartitionRecords, data), records(quick, data)
    assert len(list(islice(own, taken))) == len(list(islice(ours, taken))) == taken
    assert ours.next_fetch_offset == own.next_fetch_offset


class State:
    """What a fetch result asks of an assignment, and of its partition's state."""

    active, paused, position = True, False, 0

    def state_value(self, _: TopicPartition) -> State:
        return self

    def consumed_to(self, offset: int) -> None:
        self.position = offset


@pytest.mark.parametrize("most", [None, 1, 3, 4, 5, 100])
@pytest.mark.parametrize("case", ["holes at the end of a batch", "aborted", "ends aborted", "plain"])
def test_many_are_taken_at_a_time_as_aiokafka_takes_them(case: str, most: int | None, quick: Any) -> None:
    data, aborted = LOGS[case]

    def calls(kind: Any, make: Any) -> list[Any]:
        state, seen = State(), []
        held = kind(PLACE, assignment=state, partition_records=records(make, data, aborted=aborted), backoff=0)
        while held.has_more():
            seen.append(([record.offset for record in held.getall(most)], state.position))
        return seen

    assert calls(FetchedPartition, quick) == calls(FetchResult, PartitionRecords)
    assert calls(FetchedPartition, PartitionRecords) == calls(FetchResult, PartitionRecords)


@pytest.mark.parametrize("most", [None, 3])
def test_the_bytes_of_a_fetch_go_with_the_last_record_and_wait_for_no_collection(most: int | None, quick: Any) -> None:
    """Collections are rare in a worker: hundreds of megabytes would wait for one."""
    ours = records(quick, batch(0, 4) + batch(4, 4))
    data = weakref.ref(ours._records)
    held = FetchedPartition(PLACE, assignment=State(), partition_records=ours, backoff=0)
    del ours
    gc.disable()
    try:
        while held.has_more():
            held.getall(most)
        assert data() is None
    finally:
        gc.enable()


def test_where_the_position_has_moved_nothing_is_taken(quick: Any) -> None:
    state = State()
    held = FetchedPartition(PLACE, assignment=state, partition_records=records(quick, batch(0, 4)), backoff=0)
    state.position = 2
    assert held.getall(10) == []
    assert not held.has_more()


def damaged(data: bytes) -> bytes:
    """Its last byte is another."""
    return data[:-1] + bytes([data[-1] ^ 1])


def test_a_wrong_checksum_is_told_with_what_to_do(quick: Any) -> None:
    data = batch(0, 4) + damaged(batch(4, 5))
    with pytest.raises(DamagedBatchError, match=r"orders\[3\].* 4-8 .*streams quarantine add orders 3 4-8"):
        list(records(quick, data))


def test_a_damaged_batch_is_read_again_and_not_for_ever(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = []
    monkeypatch.setattr(unpack, "stop_process", lambda code, reason: stopped.append((code, reason)))
    monkeypatch.setattr(FetchedPartition, "_damaged", Counter())
    state = State()
    for number in (1, 2, 3):
        held = FetchedPartition(
            PLACE, assignment=state, partition_records=records(quick, batch(0, 4) + damaged(batch(4, 5))), backoff=0
        )
        assert (held.getall(100), held.has_more(), state.position) == ([], False, 0)
        assert len(stopped) == (number == TRIES)
    assert stopped[0][0] is ExitCode.STATE_REFUSED
    assert "damaged" in stopped[0][1]


@pytest.mark.parametrize("native", [False, True])
def test_a_damaged_batch_that_was_given_up_is_stepped_over(native: bool) -> None:
    asked = []

    def gives_up(place: tuple[str, int], first: int, last: int) -> bool:
        asked.append((place, first, last))
        return True

    make = unpacking_of(frozenset({"orders"}), native=native, gives_up=gives_up)
    held = records(make, batch(0, 4) + damaged(batch(4, 5)) + batch(9, 1))
    assert [record.offset for record in held] == [0, 1, 2, 3]
    assert (held.is_over, held.next_fetch_offset) == (True, 9)  # what is behind is fetched anew
    assert asked == [(("orders", 3), 4, 8)]


def test_an_abort_that_was_damaged_and_given_up_takes_no_later_transaction_with_it() -> None:
    make = unpacking_of(frozenset({"orders"}), native=True, gives_up=lambda *_: True)
    marker, later = damaged(batch(4, 1, producer=7, key=ABORT)), batch(5, 3, producer=7)
    first = records(make, batch(0, 4, producer=7) + marker + later, aborted=[(7, 0)])
    assert (list(first), first.next_fetch_offset) == ([], 5)
    assert [record.offset for record in records(make, later, begin=5)] == [5, 6, 7]


@pytest.mark.parametrize(("behind", "last"), [(b"", 4), (batch(9, 1), 8)])
def test_a_damaged_header_that_says_nonsense_ends_where_the_next_batch_begins(behind: bytes, last: int) -> None:
    data = bytearray(batch(4, 5))
    struct.pack_into(">i", data, 23, 1 << 30)
    with pytest.raises(DamagedBatchError, match=rf" 4-{last} "):
        list(records(unpacking_of(frozenset({"orders"}), native=True), bytes(data) + behind))


@given(st.binary(max_size=300), st.integers(0, 20))
def test_the_checksum_is_kafkas(data: bytes, begin: int) -> None:
    assert extension is not None
    begin = min(begin, len(data))
    assert extension.checksum(data, begin, len(data)) in (None, calc_crc32c(data[begin:]))


@pytest.mark.parametrize("nothing", [None, b""])
def test_a_fetch_that_brought_nothing_holds_nothing(nothing: bytes | None) -> None:
    held = FetchedBatches(nothing)
    assert (held.has_next(), held.size_in_bytes(), held.next_batch()) == (False, 0, None)


def test_other_topics_go_aiokafkas_own_way() -> None:
    assert type(records(unpacking_of(frozenset(), native=True), batch(0, 1))) is PartitionRecords


# Attributes mean nothing, and are no length as aiokafka reads them; offsets may be any.
@pytest.mark.parametrize("at", [at for at in range(61, len(batch(0, 3))) if (at - 61) % 15 not in (1, 3)])
@pytest.mark.parametrize("byte", [0x00, 0x01, 0x7E, 0xFF])
def test_a_length_that_lies_is_refused_or_changes_no_other_byte(at: int, byte: int) -> None:
    """Whatever aiokafka makes of it; what it does not refuse may have a header whose name is no text."""
    data = bytearray(batch(0, 3))
    data[at] = byte
    struct.pack_into(">I", data, 17, calc_crc32c(bytes(data[21:])))

    def seen(make: Any) -> Any:
        try:
            return [(r.offset, r.key, r.value, tuple(r.headers)) for r in records(make, bytes(data))]
        except CorruptRecordException:
            return "refused"

    with suppress(UnicodeDecodeError):
        wanted = seen(unpacking_of(frozenset({"orders"}), native=False))
        assert seen(unpacking_of(frozenset({"orders"}), native=True)) == wanted


def test_a_header_whose_name_is_not_utf8_is_read_as_java_reads_it() -> None:
    data = batch(0, 1).replace(b"\x02h\x02x", b"\x02\xff\x02x")
    data = data[:17] + struct.pack(">I", calc_crc32c(data[21:])) + data[21:]
    (record,) = records(unpacking_of(frozenset({"orders"}), native=True), data)
    assert record.headers == (("\N{REPLACEMENT CHARACTER}", b"x"),)
