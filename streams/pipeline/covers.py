"""Covers: what a mask makes of a value.

``redact`` leaves nothing, ``partial`` the last four characters, ``hash`` a keyed pseudonym: the same value always
gives the same one, so groups and joins on it work, and without the key nobody can try values out.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

from streams.contracts.model import Column

from .tables import encode_key

Cover = Callable[[object], object]

REDACTED = "***"
KEPT_CHARACTERS = 4


def redact(column: Column) -> Cover:
    """``null`` where the column may be null, else ``***``; only text and nullable columns can be redacted."""
    covered = None if column.nullable else REDACTED
    return lambda value: covered


def partial(column: Column) -> Cover:
    """All but the last four characters become ``*``; shorter text is covered whole."""

    def cover(value: object) -> object:
        if value is None:
            return None
        text = str(value)
        if len(text) <= KEPT_CHARACTERS:
            return "*" * len(text)
        return "*" * (len(text) - KEPT_CHARACTERS) + text[-KEPT_CHARACTERS:]

    return cover


def pseudonym(key: bytes) -> Cover:
    """HMAC-SHA256 of the value under ``key``, 32 hex digits; null stays null."""

    def cover(value: object) -> object:
        if value is None:
            return None
        text = value.encode() if isinstance(value, str) else encode_key([value])
        return hmac.digest(key, text, sha256).hex()[:32]

    return cover
