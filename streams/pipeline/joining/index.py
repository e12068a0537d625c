"""Index: the rows that name partners which have changed, so many at a time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from streams.state.overlay import Overlay

from .state import END, Unfinished

V = TypeVar("V")
ROWS_A_CHECKPOINT = 5_000
"""Rows that follow, and partners that are looked at, at most."""


def take_rows(
    changed: Iterable[bytes], index: Overlay[V], unfinished: Overlay[Unfinished]
) -> list[tuple[bytes, bytes, V]]:
    """(partner, row, what the index says of the row) of rows that follow now; others are kept for the next checkpoint.

    First come partners that were not finished; one that has ``changed`` begins anew.
    """
    stored = dict(unfinished.scan())
    due = {partner: held.after.encode() for partner, held in stored.items()} | dict.fromkeys(changed, b"")
    if not due:
        return []
    taken: list[tuple[bytes, bytes, V]] = []
    left, states = ROWS_A_CHECKPOINT, dict[bytes, Unfinished | None]()
    bounds = [(partner + END + after + (b"\0" if after else b""), partner + b"\x01") for partner, after in due.items()]
    for (partner, after), found in zip(due.items(), index.scan_ranges(bounds), strict=True):
        rows = [(partner, key[len(partner) + 1 :], held) for key, held in islice(found, max(left, 0))]
        is_done = len(rows) < left
        left -= max(len(rows), 1)
        taken += rows
        states[partner] = None if is_done else Unfinished((rows[-1][1] if rows else after).decode())
    unfinished.put_many({key: held for key, held in states.items() if held is not None or key in stored})
    return taken
