"""Committed: what a test sees of a topic."""

from __future__ import annotations

from dataclasses import dataclass

from streams.records import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedRecord:
    """A record as a read_committed consumer sees it."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    partition: int
