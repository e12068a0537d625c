"""Position: how far a capture has come; written in the same Kafka transaction as the changes before it."""

from __future__ import annotations

import msgspec

Key = tuple[str, ...]
"""Values of a primary key, in its order, as PostgreSQL writes them."""


class TableSnapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A table whose rows are being told, or will be."""

    table: str
    is_initial: bool = False
    """Part of the capture's first snapshot; else it was asked for while the log was followed."""
    signal: str | None = None
    """Id of the signal that asked for it."""
    columns: tuple[str, ...] = ()
    """Of the primary key, by which the places below are meant; empty: it has not begun."""
    after: Key | None = None
    """The last row that Kafka has; ``None``: it has none."""
    until: Key | None = None
    """The last row there was at the beginning: later ones came while the log was followed, which tells of them."""
    again: tuple[Key, ...] = ()
    """Rows behind ``after`` of which the log could not tell every value."""
    rows: int = 0
    """Rows read so far."""
    expected: int = 0
    """Rows that there are, as PostgreSQL estimated it at the beginning."""
    contained: str | None = None
    """Of a table without a primary key: the snapshot that was told; changes that it shows are not told once more."""


class SnapshotState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which rows Kafka has beside the log's changes."""

    tables: tuple[str, ...] = ()
    """Whose snapshot is complete."""
    queue: tuple[TableSnapshot, ...] = ()
    """The others, the one under way first."""
    is_paused: bool = False


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
    snapshots: SnapshotState | None = None
    """``None``: an earlier release wrote it, which had one snapshot of all tables, ``is_snapshot_done``."""


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
