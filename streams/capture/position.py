"""Position: how far a capture has come; written in the same Kafka transaction as the changes before it."""

from __future__ import annotations

import msgspec


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Everything before this is in Kafka, nothing after it."""

    is_snapshot_done: bool = False
    final_lsn: int = 0
    """Commit position of the last transaction that is whole in Kafka; later ones are sent, this and earlier are not."""
    end_lsn: int = 0
    """End of that commit: what may be confirmed to PostgreSQL, and where replication starts again."""
    open_lsn: int = 0
    """Commit position of a transaction that is in Kafka in part; 0: there is none."""
    open_events: int = 0
    """How many of its events are there."""
    open_reader: str = ""
    """How its events were counted: another plugin, or other tables, would count others."""


def encode_position(position: Position) -> bytes:
    """As the positions topic holds it."""
    return msgspec.json.encode(position)


def decode_position(value: bytes) -> Position:
    """What ``encode_position`` wrote."""
    return msgspec.json.decode(value, type=Position)


def lsn_text(lsn: int) -> str:
    """``16/B374D848``, as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def lsn_number(text: str) -> int:
    """The number of PostgreSQL's text."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)
