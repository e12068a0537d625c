"""Keys: where the states of windows are kept. Those that close first stand first, so what closes is one range."""

from __future__ import annotations

from struct import Struct as Layout

RECENT = b"\xfe"
"""Leads what is remembered of groups beside their windows, in the same changelog: no time is as late as that."""
_time = Layout(">Q")
_EPOCH_SHIFT = 1 << 63  # unsigned, so that windows before 1970 sort before those after


def window_key(time_ms: int, rest: bytes) -> bytes:
    """Key of a window's state: all windows of one time stand together, oldest first."""
    return _time.pack(time_ms + _EPOCH_SHIFT) + rest


def split_window_key(key: bytes) -> tuple[int, bytes]:
    """(time in ms, the rest) of a window's key."""
    return _time.unpack_from(key)[0] - _EPOCH_SHIFT, key[8:]


def moment_key(group: bytes, time_ms: int) -> bytes:
    """Key of what is remembered of one moment of a group; no group's key begins another's, as JSON arrays end."""
    return group + window_key(time_ms, b"")


def moment_of(key: bytes) -> int:
    """The time (ms) of such a key."""
    return split_window_key(key[-8:])[0]
