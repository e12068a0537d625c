"""Sink: the newest position is found whatever stands beside it in the topic."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from confluent_kafka import Producer

from streams.capture.options import CaptureError, CaptureOptions
from streams.capture.position import Position
from streams.capture.sink import Sink
from streams.embedded import EmbeddedKafka


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


def test_an_option_that_kafka_s_client_does_not_know_is_told_with_its_name() -> None:
    options = CaptureOptions(database="", tables=(), kafka={"bootstrap.server": "127.0.0.1:1"})

    with pytest.raises(CaptureError, match=r'"bootstrap\.server"; correct STREAMS_KAFKA_<OPTION>'):
        Sink(options)
