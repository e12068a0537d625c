"""Runs: what one fetch brought becomes a batch."""

from __future__ import annotations

from streams.records import RecordBatch

from .builders import TOPIC, a_record, a_run


def test_a_run_is_a_batch_that_ends_behind_its_last_record() -> None:
    records = [a_record(7, partition=2), a_record(9, partition=2, key=None, value=None)]

    run = a_run(*records, epoch=4)

    assert (run.place, run.epoch) == ((TOPIC, 2), 4)
    assert run.batch() == RecordBatch(topic=TOPIC, partition=2, records=records, next_offset=10)
