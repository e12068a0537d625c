"""Entries: what stands in tables of claims, of their stages, of the values of groups and of rows that move."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value of a group."""

    count: int
    """How often it is there."""
    place: Any
    """What decides where it stands; ``None``: the value itself."""
    value: Any


class MovedRow(msgspec.Struct, frozen=True, gc=False):
    """The row that went last because its key changed: what the INSERT right behind it may not carry."""

    key: str
    """Its new canonical key."""
    row: dict[str, Any]


class Claimed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a row claims of one rule, and the order of the change that said so."""

    parts: tuple[str | None, ...]
    """By column the digest of its value; ``None`` for null, and for what has never been sent."""
    order: tuple[int, int, int]
    moved_to: str = ""
    """Of the row that went last because its key changed: its new id."""


class Holders(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who names one value, as a stage counts them."""

    rows: int = 0
    """Live rows that have it."""
    targets: int = 0
    """Live rows whose key it is."""
    sample: tuple[str, ...] = ()
    """Ids of some of the rows, ascending."""
    is_told: bool = False
    """A finding about it is open."""
    time_ms: int = 0
    """Of the newest record that changed it."""


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How one rule stands in one partition of its stage."""

    open_findings: int = 0
    truncated: tuple[int, int, int] | None = None
    """Rows older in order are gone, whatever is still said of them."""
    target_truncated: tuple[int, int, int] | None = None
    newest_ms: int | None = None
    """Of the dataset, where freshness is measured here."""
    is_stale: bool = False
    is_told: bool = False
    """Its finding is open."""


decode_entry = msgspec.json.Decoder(Entry, float_hook=Decimal).decode
decode_claimed = msgspec.json.Decoder(Claimed).decode
decode_holders = msgspec.json.Decoder(Holders).decode
decode_standing = msgspec.json.Decoder(Standing).decode
decode_moved = msgspec.json.Decoder(MovedRow, float_hook=Decimal).decode
