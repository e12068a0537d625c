"""Sink: the newest position is found whatever stands beside it in the topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Thread

import pytest
from confluent_kafka import Producer

from streams.capture.options import CaptureError, CaptureOptions
from streams.capture.outgoing.sink import QUEUE_BYTES, Sink
from streams.capture.position import Position
from streams.embedded import EmbeddedKafka
from streams.records import Delivery


@pytest.mark.integration
def test_a_transaction_that_another_capture_left_open_does_not_hide_the_newest_position(
    kafka: EmbeddedKafka, unique: Callable[[str], str]
) -> None:
    options = CaptureOptions(database="", tables=(), kafka={"bootstrap.servers": kafka.bootstrap}, app=unique("app"))
    killed = Producer({**options.kafka, "transactional.id": unique("other"), "transaction.timeout.ms": 2_000})
    with closing(Sink(options)) as sink:
        assert sink.start([]) is None
        sink.commit(Position(end_lsn=1))
        killed.init_transactions(30)
        killed.begin_transaction()
        killed.produce(options.positions_topic, b"{}", b"other")
        killed.flush(30)
        sink.commit(Position(end_lsn=2))

    with closing(Sink(options)) as sink:
        assert sink.start([]) == Position(end_lsn=2)


@pytest.mark.integration
def test_what_waits_for_a_kafka_that_stands_still_is_bounded_in_bytes(
    kafka: EmbeddedKafka, unique: Callable[[str], str]
) -> None:
    options = CaptureOptions(database="", tables=(), kafka={"bootstrap.servers": kafka.bootstrap}, app=unique("app"))
    topic, taken, (broker,) = unique("large"), 0, kafka.nodes
    value = bytes(900_000)
    count = 2 * QUEUE_BYTES // len(value)

    def records() -> Iterator[Delivery]:
        nonlocal taken
        for number in range(1, count + 1):
            taken = number
            yield Delivery(topic=topic, key=b"k", value=value, timestamp_ms=1)

    with closing(Sink(options)) as sink:
        sink.start([topic])
        sender = Thread(target=lambda: sink.send(records()), daemon=True)
        broker.suspend()
        try:
            sender.start()
            sender.join(5)
            waiting = taken
        finally:
            broker.resume()
        sender.join(60)
        sink.commit(Position(end_lsn=1))

    assert 0 < waiting * len(value) <= QUEUE_BYTES + len(value)
    assert (taken, sender.is_alive()) == (count, False)


def test_an_option_that_kafka_s_client_does_not_know_is_told_with_its_name() -> None:
    options = CaptureOptions(database="", tables=(), kafka={"bootstrap.server": "127.0.0.1:1"})

    with pytest.raises(CaptureError, match=r'"bootstrap\.server"; correct STREAMS_KAFKA_<OPTION>'):
        Sink(options)
