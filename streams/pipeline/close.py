"""Close: what a checkpoint says of windows and groups.

In:   the groups that changed since the last checkpoint, and the clock.
Out:  window results to publish: ``current`` the last value of each changed group, ``final`` each window once.
Next: streams.pipeline.task (the checkpoint)

States are stored in the order in which their windows close, so what closes is one range of the table.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from streams.records import Delivery
from streams.state.table import Table

from .aggregates.partials import ROWS
from .plan import Accumulator, Aggregation, Emission
from .route import encode_json
from .tables import PipelineTables, decode_group
from .windows.closing import pass_closed, purge_closed
from .windows.kinds import Windows


def close_windows(aggregations: tuple[Aggregation, ...], tables: PipelineTables) -> list[Delivery]:
    """Results to publish at this checkpoint; closed windows past their retention are removed."""
    deliveries: list[Delivery] = []
    for aggregation in aggregations:
        groups = tables.groups[aggregation.table]
        if aggregation.is_of_rows:
            deliveries += _present(aggregation, groups)
        elif aggregation.to is not None and aggregation.emission is Emission.CURRENT:
            deliveries += [*_replaced(aggregation, groups), *_current(aggregation, groups)]
        if aggregation.windows is not None:
            deliveries += _close(aggregation, aggregation.windows, tables)
    return deliveries


def force_idle(aggregations: tuple[Aggregation, ...], tables: PipelineTables, silent_ms: int) -> None:
    """Close the windows of an input that was caught up and silent for ``silent_ms`` of wall clock."""
    progress = tables.current_progress()
    if progress.watermark is None:
        return
    forced = dict(progress.forced)
    for aggregation in aggregations:
        if aggregation.windows is not None:
            open_ms = aggregation.windows.open_ms
            if silent_ms >= open_ms + aggregation.idle_ms:
                forced[aggregation.table] = progress.watermark + open_ms
    if forced != progress.forced:
        tables.set_progress(replace(progress, forced=forced))


def _current(aggregation: Aggregation, groups: Table[Accumulator]) -> Iterator[Delivery]:
    assert aggregation.to is not None
    for key in groups.dirty_keys:
        if (state := groups.get(key)) is not None:
            yield _result(aggregation, aggregation.to, key, state)


def _replaced(aggregation: Aggregation, groups: Table[Accumulator]) -> Iterator[Delivery]:
    """Sessions that have been published and are others now: each key gets a tombstone."""
    windows = aggregation.windows
    if windows is None or not windows.has_recent or aggregation.to is None:
        return
    gone = [key for key in groups.dirty_keys if groups.get(key) is None]
    committed = groups.committed(gone) if gone else ()
    for key in gone:
        if key in committed:
            yield Delivery(
                topic=aggregation.to,
                key=encode_json(_identity(aggregation, key)),
                value=None,
                timestamp_ms=max(windows.split(key)[0].end_ms, 0),
            )


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


def _close(aggregation: Aggregation, windows: Windows, tables: PipelineTables) -> list[Delivery]:
    to = aggregation.to if aggregation.emission is Emission.FINAL else None
    closed = pass_closed(aggregation.table, windows, tables, are_told=to is not None)
    purge_closed(aggregation.table, windows, tables)
    return [] if to is None else [_result(aggregation, to, key, state) for key, state in closed]


def _identity(aggregation: Aggregation, key: bytes) -> dict[str, object]:
    """The group and, where there are windows, the window: what tells a result from others."""
    window: dict[str, object] = {}
    group = key
    if aggregation.windows is not None:
        span, group = aggregation.windows.split(key)
        window = {"window_start": span.start_ms, "window_end": span.end_ms}
    return {**dict(zip(aggregation.by, decode_group(group), strict=True)), **window}


def _result(aggregation: Aggregation, topic: str, key: bytes, state: Accumulator) -> Delivery:
    identity = _identity(aggregation, key)
    newest_ms = state[0]
    assert isinstance(newest_ms, int)
    return Delivery(
        topic=topic,
        key=encode_json(identity),
        value=encode_json({**identity, **aggregation.read(state)}),
        timestamp_ms=max(newest_ms, 0),
    )
