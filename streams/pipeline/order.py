"""Order: which of two changes of a row is newer. Never whether they are the same: that is identity."""

from __future__ import annotations

import json

from streams.records import ChangeEvent, Operation

Order = tuple[int, int, int]


def is_unplaced(event: ChangeEvent) -> bool:
    """A row of an incremental snapshot: it has no log position of its own, so a repeated one is no duplicate.

    Its order is that of the stream when it was read. When it comes again, later changes must not be undone.
    """
    return event.operation is Operation.READ and event.source.get("lsn") is None


def order_of(event: ChangeEvent) -> Order:
    """(end of the previous commit, log position, place in the transaction): greater is newer, per row.

    Source: Debezium's PostgreSQL connector, ``source.sequence`` = JSON ``["<last commit's end>", "<lsn>"]``.
    """
    sequence = event.source.get("sequence")
    committed, position = 0, _integer(event.source.get("lsn"))
    if isinstance(sequence, str):
        told = _sequence_of(sequence)
        committed, position = told[0], told[1] or position
    return committed, position, _integer((event.transaction or {}).get("total_order"))


def _sequence_of(text: str) -> tuple[int, int]:
    """Zeros for what is no pair: the order of one row is not worth a worker's stop."""
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        return 0, 0
    return (_integer(parts[0]), _integer(parts[1])) if isinstance(parts, list) and len(parts) > 1 else (0, 0)


def _integer(value: object) -> int:
    return int(value) if isinstance(value, (int, str)) and str(value).isdecimal() else 0
