"""Committed: what a test sees of topics and tables."""

from __future__ import annotations

from dataclasses import dataclass

from streams.pipeline.tables import encode_key
from streams.records import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedRecord:
    """A record as a read_committed consumer sees it."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    partition: int


def hashable(value: object) -> object:
    """A key's value as a dict can have it: objects and lists as their canonical JSON text."""
    return encode_key(value).decode() if isinstance(value, (dict, list)) else value  # type: ignore[arg-type]
