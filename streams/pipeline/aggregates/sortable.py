"""Sortable: bytes that sort as the values do, and of which none begins another."""

from __future__ import annotations

from decimal import Decimal
from struct import Struct as Layout

from ..tables import encode_key

_BOOLEAN, _NUMBER, _TEXT, _OTHER = b"\1", b"\2", b"\3", b"\4"
_NEGATIVE, _ZERO, _POSITIVE = b"\1", b"\2", b"\3"
_magnitude = Layout(">Q")
_MIDDLE = 1 << 63
_ONE_MORE = bytes((byte + 1) % 256 for byte in range(256))
_MIRROR = bytes(255 - byte for byte in range(256))


def sort_key(value: object) -> bytes:
    """Of a value in JSON view; numbers that are equal are the same, however they are written."""
    match value:
        case bool():
            return _BOOLEAN + bytes((value,))
        case int() | Decimal():
            return _NUMBER + _number(Decimal(value))
        case str():
            # A zero byte ends it; one inside is followed by a byte that no end is followed by.
            return _TEXT + value.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff") + b"\0\0"
        case _:
            return _OTHER + encode_key([value]) + b"\0"


def descending(key: bytes) -> bytes:
    """The same, sorted the other way round."""
    return key.translate(_MIRROR)


def _shifted(number: int) -> bytes:
    return _magnitude.pack(min(max(number + _MIDDLE, 0), (1 << 64) - 1))


def _number(value: Decimal) -> bytes:
    if not value:
        return _ZERO
    sign, digits, _ = value.as_tuple()
    # Digits are 1 to 10, so that the zero at the end is less than any.
    written = bytes(digits).translate(_ONE_MORE).rstrip(b"\1") + b"\0"
    key = _shifted(value.adjusted()) + written
    return _NEGATIVE + descending(key) if sign else _POSITIVE + key
