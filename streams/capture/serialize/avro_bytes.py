"""Avro bytes: a writer compiled from a schema, for the schemas that capture makes.

fastavro finds the branch of a union by trying the value against each; here a union is a type and null, and its branch
is known. For a change of six columns that is half of the time. Records, arrays, such unions and primitive types; what
stands in the rows is of its type already. Source: Avro 1.11, "Binary Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Write = Callable[[Any], bytes]
_SMALL = tuple(bytes([number]) for number in range(128))
_FLOAT, _DOUBLE = struct.Struct("<f").pack, struct.Struct("<d").pack


def long_bytes(number: int) -> bytes:
    """Zig-zag varint of a signed 64-bit number.

    >>> long_bytes(-1), long_bytes(64)
    (b'\\x01', b'\\x80\\x01')
    """
    number = (number << 1) ^ (number >> 63)
    return _SMALL[number] if number < 128 else _long_varint(number)


@lru_cache(4096)
def _long_varint(number: int) -> bytes:
    """Times and places of a transaction are the same in many of its records."""
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _string(value: str) -> bytes:
    data = value.encode()
    return long_bytes(len(data)) + data


def _bytes(value: bytes) -> bytes:
    return long_bytes(len(value)) + value


def _boolean(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


_PRIMITIVES: dict[str, Write] = {
    "string": _string,
    "bytes": _bytes,
    "int": long_bytes,
    "long": long_bytes,
    "boolean": _boolean,
    "float": _FLOAT,
    "double": _DOUBLE,
}


def compile_writer(schema: Any) -> Write:
    """A function that writes values of ``schema``, as JSON has it; raises ``ValueError`` for other schemas."""
    return _compile(schema, {})


def _compile(schema: Any, named: dict[str, Write]) -> Write:
    if isinstance(schema, list):
        return _union(schema, named)
    if isinstance(schema, str):
        return _PRIMITIVES.get(schema) or named[schema]
    match schema["type"]:
        case "record":
            write = _record(schema, named)
            full_name = f"{schema.get('namespace', '')}.{schema['name']}"
            named |= {schema["name"]: write, full_name: write}
            return write
        case "array":
            return _array(_compile(schema["items"], named))
        case kind:
            return _compile(kind, named)


def _union(branches: list[Any], named: dict[str, Write]) -> Write:
    if len(branches) != 2 or "null" not in branches:
        raise ValueError("a union is of null and one type")
    null = branches.index("null")
    write = _compile(branches[1 - null], named)
    absent, present = long_bytes(null), long_bytes(1 - null)

    def write_optional(value: Any) -> bytes:
        return absent if value is None else present + write(value)

    return write_optional


def _record(schema: Any, named: dict[str, Write]) -> Write:
    fields = [(field["name"], _compile(field["type"], named)) for field in schema["fields"]]

    def write(value: Any) -> bytes:
        return b"".join([encode(value[name]) for name, encode in fields])

    return write


def _array(write_item: Write) -> Write:
    def write(value: Any) -> bytes:
        if not value:
            return b"\x00"
        return b"".join([long_bytes(len(value)), *map(write_item, value), b"\x00"])

    return write
