"""Query: what a table holds, as people ask for it.

In:   the committed store of a task.
Out:  rows with their keys; never anything that is not committed.
Next: streams.worker.web, streams.testing
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streams.state.overlay import store_key
from streams.state.stores.base import Store

from .plan import Aggregation, Plan
from .tables import decode_group, decode_state, decode_stored_row, encode_key
from .windows.keys import RECENT, window_key
from .windows.kinds import Span, Windows

LATEST_MS = 1 << 62
"""No window starts later, or so much before 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One entry of a table."""

    key: tuple[object, ...]
    """Values of the key columns or of the group, in JSON view."""
    window: tuple[int, int] | None
    """Start and end in ms; ``None`` where the table has no windows."""
    row: dict[str, object]


def find_row(
    store: Store, plan: Plan, table: str, key: list[object], *, window: Sequence[int] = ()
) -> TableRow | None:
    """The row of ``key``, ``None`` if there is none; ``KeyError`` if the plan keeps no such table.

    ``window``: its start and, where windows have no length, its end (ms); empty where there are none.
    """
    windows, stored_key = windows_of(plan, table), encode_key(key)
    if windows is not None and window:
        stored_key = windows.key(Span(window[0], window[-1]), stored_key)
    (value,) = store.get_many([store_key(table, stored_key)])
    return None if value is None else _row(plan, table, stored_key, value)


def scan_rows(
    store: Store, plan: Plan, table: str, *, from_ms: int | None = None, to_ms: int | None = None, after: bytes = b""
) -> Iterator[tuple[bytes, TableRow]]:
    """(stored key, row) of a table, ascending, behind the stored key ``after``.

    ``from_ms`` and ``to_ms`` bound window starts, [from, to); they are ignored where there are no windows.
    """
    space = store_key(table, b"")
    start, end = after + b"\0" if after else b"", space[:-1] + b"\x01"
    if windows_of(plan, table) is not None:
        start = max(start, b"" if from_ms is None else window_key(from_ms, b""))
        end = space + (RECENT if to_ms is None else window_key(to_ms, b""))
    for key, value in store.scan(space + start, end):
        yield key[len(space) :], _row(plan, table, key[len(space) :], value)


def _aggregation(plan: Plan, table: str) -> Aggregation | None:
    """The aggregation that keeps ``table``, ``None`` for latest rows; ``KeyError`` if the plan has no such table."""
    for aggregation in plan.aggregations:
        if aggregation.table == table:
            return aggregation
    if plan.table is None or plan.table.name != table:
        raise KeyError(table)
    return None


def split_key(key: list[object], windows: Windows | None) -> tuple[list[object], list[int]]:
    """(values of the group, what names the window): its start, and its end where windows have no length.

    Raises ``ValueError`` where the last parts of the key are no times.
    """
    if windows is None:
        return key, []
    window = [time for time in key[-windows.named_by :] if type(time) is int and abs(time) <= LATEST_MS]
    if len(window) < windows.named_by:
        parts = "part of the key is the window's start" if windows.named_by == 1 else "parts are its start and its end"
        raise ValueError(f"the last {parts} in ms")
    return key[: -windows.named_by], window


def windows_of(plan: Plan, table: str) -> Windows | None:
    """The windows of ``table``, ``None`` where it has none; ``KeyError`` if the plan keeps no such table."""
    aggregation = _aggregation(plan, table)
    return None if aggregation is None else aggregation.windows


def _row(plan: Plan, table: str, key: bytes, value: bytes) -> TableRow:
    aggregation = _aggregation(plan, table)
    if aggregation is None:
        return TableRow(key=tuple(decode_group(key)), window=None, row=decode_stored_row(value).row)
    window: tuple[int, int] | None = None
    group = key
    facts: dict[str, object] = {}
    if aggregation.windows is not None:
        window, group = aggregation.windows.split(key)
        facts = {"window_start": window[0], "window_end": window[1]}
    values = decode_group(group)
    identity = dict(zip(aggregation.by, values, strict=True))
    return TableRow(
        key=tuple(values), window=window, row={**identity, **facts, **aggregation.read(decode_state(value))}
    )
