"""Results: what a task hands to whoever drives it, of a batch and at a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.ledger import Ledger
from streams.records import Delivery
from streams.state.changelog import ChangelogRun
from streams.state.overlay import Entry
from streams.state.stores.base import Range


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What a task makes of a batch, over all pipelines whose input it is."""

    topic: str
    """Of the source, also where the events have waited in another one."""
    source: str
    """``topic``, or ``retry`` for events that were read before."""
    deliveries: list[Delivery]
    ledgers: Mapping[str, Ledger]
    """By pipeline; each is balanced."""
    released: Mapping[str, Ledger]
    """The same of events that were parked behind others."""
    commit_times_ms: tuple[int, ...]

    @property
    def all_ledgers(self) -> Mapping[str, Ledger]:
        """Those of both."""
        return {**self.ledgers, **{f"{name} (parked)": ledger for name, ledger in self.released.items()}}


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
    gone: list[Range] = field(default_factory=list)
    """What of the store goes before that."""
    ledgers: Mapping[str, Ledger] = field(default_factory=dict)
    """By pipeline, dead letters of results that came up now; they hold no events."""
