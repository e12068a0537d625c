"""Closing: which windows no event changes any more, and which are not kept any longer.

A part of them at each checkpoint: windows of a million groups may close at once, and no transaction may take longer
than Kafka waits for it. Where it goes on is part of the pipeline's progress, so a crash repeats nothing.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from msgspec.structs import replace

from streams.state.table import Table

from ..plan import Accumulator
from ..tables import PipelineTables
from .keys import window_key
from .kinds import Windows

WINDOWS_PER_CHECKPOINT = 5_000
"""That one table of a task closes, and as many that it forgets."""


def pass_closed(
    table: str, windows: Windows, tables: PipelineTables, *, are_told: bool
) -> list[tuple[bytes, Accumulator]]:
    """The next of those that have closed, oldest first, each once; none where nothing is told of them."""
    progress, groups = tables.current_progress(), tables.groups[table]
    clock_ms = progress.clock(table)
    if clock_ms is None:
        return []
    bound_ms, passed_ms = windows.bound_ms(clock_ms), progress.closed.get(table)
    if passed_ms is not None and bound_ms <= passed_ms:
        return []
    cursor = progress.closing.get(table)
    start = _after(cursor) if cursor is not None else b"" if passed_ms is None else window_key(passed_ms, b"")
    found = list(islice(groups.scan(start, window_key(bound_ms, b"")), WINDOWS_PER_CHECKPOINT)) if are_told else []
    if len(found) == WINDOWS_PER_CHECKPOINT:
        tables.set_progress(replace(progress, closing={**progress.closing, table: found[-1][0].hex()}))
        return found
    closing = {name: held for name, held in progress.closing.items() if name != table}
    tables.set_progress(replace(progress, closed={**progress.closed, table: bound_ms}, closing=closing))
    groups.release(window_key(bound_ms, b""))
    return found


def purge_closed(table: str, windows: Windows, tables: PipelineTables) -> None:
    """Forget the next of those that were to be kept until now; none that is still to be told."""
    progress = tables.current_progress()
    clock_ms, passed_ms, since_ms = progress.clock(table), progress.closed.get(table), progress.purged.get(table)
    if clock_ms is None or passed_ms is None:
        return
    until_ms = min(windows.bound_ms(clock_ms - windows.retain_ms), passed_ms)
    if since_ms is not None and since_ms >= until_ms:
        return
    start, end = b"" if since_ms is None else window_key(since_ms, b""), window_key(until_ms, b"")
    kept: list[Table[Any]] = [tables.groups[table], *([tables.values[table]] if table in tables.values else [])]
    are_done = [held.forget(start, end, most=WINDOWS_PER_CHECKPOINT) for held in kept]
    if all(are_done):
        tables.set_progress(replace(progress, purged={**progress.purged, table: until_ms}))


def _after(cursor: str) -> bytes:
    """The least key behind it."""
    return bytes.fromhex(cursor) + b"\0"
