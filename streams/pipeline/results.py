"""Results: what a task hands to whoever drives it, of a batch and at a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.ledger import Ledger
from streams.records import Delivery
from streams.state.changelog import ChangelogRun
from streams.state.overlay import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What a task makes of a batch, over all pipelines whose input it is."""

    topic: str
    deliveries: list[Delivery]
    ledgers: Mapping[str, Ledger]
    """By pipeline; each is balanced."""
    commit_times_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the transaction must hold besides what the batches delivered."""

    deliveries: list[Delivery]
    """Window results."""
    changelog: list[ChangelogRun]
    """Every change of state; each state changelog's marker last."""
    offsets: Mapping[str, int]
    """By source topic: the next offset to process."""
    entries: list[Entry] = field(default_factory=list)
    """The same changes as the store keeps them."""
