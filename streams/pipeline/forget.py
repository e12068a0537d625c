"""Forget: identities that no later event may meet again leave the state.

In:   what a pipeline has seen, and its watermark.
Out:  the same without entries that have expired; a few at each checkpoint, so that no checkpoint is long.
Next: streams.pipeline.task (the checkpoint)

An expired entry counts as absent whether it is still stored or not, so when it goes is nobody's concern.
"""

from __future__ import annotations

from .plan import Plan
from .tables import PipelineTables
from .windows.recent import Sweeper

ENTRIES_PER_CHECKPOINT = 5_000
PACKS_PER_CHECKPOINT = 100
SWEEPS_PER_KEEP = 8


class Forgetter:
    """A sweep over ``seen``, begun whenever the watermark has moved on by an eighth of what is kept."""

    def __init__(self, plan: Plan) -> None:
        rule = plan.deduplicate
        self._sweepers = [
            Sweeper(held.table, held.windows)
            for held in plan.aggregations
            if held.windows is not None and held.windows.has_recent
        ]
        self._every_ms = None if rule is None else max(1, rule.keep_ms // SWEEPS_PER_KEEP)
        self._next_sweep_ms: int | None = None
        self._cursor: bytes | None = None

    def forget(self, tables: PipelineTables) -> None:
        """Go on with the sweep, or begin one when it is time."""
        for sweeper in self._sweepers:
            sweeper.sweep(tables)
        watermark_ms = tables.current_progress().watermark
        if self._every_ms is None or watermark_ms is None:
            return
        if self._next_sweep_ms is None:
            self._next_sweep_ms = watermark_ms + self._every_ms
        elif self._cursor is None and watermark_ms >= self._next_sweep_ms:
            self._cursor, self._next_sweep_ms = b"", watermark_ms + self._every_ms
        if self._cursor is not None:
            self._cursor = _sweep(tables, self._cursor, watermark_ms)
        tables.seen.forget_packs(watermark_ms, most=PACKS_PER_CHECKPOINT)


def _sweep(tables: PipelineTables, cursor: bytes, watermark_ms: int) -> bytes | None:
    """Delete what has expired among the next entries; where to go on, ``None`` at the end."""
    expired: dict[bytes, int | None] = {}
    for count, (key, expires_ms) in enumerate(tables.seen.scan(cursor)):
        if count >= ENTRIES_PER_CHECKPOINT:
            tables.seen.put_many(expired)
            return key
        if expires_ms <= watermark_ms:
            expired[key] = None
    tables.seen.put_many(expired)
    return None
