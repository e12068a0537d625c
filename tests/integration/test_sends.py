"""What is sent in C arrives as what the client's own Python sends; what it does not take is told in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

import streams.worker.transactions as transactions
from streams.embedded import EmbeddedKafka
from streams.native.load import extension
from streams.records import EVERY_PARTITION, Delivery
from streams.state.changelog import ChangelogRun
from streams.worker.transactions import TransactionFailedError, Transactions

from ..pipeline.lane.ways import PIPELINE, a_record, a_topology, walked
from .cluster import WholeRecord, read_whole

pytestmark = [pytest.mark.integration, pytest.mark.skipif(extension is None, reason="native code was not built")]

PARTITIONS = 4


@pytest.fixture
def topic(kafka: EmbeddedKafka, unique: Callable[[str], str]) -> str:
    """One of its own."""
    name = unique("sent")
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(name, PARTITIONS)])[name].result()
    return name


@pytest.fixture
def opened(kafka: EmbeddedKafka, unique: Callable[[str], str]) -> Callable[[bool], Any]:
    """``opened(native)``: a transaction, committed in the end."""

    @contextmanager
    def transaction(native: bool) -> Iterator[Transactions]:
        held = Transactions({"bootstrap.servers": kafka.bootstrap}, unique("app"), native=native)
        assert (held._quick_sends is not None) == native
        held.open()
        yield held
        held._producer.commit_transaction(10)

    return transaction


def of_a_lane(topic: str) -> list[Any]:
    """Records to publish as C leaves them, in the bytes in which it wrote them."""
    routes = [{**PIPELINE["route"][0], "to": topic}, {"to": topic}]
    records = [a_record({"id": number, "at": 1_000 + number}) for number in range(300)]
    topology = a_topology({**PIPELINE, "route": routes}, native=True)
    left = [held for held in walked(topology, [records]).deliveries if held.topic == topic]
    assert len(left) == 2 * len(records) and not any(isinstance(held, Delivery) for held in left)
    return left


def of_everything(topic: str) -> list[Delivery]:
    """As they come of a lane, and of everything else, mixed."""
    values = [(None, b"v"), (b"k", None), (b"", b""), (b"k\0", b"\xff" * 50_000)]
    plain = [Delivery(topic=topic, key=key, value=value, timestamp_ms=5) for key, value in values]
    own = [
        Delivery(topic=topic, key=b"k", value=b"h", timestamp_ms=7, headers=(("h", b"1"), ("h", None))),
        Delivery(topic=topic, key=b"k", value=b"p", timestamp_ms=8, partition=2),
        Delivery(topic=topic, key=b"k", value=b"e", timestamp_ms=9, partition=EVERY_PARTITION),
    ]
    lane = of_a_lane(topic)
    return [*lane[:100], *plain, *own, *lane[100:200], *own, *plain, *lane[200:]]


def read_all(kafka: EmbeddedKafka, topic: str, count: int) -> list[WholeRecord]:
    """All ``count`` records: a broker answers a commit before it has marked every partition."""
    for _ in range(100):
        if len(found := read_whole(kafka.bootstrap, topic)) >= count:
            break
    return found


def by_partition(records: list[WholeRecord]) -> list[list[WholeRecord]]:
    return [[record for record in records if record.partition == number] for number in range(PARTITIONS)]


def test_all_that_is_sent_is_the_same_with_and_without_c(
    kafka: EmbeddedKafka, topic: str, opened: Callable[[bool], Any]
) -> None:
    sent = of_everything(topic)
    for native in (True, False):
        with opened(native) as held:
            held.send(sent)

    read = read_all(kafka, topic, 2 * (600 + 2 * (4 + 2 + PARTITIONS)))
    found = by_partition([record for record in read if record.key is not None])
    assert sum(map(len, found)) == 2 * (600 + 2 * (3 + 2 + PARTITIONS))
    assert [own[: len(own) // 2] for own in found] == [own[len(own) // 2 :] for own in found]
    # Where they go that have no key is drawn by lot.
    keyless = [record[1:] for record in read if record.key is None]
    assert keyless == 4 * [(None, b"v", 5, ())]


def test_changelog_records_keep_their_order_and_their_places(
    kafka: EmbeddedKafka, topic: str, opened: Callable[[bool], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "CHANGELOG_BATCH", 7)
    entries: list[Any] = [(b"%d" % number, None if number % 5 == 0 else b"v" * (number % 3)) for number in range(50)]
    ends = []
    for native in (True, False):
        with opened(native) as held:
            held.send_changelog([ChangelogRun(topic=topic, partition=3, records=entries)])
            held._producer.flush(10)
            ends.append(held._positions)
        read_all(kafka, topic, 50 * len(ends))  # the mark of the commit is there, too

    assert [(record.partition, record.key, record.value) for record in read_all(kafka, topic, 100)] == [
        (3, *entry) for entry in [*entries, *entries]
    ]
    assert ends == [{(topic, 3): 50}, {(topic, 3): 101}]  # the first commit has a place of its own


def test_a_full_queue_is_waited_for(
    kafka: EmbeddedKafka, topic: str, opened: Callable[[bool], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "QUEUE_RECORDS", 50)
    lane = of_a_lane(topic)
    with opened(True) as held:
        held.send(lane)

    assert len(read_all(kafka, topic, len(lane))) == len(lane)


@pytest.mark.parametrize("native", [True, False])
def test_what_a_broken_transaction_does_not_take_is_told_by_its_cause(
    topic: str, opened: Callable[[bool], Any], kafka: EmbeddedKafka, native: bool
) -> None:
    with pytest.raises(TransactionFailedError, match="FENCED"), opened(native) as held:
        transactions.fence({"bootstrap.servers": kafka.bootstrap}, held.transactional_id)
        held.send([Delivery(topic=topic, key=b"k", value=b"v", timestamp_ms=1)])
        with suppress(KafkaException):
            held._producer.flush(10)
        held.send_changelog([ChangelogRun(topic=topic, partition=0, records=[(b"k", b"v"), (b"l", b"w")])])


@pytest.mark.parametrize("native", [True, False])
def test_a_transaction_that_breaks_while_its_queue_is_full_is_told_by_its_cause(
    topic: str, opened: Callable[[bool], Any], kafka: EmbeddedKafka, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "QUEUE_RECORDS", 2)
    with pytest.raises(TransactionFailedError, match="FENCED"), opened(native) as held:
        transactions.fence({"bootstrap.servers": kafka.bootstrap}, held.transactional_id)
        held.send([Delivery(topic=topic, key=b"k", value=b"v", timestamp_ms=1)] * 10)


def test_only_the_class_that_is_known_is_looked_into(topic: str) -> None:
    class Own(Producer):
        """What it looks like inside is its own affair."""

    assert extension is not None
    producer = Own({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    one = Delivery(topic=topic, key=b"k", value=b"v", timestamp_ms=1)

    assert extension.send(producer, [one], 0) == 0
    assert extension.send_batch(producer, topic, 0, [(b"k", b"v")], 0, 1) == 0


def test_what_is_no_record_is_refused(kafka: EmbeddedKafka, topic: str) -> None:
    assert extension is not None
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for wrong in ([1], [(b"k",)], [(b"k", "v")], [(1, b"v")]):
        with pytest.raises(TypeError, match="no pair of bytes or None"):
            extension.send_batch(producer, topic, 0, wrong, 0, 1)
    with pytest.raises(ValueError, match="no such records"):
        extension.send_batch(producer, topic, 0, [], 0, 1)
    with pytest.raises(AttributeError):
        extension.send(producer, [object()], 0)
    assert len(producer) == 0
