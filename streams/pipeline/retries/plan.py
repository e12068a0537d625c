"""What a plan says of retries: for which reasons, after how long, and what becomes of a row's order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from streams.records import ChangeEvent

RowOf = Callable[[ChangeEvent], bytes | None]
"""16 bytes that stand for the row of an event; ``None``: of all rows, or of none."""


class InOrder(Enum):
    """What later events of a row do while one of it waits."""

    PARK = "park"
    """They wait, too."""
    SUPERSEDE = "supersede"
    """One that tells the whole row takes the place of what waits; all others wait, too."""
    IGNORE = "ignore"
    """They go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """What is tried again, and how often."""

    delays_ms: Mapping[str, tuple[int, ...]]
    """By reason, how long an event waits when it has failed so for the first time, the second, and so on; then it is
    dead."""
    topics: Mapping[int, str]
    """By delay (ms) the topic in which events wait that long."""
    in_order: InOrder
    row_of: RowOf
    row_at: Callable[[bytes], bytes]
    """The same by a row's canonical key."""
    is_split: bool = False
    """A record may hold two events."""
    asks: tuple[str, ...] = ()
    """By join of the pipeline the topic in which other tasks are asked for its partners; empty: it is in the same."""

    def delay_ms(self, reason: str, waited: int) -> int | None:
        """How long an event waits that has failed for ``reason``, and has waited so often for it before; ``None``: it
        is dead.
        """
        delays = self.delays_ms.get(reason, ())
        return delays[waited] if waited < len(delays) else None
