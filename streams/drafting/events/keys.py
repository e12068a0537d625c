"""Keys: which columns the records' keys hold, and whether they tell rows apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

ALMOST_ALL = 0.99
USUAL = "id"
_encode = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What the keys say."""

    identity: tuple[str, ...] = ()
    """The columns that tell rows apart; empty: nothing is known to."""
    partitioned_by: tuple[str, ...] = ()
    """The columns of the records' keys, where those do not."""


@dataclass(slots=True)
class KeySeen:
    """Keys of records and the rows below them, as digests."""

    records: int = 0
    keyed: int = 0
    names: tuple[str, ...] | None = None
    """Columns of every key; empty: keys are no objects, or differ."""
    scalar: set[str] | None = None
    """Columns whose value is the key itself, in every record."""
    rows: int = 0
    """That were new, not changed."""
    keys: set[bytes] = field(default_factory=set)
    usual: set[bytes] = field(default_factory=set)

    def add(self, key: bytes | None, row: Mapping[str, object], *, is_new: bool) -> None:
        """One record."""
        self.records += 1
        if key is None:
            return
        self.keyed += 1
        held = _decoded(key)
        if isinstance(held, Mapping):
            held = held.get("payload", held) if set(held) == {"schema", "payload"} else held
        names = tuple(map(str, held)) if isinstance(held, Mapping) else ()
        self.names = names if self.names in (None, names) else ()
        if not isinstance(held, Mapping):
            equal = {name for name, value in row.items() if value == held or str(value) == str(held)}
            self.scalar = equal if self.scalar is None else self.scalar & equal
        if is_new:
            self.rows += 1
            self.keys.add(_digest(key))
            if USUAL in row:
                self.usual.add(_digest(_encode(row[USUAL])))

    def found(self, columns: Iterable[str]) -> Keys:
        """What the keys say of rows with ``columns``; nothing where a record had no key, or not one of its row."""
        known = list(columns)
        names = self.names or tuple([name for name in known if name in (self.scalar or ())][:1])
        if not names or self.keyed < self.records or not set(names) <= set(known):
            return Keys()
        if USUAL in known and USUAL not in names and self._is_apart(self.usual) and not self._is_apart(self.keys):
            return Keys(identity=(USUAL,), partitioned_by=names)
        return Keys(identity=names)

    def _is_apart(self, seen: set[bytes]) -> bool:
        return len(seen) >= ALMOST_ALL * self.rows > 0


def _decoded(key: bytes) -> object:
    try:
        return msgspec.json.decode(key)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return key.decode(errors="replace")


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()
