"""Close: what a checkpoint says of windows and groups.

In:   the groups that changed since the last checkpoint, and the clock.
Out:  window results to publish: ``current`` the last value of each changed group, ``final`` each window once.
Next: streams.pipeline.task (the checkpoint)

States are stored by window start first, so what closes is one range of the table and needs no index.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from streams.records import Delivery
from streams.state.table import Table

from .aggregates.partials import ROWS
from .plan import Accumulator, Aggregation, Emission
from .route import encode_json
from .tables import PipelineTables, decode_group, split_window_key, window_key


def close_windows(aggregations: tuple[Aggregation, ...], tables: PipelineTables) -> list[Delivery]:
    """Results to publish at this checkpoint; closed windows past their retention are removed."""
    deliveries: list[Delivery] = []
    for aggregation in aggregations:
        groups = tables.groups[aggregation.table]
        if aggregation.is_of_rows:
            deliveries += _present(aggregation, groups)
        elif aggregation.to is not None and aggregation.emission is Emission.CURRENT:
            deliveries += _current(aggregation, groups)
        if aggregation.size_ms is not None:
            deliveries += _close(aggregation, aggregation.size_ms, tables)
    return deliveries


def force_idle(aggregations: tuple[Aggregation, ...], tables: PipelineTables, silent_ms: int) -> None:
    """Close the windows of an input that was caught up and silent for ``silent_ms`` of wall clock."""
    progress = tables.current_progress()
    if progress.watermark is None:
        return
    forced = dict(progress.forced)
    for aggregation in aggregations:
        if aggregation.size_ms is not None:
            open_ms = aggregation.size_ms + aggregation.grace_ms
            if silent_ms >= open_ms + aggregation.idle_ms:
                forced[aggregation.table] = progress.watermark + open_ms
    if forced != progress.forced:
        tables.set_progress(replace(progress, forced=forced))


def _current(aggregation: Aggregation, groups: Table[Accumulator]) -> Iterator[Delivery]:
    assert aggregation.to is not None
    for key in groups.dirty_keys:
        if (state := groups.get(key)) is not None:
            yield _result(aggregation, aggregation.to, key, state)


def _present(aggregation: Aggregation, groups: Table[Accumulator]) -> Iterator[Delivery]:
    """Groups of rows as they are now. One whose last row went is gone; without groups there is one, of no rows, too."""
    gone: dict[bytes, Accumulator | None] = {}
    for key in groups.dirty_keys:
        if (state := groups.get(key)) is None:
            continue
        is_gone = not state[ROWS] and bool(aggregation.by)
        if is_gone:
            gone[key] = None
        if aggregation.to is not None:
            result = _result(aggregation, aggregation.to, key, state)
            yield replace(result, value=None) if is_gone else result
    groups.put_many(gone)


def _close(aggregation: Aggregation, size_ms: int, tables: PipelineTables) -> Iterator[Delivery]:
    name, groups = aggregation.table, tables.groups[aggregation.table]
    progress = tables.current_progress()
    clock_ms = progress.clock(name)
    if clock_ms is None:
        return
    # A window has closed when start + size + grace <= clock.
    closed_ms = _aligned(clock_ms - aggregation.grace_ms, size_ms)
    purged_ms = closed_ms - _aligned(aggregation.retain_ms, size_ms)
    if closed_ms > progress.closed.get(name, closed_ms - 1):
        if aggregation.emission is Emission.FINAL and aggregation.to is not None:
            start = window_key(progress.closed[name], b"") if name in progress.closed else b""
            for key, state in groups.scan(start, window_key(closed_ms, b"")):
                yield _result(aggregation, aggregation.to, key, state)
        tables.set_progress(replace(progress, closed={**progress.closed, name: closed_ms}))
        groups.release(window_key(closed_ms, b""))
    _purge(name, groups, tables, purged_ms)


def _purge(name: str, groups: Table[Accumulator], tables: PipelineTables, until_ms: int) -> None:
    progress = tables.current_progress()
    since_ms = progress.purged.get(name)
    if since_ms is not None and since_ms >= until_ms:
        return
    start = b"" if since_ms is None else window_key(since_ms, b"")
    kept = (groups, tables.values[name]) if name in tables.values else (groups,)
    for table in kept:
        table.put_many({key: None for key, _ in table.scan(start, window_key(until_ms, b""))})
    tables.set_progress(replace(progress, purged={**progress.purged, name: until_ms}))


def _aligned(time_ms: int, size_ms: int) -> int:
    return time_ms - time_ms % size_ms


def _result(aggregation: Aggregation, topic: str, key: bytes, state: Accumulator) -> Delivery:
    """One result: its key is the group and, where there are windows, the window."""
    window: dict[str, object] = {}
    group = key
    if aggregation.size_ms is not None:
        start_ms, group = split_window_key(key)
        window = {"window_start": start_ms, "window_end": start_ms + aggregation.size_ms}
    identity = {**dict(zip(aggregation.by, decode_group(group), strict=True)), **window}
    newest_ms = state[0]
    assert isinstance(newest_ms, int)
    return Delivery(
        topic=topic,
        key=encode_json(identity),
        value=encode_json({**identity, **aggregation.read(state)}),
        timestamp_ms=max(newest_ms, 0),
    )
