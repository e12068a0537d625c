"""Runs: what one fetch brought of one partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streams.records import RecordBatch, SourceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Records of one partition as aiokafka gives them, and the epoch in which they were asked for."""

    epoch: int
    records: list[Any]

    @property
    def place(self) -> tuple[str, int]:
        """(topic, partition)."""
        return self.records[0].topic, self.records[0].partition

    def batch(self) -> RecordBatch:
        """The same as the pipelines take it."""
        records = self.records
        topic, partition = self.place
        return RecordBatch(
            topic=topic,
            partition=partition,
            records=[
                SourceRecord(
                    topic=topic,
                    partition=partition,
                    offset=record.offset,
                    timestamp_ms=record.timestamp,
                    key=record.key,
                    value=record.value,
                    headers=tuple(record.headers),
                )
                for record in records
            ],
            next_offset=records[-1].offset + 1,
        )
