"""What the plan says of the source's transactions: where they are told of, and how long one is waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streams.records import SourceRecord

ReadEnd = Callable[[SourceRecord], int | None]
"""Where in the source's log a transaction ends; ``None``: the record says no such thing. Raises ``PipelineError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactional:
    """A pipeline whose results are released transaction by transaction."""

    topic: str
    """Debezium's topic of transactions: what tells where they end."""
    ends: str
    """Where every task is told of that."""
    read_end: ReadEnd
    timeout_ms: int
    most_bytes: int = 16 << 20
    """Of one input; what is larger is released in pieces."""
