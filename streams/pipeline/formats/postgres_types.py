"""PostgreSQL's types by name: what the values of wal2json's columns mean.

Source: wal2json 2.5 on PostgreSQL 15, real captures. Numbers and truth values are JSON's, everything else is the
type's text; ``numeric-data-types-as-string`` makes text of numbers, too.
"""

from __future__ import annotations

from functools import lru_cache

from streams.contracts.model import split_physical_type

from .arrays import array_elements
from .wires import PLAIN, Kind, Wire, decimal_of_text, float_of


def _integer(value: object) -> object:
    return int(value) if isinstance(value, str) else value


def _truth(value: object) -> object:
    return {"t": True, "true": True, "f": False, "false": False}[value] if isinstance(value, str) else value


def _hexadecimal(value: object) -> bytes:
    return bytes.fromhex(str(value).removeprefix("\\x"))


def _elements(value: object) -> object:
    return array_elements(value) if isinstance(value, str) else value


_INTEGER = Wire(kind=Kind.PLAIN, read=_integer)
_DECIMAL = Wire(kind=Kind.DECIMAL, read=decimal_of_text)
_FLOAT = Wire(kind=Kind.FLOAT, read=float_of)
_TRUTH = Wire(kind=Kind.PLAIN, read=_truth)
_BITS, _JSON, _TIME = Wire(kind=Kind.BITS), Wire(kind=Kind.JSON), Wire(kind=Kind.TIME)
_WIRES = {
    **dict.fromkeys(("smallint", "integer", "bigint", "int2", "int4", "int8", "oid"), _INTEGER),
    **dict.fromkeys(("numeric", "decimal"), _DECIMAL),
    **dict.fromkeys(("real", "double precision", "float4", "float8"), _FLOAT),
    **dict.fromkeys(("boolean", "bool"), _TRUTH),
    **dict.fromkeys(("time", "time without time zone"), _TIME),
    **dict.fromkeys(("timetz", "time with time zone"), Wire(kind=Kind.ZONED_TIME)),
    **dict.fromkeys(("json", "jsonb"), _JSON),
    **dict.fromkeys(("bit", "bit varying", "varbit"), _BITS),
    "date": Wire(kind=Kind.DATE),
    "interval": Wire(kind=Kind.INTERVAL),
    "bytea": Wire(kind=Kind.BYTES, read=_hexadecimal),
}
_TIMESTAMPS = ("timestamp", "timestamptz", "timestamp without time zone", "timestamp with time zone")
MILLISECOND_DIGITS = 3


@lru_cache(maxsize=1_024)
def wire_of_type(name: str) -> Wire:
    """The wire of a type as ``format_type`` writes it, such as ``numeric(12,2)`` or ``text[]``."""
    if name.endswith("[]"):
        return Wire(kind=Kind.ARRAY, read=_elements, items=wire_of_type(name[:-2]))
    base, first, _ = split_physical_type(name)
    if base in _TIMESTAMPS:
        is_short = first is not None and first <= MILLISECOND_DIGITS
        return Wire(kind=Kind.TIMESTAMP, unit="ms" if is_short else "us")
    return _WIRES.get(base, PLAIN)
