"""Changelog records and the marker: how a store is written, and rebuilt from what Kafka holds of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from .overlay import Entry, store_key
from .packs import PACK_KEY, unpack
from .stores.base import Store

MARKER_KEY = b"\0marker"
"""Where a store keeps its marker, and the key of the marker's record in a state changelog."""
EMPTIED_KEY = b"\0emptied"
"""Key of a record that says: what the changelog held before counts no more. A store of whatever age empties itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangelogRun:
    """Records for one partition of a changelog, in order."""

    topic: str
    partition: int
    records: list[Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Up to where a store has come; written in the same atomic write as the changes."""

    changelogs: Mapping[str, int] = field(default_factory=dict)
    """By changelog topic: the offset where a restore goes on."""
    sources: Mapping[str, int] = field(default_factory=dict)
    """By source topic: the next offset to process."""
    plans: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By state changelog's short name, the same of one pipeline: it may be ahead of others that were set back."""
    fingerprint: str = ""
    """Of the plan that wrote the store."""
    written_ms: int = 0
    """Wall clock at the last write, ms since the epoch; 0: unknown."""


def changelog_topic(app: str, short_name: str) -> str:
    """Full name of a changelog topic."""
    return f"{app}-{short_name}-changelog"


def encode_marker(marker: Marker) -> bytes:
    """The marker as JSON."""
    return msgspec.json.encode(marker)


def decode_marker(value: bytes) -> Marker:
    """The marker that ``encode_marker`` wrote; raises ``msgspec.ValidationError`` where it is none."""
    return msgspec.json.decode(value, type=Marker)


def read_marker(store: Store) -> Marker:
    """How far ``store`` has come; an empty marker for a new one."""
    (value,) = store.get_many([MARKER_KEY])
    return Marker() if value is None else decode_marker(value)


def apply_changelogs(store: Store, records: Mapping[str, Iterable[Entry]], marker: Marker) -> None:
    """Write changelog records, by the short name of their changelog, and the marker that says so, atomically.

    Marker records among them carry the source offsets; they are the caller's to read, and are not stored as entries.
    """
    changes: list[Entry] = []
    for short_name, run in records.items():
        space = store_key(short_name, b"")
        held: list[Entry] = []
        for key, value in run:
            if key[:1] != b"\0":
                held.append((space + key, value))
            elif key.startswith(PACK_KEY):
                held += unpack(space, key, value)
            elif key == EMPTIED_KEY:
                held = [(stored, None) for stored, _ in store.scan(space, space[:-1] + b"\x01")]
            elif key != MARKER_KEY:
                held.append((space + key, value))
        changes += held
    changes.append((MARKER_KEY, encode_marker(marker)))
    store.write(changes)
