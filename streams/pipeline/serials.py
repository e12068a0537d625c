"""What makes two records the same change; and serials: a number in an identity that grows as a rule.

One that is larger than ever before is of a new identity. Equal identities have equal serials: that is all that is
asked of them. Where numbers come in disorder more identities are looked for in the store, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from streams.contracts.model import Column, ColumnType
from streams.records import ChangeEvent
from streams.state.newest import NO_SERIAL, UNKNOWN


@dataclass(frozen=True, slots=True)
class Serial:
    """The serials of a pipeline's identities."""

    name: str
    """What the numbers are: those of another are not to be compared with them."""
    read: Callable[[list[ChangeEvent]], list[float]]
    """Of each event, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplication:
    """What makes two records the same change, and for how long."""

    identify: Callable[[ChangeEvent], bytes | None]
    serial: Serial | None = None
    """A number that equal identities share and new ones mostly exceed; ``None``: there is none."""
    keep_ms: int
    """In event time, from the first of them."""
    columns: tuple[str, ...] = ()
    """Whose values the identity is, in the open; empty: it is something else."""


def serial_of_changes() -> Serial:
    """For ``identify_by_change``: the number of the transaction, where it is part of the identity."""
    return Serial("txId", lambda events: [_transaction(event) for event in events])


def _transaction(event: ChangeEvent) -> float:
    if event.transaction is None or event.transaction.get("total_order") is None:
        return NO_SERIAL
    number = event.source.get("txId")
    if type(number) is int:
        return number
    return NO_SERIAL if type(number) is str else UNKNOWN


def serial_of_columns(names: tuple[str, ...], columns: Mapping[str, Column]) -> Serial | None:
    """For ``identify_by_columns``: the first of them that is always a whole number."""
    whole = [name for name in names if _is_whole(columns.get(name))]
    return _serial_of(whole[0]) if whole else None


def _is_whole(column: Column | None) -> bool:
    return column is not None and column.type is ColumnType.INTEGER and not column.nullable


def _serial_of(name: str) -> Serial:
    def read(events: list[ChangeEvent]) -> list[float]:
        # What was not sent, as on DELETE, is part of the identity, too: none with a number is equal to it.
        values = [event.row.get(name) for event in events]
        if set(map(type, values)) == {int}:
            return cast("list[float]", values)
        return [value if type(value) is int else NO_SERIAL if value is None else UNKNOWN for value in values]

    return Serial(name, read)
