"""History: what a row was at a time, from the versions that are kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct as Layout

from streams.records import Row

from ..tables import PipelineTables, StoredRow, TimedRow
from .state import END, Version

NO_TIME = -(1 << 63)
_inverted = Layout(">Q")
TIME_BYTES = 1 + _inverted.size
"""Behind the row's key in a key of its versions."""


def place_of(key: bytes, time_ms: int) -> bytes:
    """Where a version is kept: those of a row stand together, newest first."""
    return key + END + _inverted.pack((1 << 63) - 1 - time_ms)


def _time_of(place: bytes) -> int:
    """Event time (ms) of the version that is kept there."""
    (inverted,) = _inverted.unpack(place[-_inverted.size :])
    return (1 << 63) - 1 - int(inverted)


def horizon_of(tables: PipelineTables, keep_ms: int) -> int:
    """Event time (ms) before which nobody can ask."""
    watermark_ms = tables.current_progress().watermark
    return NO_TIME if watermark_ms is None else max(watermark_ms - keep_ms, NO_TIME)


def versions_since(
    asked: Iterable[tuple[bytes, int]], tables: PipelineTables
) -> Iterator[Iterator[tuple[bytes, Version]]]:
    """For each (key, event time in ms) the versions from the one that held then backwards."""
    return tables.joining.versions.scan_ranges((place_of(key, time_ms), key + b"\x01") for key, time_ms in asked)


def row_versions(
    asked: Sequence[tuple[bytes, int]], known: Mapping[bytes, StoredRow | None], tables: PipelineTables, keep_ms: int
) -> list[Row | None]:
    """For each (key, event time in ms) the row that held then; ``None``: there was none, or it is too long ago.

    ``known``: the rows as they are now. One that was written before anybody asked for versions has none, and holds.
    """
    horizon_ms, truncated = horizon_of(tables, keep_ms), tables.truncated.sweeping()
    rows: list[Row | None] = []
    for (key, time_ms), versions in zip(asked, versions_since(asked, tables), strict=True):
        held, now = next(versions, None), known.get(key)
        if held is not None and time_ms >= horizon_ms:
            is_gone = truncated is not None and now is None and _time_of(held[0]) <= truncated.time_ms <= time_ms
            rows.append(None if is_gone else held[1].row)
        else:
            is_old = held is None and isinstance(now, TimedRow) and now.time_ms == 0
            rows.append(now.row if is_old and now is not None else None)
    return rows
