"""Clocks: how far time has come where events of several partitions meet.

A window stays open until every partition upstream has passed its end and grace, or has said itself that nobody needs
to wait for it. What has not been heard of yet holds all windows open. A clock never goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from ..plan import Aggregation, Plan
from ..progress import Upstream
from ..tables import PipelineTables
from ..windows.kinds import Windows
from .wire import Told

NOTHING = Upstream()


class Clocks:
    """What one task of a stage knows of its upstreams, during a batch."""

    def __init__(self, plan: Plan, tables: PipelineTables) -> None:
        self._tables = tables
        self._windowed = () if plan.receives is None else plan.receives.windowed
        self._upstreams = _upstreams(tables)
        self._changed: dict[bytes, Upstream | None] = {}

    def note_event(self, partition: int) -> None:
        """An event has come from there: whatever was said, it is not idle."""
        if (known := self._upstreams[partition]).idle:
            self._keep(partition, replace(known, idle={}))

    def hear(self, told: Told) -> None:
        """Take in what an upstream tells: later events may find windows closed."""
        self._keep(told.partition, Upstream(watermark_ms=told.watermark_ms, idle=told.idle))
        _advance(self._windowed, self._tables, self._upstreams)

    def _keep(self, partition: int, upstream: Upstream) -> None:
        self._upstreams[partition] = upstream
        self._changed[_key(partition)] = upstream

    def close(self) -> None:
        """The batch is done."""
        if self._changed:
            self._tables.upstreams.put_many(self._changed)


def _advance(
    windowed: Iterable[tuple[Aggregation, Windows]], tables: PipelineTables, upstreams: Sequence[Upstream]
) -> None:
    """Move the clock of each table to where its upstreams allow."""
    progress = tables.current_progress()
    clocks = {held.table: clock for held, _ in windowed if (clock := clock_of(held.table, upstreams)) is not None}
    moved = {table: clock for table, clock in clocks.items() if clock > progress.forced.get(table, clock - 1)}
    if moved:
        tables.set_progress(replace(progress, forced={**progress.forced, **moved}))


def clock_of(table: str, upstreams: Sequence[Upstream]) -> int | None:
    """The least watermark of those that ``table`` waits for; the greatest where all are idle. ``None``: not known."""
    waited = [upstream.watermark_ms for upstream in upstreams if table not in upstream.idle]
    known = [upstream.watermark_ms for upstream in upstreams if upstream.watermark_ms is not None]
    if not waited:
        return max(known, default=None)
    times = [time_ms for time_ms in waited if time_ms is not None]
    return min(times) if len(times) == len(waited) else None


def force_clocks(plan: Plan, tables: PipelineTables, *, now_ms: int) -> None:
    """All upstreams are idle, and what they sent has been read: in the end the wall clock closes their windows."""
    if plan.receives is None:
        return
    progress, upstreams = tables.current_progress(), _upstreams(tables)
    newest_ms = max((held.watermark_ms for held in upstreams if held.watermark_ms is not None), default=None)
    forced = dict(progress.forced)
    for aggregation, windows in plan.receives.windowed:
        since_ms = [held.idle[aggregation.table] for held in upstreams if aggregation.table in held.idle]
        open_ms = windows.open_ms
        is_over = len(since_ms) == len(upstreams) and now_ms - max(since_ms) >= open_ms + aggregation.idle_ms
        if is_over and newest_ms is not None:
            forced[aggregation.table] = max(forced.get(aggregation.table, newest_ms), newest_ms + open_ms)
    if forced != progress.forced:
        tables.set_progress(replace(progress, forced=forced))


def _upstreams(tables: PipelineTables) -> list[Upstream]:
    keys = [_key(partition) for partition in range(tables.partitions)]
    known = tables.upstreams.get_many(keys)
    return [known.get(key) or NOTHING for key in keys]


def _key(partition: int) -> bytes:
    return str(partition).encode()
