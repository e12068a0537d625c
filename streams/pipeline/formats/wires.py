"""Wires: what a value means on its way, whoever wrote it; schemas of Connect, Avro and PostgreSQL's types say it.

A wire turns what the bytes hold into a plain value of its kind. ``streams.pipeline.formats.views`` then gives that
the form that the contract asks for, so that a row is the same bytes whichever format carried it.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)
"""What msgspec raises for bytes that are no JSON of the expected shape."""

Convert = Callable[[object], object]
"""Raises ``ValueError``, ``TypeError``, ``KeyError`` or ``ArithmeticError`` for what is not of the form it reads."""


class Kind(Enum):
    """What a value is; in brackets what a wire of this kind gives."""

    PLAIN = "plain"
    """The schema says no more than the JSON type: the contract decides [as it came]."""
    DECIMAL = "decimal"
    """[``Decimal`` or integer]."""
    FLOAT = "float"
    """A binary fraction [``Decimal`` of its shortest text, or ``NaN``, ``Infinity``, ``-Infinity``]."""
    TIMESTAMP = "timestamp"
    """[integer of ``unit`` since the epoch, or text]."""
    DATE = "date"
    """[days since the epoch, or text]."""
    TIME = "time"
    """[integer of ``unit`` since midnight, or text]."""
    ZONED_TIME = "zoned time"
    """[text]."""
    INTERVAL = "interval"
    """[microseconds, or text]."""
    BYTES = "bytes"
    """[bytes]."""
    BITS = "bits"
    """[text of 0 and 1, the highest bit first]."""
    JSON = "json"
    """[text]."""
    ARRAY = "array"
    """[list of what ``items`` gives]."""
    OBJECT = "object"
    """[dictionary, by ``fields``]."""
    MAP = "map"
    """[dictionary whose values are ``items``]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What one value means."""

    kind: Kind
    read: Convert | None = None
    """From what the bytes hold to the plain value; ``None``: it is that."""
    unit: str = "us"
    """``s ms us ns``: of integers; of text, the unit an integer column gets."""
    items: Wire | None = None
    fields: Mapping[str, Wire] = field(default_factory=dict)


PLAIN = Wire(kind=Kind.PLAIN)
LARGEST_SCALE, LARGEST_LENGTH = 16_383, 131_072
"""Digits behind and before the point of PostgreSQL's widest numeric; no other database has wider ones."""


def decimal_of(unscaled: bytes, scale: object) -> Decimal:
    """Of a big-endian two's complement; exact at any length. Raises ``ValueError`` for a scale that no column has."""
    if not isinstance(scale, int) or not -LARGEST_LENGTH <= scale <= LARGEST_SCALE:
        raise ValueError("no scale of a decimal")
    if len(unscaled) > LARGEST_LENGTH:
        raise ValueError("longer than any decimal")
    number = int.from_bytes(unscaled, "big", signed=True)
    if scale < 0:
        number, scale = number * 10**-scale, 0
    # From text, which is exact: arithmetic would round to the context's 28 digits.
    return Decimal(f"{number}E{-scale}")


def exact(value: object) -> Decimal:
    """A decimal of text or a number as it stands; ``ValueError`` where its plain digits would fill the memory."""
    number = value if type(value) is Decimal else Decimal(str(value))
    if not -LARGEST_SCALE <= number.adjusted() <= LARGEST_LENGTH:
        raise ValueError("outside of any decimal column")
    return number


def decimal_of_text(value: object) -> object:
    """A decimal written in digits, or as ``NaN`` and ``Infinity`` in any spelling."""
    if isinstance(value, bool):
        raise TypeError("a truth value is no number")
    return value if isinstance(value, int) else exact(value)


def bytes_of(value: object) -> bytes:
    """Of Connect's base64, or what is bytes already."""
    return value if isinstance(value, bytes) else b64decode(str(value), validate=True)


def text_of_bytes(value: bytes) -> str:
    """Base64, as rows hold bytes."""
    return b64encode(value).decode()


def variable_decimal(value: object) -> object:
    """``io.debezium.data.VariableScaleDecimal``: {scale, value}."""
    if not isinstance(value, dict):
        raise TypeError("no VariableScaleDecimal")
    return decimal_of(bytes_of(value["value"]), value["scale"])


def bits_of(value: bytes, length: int | None) -> str:
    """Debezium's ``Bits``, little-endian, as text; of a type without a length, all bits of its bytes."""
    if length is None or length < 0:
        raise ValueError("no length of a bit string")
    return f"{int.from_bytes(value, 'little'):0{min(length, 8 * len(value))}b}"


SPOKEN = {"nan": "NaN", "infinity": "Infinity", "-infinity": "-Infinity", "inf": "Infinity", "-inf": "-Infinity"}


def float_of(value: object) -> object:
    """The shortest text of a double: the same number is the same bytes, whoever wrote it."""
    if isinstance(value, bool):
        raise TypeError("a truth value is no number")
    if isinstance(value, str) and (spoken := SPOKEN.get(value.lower())) is not None:
        return spoken
    number = float(value)  # type: ignore[arg-type]  # raises TypeError where it is none
    if number in (float("inf"), float("-inf")) and not isinstance(value, float):
        raise ValueError("beyond a double")
    return SPOKEN.get(repr(number)) or Decimal(repr(number))


def single_of(value: object) -> object:
    """The same of a 32-bit float: the fewest digits that mean it, not those of the double it was widened to."""
    if not isinstance(value, float) or value != value or value in (float("inf"), float("-inf")):
        return float_of(value)
    for digits in range(6, 9):
        text = f"{value:.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == value:
            return float_of(text)
    return float_of(f"{value:.9g}")


def decimal_text(number: object) -> str:
    """All digits, none of them an exponent."""
    held = exact(number)
    if not held.is_finite():
        return str(float_of("NaN" if held.is_nan() else str(held)))
    return format(held, "f")


def plain_json(value: object) -> object:
    """A value of which only its Python type is known, as JSON can hold it."""
    match value:
        case bytes():
            return text_of_bytes(value)
        case float():
            return float_of(value)
        case list():
            return [plain_json(held) for held in value]
        case dict():
            return {str(name): plain_json(held) for name, held in value.items()}
        case _:
            return value
