"""Runs: what one fetch brought becomes a batch, record by record."""

from __future__ import annotations

from dataclasses import replace

from streams.records import RecordBatch, SourceRecord

from .builders import TOPIC, a_record, a_run


def test_a_run_is_a_batch_with_every_byte_as_it_came() -> None:
    first = replace(a_record(7, partition=2, key=b"k", value=b"v"), headers=(("trace", b"1"), ("trace", b"2")))
    tombstone = a_record(9, partition=2, key=None, value=None)

    run = a_run(first, tombstone, epoch=4)

    assert (run.place, run.epoch) == ((TOPIC, 2), 4)
    assert run.batch() == RecordBatch(
        topic=TOPIC,
        partition=2,
        records=[
            SourceRecord(topic=TOPIC, partition=2, offset=7, timestamp_ms=1_000, key=b"k", value=b"v",
                         headers=(("trace", b"1"), ("trace", b"2"))),
            SourceRecord(topic=TOPIC, partition=2, offset=9, timestamp_ms=1_000, key=None, value=None),
        ],
        next_offset=10,
    )  # fmt: skip
