"""What the plan says of a join of two streams."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..exchange.plan import Needs


class Side(Enum):
    """Of a pairing."""

    OWN = "own"
    """Events of the pipeline that has the join: each has a window."""
    PARTNER = "partner"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStage:
    """Where the events of both sides meet that live in different tasks."""

    stage: str
    """Name of the plan that reads both topics."""
    own: str
    """Topic of the events that have windows."""
    partner: str

    def topic(self, side: Side) -> str:
        """Where a side sends its events."""
        return self.own if side is Side.OWN else self.partner


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """The events of a pipeline, each joined with those of another that lie in its window."""

    changelog: str
    """Short name of the changelog of what it keeps; late events are counted under it."""
    pipeline: str
    partner: str
    """The other pipeline."""
    topic: str
    """Source of the pipeline."""
    partner_topic: str
    by: tuple[str, ...]
    """Own columns that must equal those of ``partner_by``."""
    partner_by: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    """(column of the partner, its name here)."""
    is_inner: bool
    """An event that finds no partner is in no result; else it is there once, the columns are null."""
    before_ms: int
    """How far before an own event its window begins."""
    after_ms: int
    grace_ms: int
    idle_ms: int
    needs: Needs
    """What later steps read of an own event."""
    stage: PairStage | None = None
    """``None``: both sides are in the same tasks."""

    @property
    def open_ms(self) -> int:
        """How long something is kept after its event time, and no longer: nothing can meet it then."""
        return self.before_ms + self.after_ms + self.grace_ms

    def last_ms(self, time_ms: int) -> int:
        """Watermark up to which the window of an own event at ``time_ms`` takes partners."""
        return time_ms + self.after_ms + self.grace_ms

    def is_late(self, side: Side, time_ms: int, clock_ms: int) -> bool:
        """Every window that an event could be in had closed when its partition had come to ``clock_ms``."""
        return clock_ms > (self.last_ms(time_ms) if side is Side.OWN else time_ms + self.open_ms)

    @property
    def shape(self) -> object:
        """What its state depends on."""
        reach = (self.before_ms, self.after_ms, self.grace_ms)
        return self.partner, self.by, self.partner_by, self.columns, reach, self.is_inner
