"""Runs: what one fetch brought of one partition."""

from __future__ import annotations

from dataclasses import dataclass

from streams.records import RecordBatch, SourceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Records of one partition, and the epoch in which they were asked for."""

    epoch: int
    records: list[SourceRecord]

    @property
    def place(self) -> tuple[str, int]:
        """(topic, partition)."""
        return self.records[0].topic, self.records[0].partition

    def batch(self) -> RecordBatch:
        """The same as the pipelines take it."""
        topic, partition = self.place
        return RecordBatch(
            topic=topic,
            partition=partition,
            records=self.records,
            next_offset=self.records[-1].offset + 1,
        )
