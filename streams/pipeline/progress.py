"""Progress: how far event time has come in a task, and what has been done about windows until then."""

from __future__ import annotations

import msgspec


class Upstream(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far one partition of the stage before has come, as it says itself."""

    watermark_ms: int | None = None
    """Largest event time seen; ``None``: none yet, or it has not been heard of."""
    idle: dict[str, int] = {}
    """By aggregation that need not wait for it: wall clock (ms) of its last record."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far the clock of one pipeline has come in one partition; all in ms of event time."""

    watermark: int | None = None
    """Largest event time seen."""
    forced: dict[str, int] = {}
    """By aggregation: a later clock that the wall clock has forced on an idle input."""
    closed: dict[str, int] = {}
    """By aggregation: windows that start before this are closed and, where ``final``, published."""
    closing: dict[str, str] = {}
    """By aggregation that has closed windows still to publish: hex of the key of the last that was."""
    purged: dict[str, int] = {}
    """By aggregation: windows that start before this are gone."""
    idle: dict[str, int] = {}
    """By aggregation behind an exchange that need not wait for this input: wall clock (ms) of its last record."""
    upstreams: dict[str, int] = {}
    """By side of a join of streams, how many partitions tell of it."""
    told: Upstream | None = None
    """What the stages behind exchanges have been told last."""
    ended: int = -1
    """Before this place of the source's log all its transactions have ended, as it says itself."""

    def clock(self, table: str) -> int | None:
        """What closes the windows of ``table``."""
        forced = self.forced.get(table)
        if forced is None or self.watermark is None:
            return forced if self.watermark is None else self.watermark
        return max(forced, self.watermark)


decode_progress = msgspec.json.Decoder(Progress).decode
decode_upstream = msgspec.json.Decoder(Upstream).decode
