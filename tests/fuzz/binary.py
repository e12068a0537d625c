"""Binary: damaged bytes, and Avro and Protobuf written by schema with mistakes that no serializer makes."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from .trees import MARK

NUMBERS = [0, 1, -1, 2, 63, -64, 64, 1 << 31, -(1 << 31), (1 << 62) - 1, -(1 << 62), (1 << 63) - 1, -(1 << 63)]
DAYS = [2_146_033_979, -622_191_234, 622_191_232, 20_541]
BYTES = [b"", MARK.encode(), b"\x00", b"\xff" * 9, b"\x80" * 40, b"__debezium_unavailable_value", b"\xed\xa0\x80", b"a"]
WRONG = 0.004
"""Of all numbers, lengths and branches that are written."""


def damage_bytes(data: bytes, other: bytes, chance: Random) -> bytes:
    """One mistake of a network, a disk or a careless producer."""
    if not data:
        return chance.choice(BYTES)
    at = chance.randrange(len(data))
    match chance.randrange(8):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        case 2:
            return data[:at] + chance.choice(BYTES) + data[at:]
        case 3:
            return data[:at] + data[at + chance.randrange(1, 9) :]
        case 4:
            return data[:at] + other[chance.randrange(len(other) + 1) :]
        case 5:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 6:
            return data[:at] + data[at : at + 20] * chance.randrange(2, 5) + data[at:]
        case _:
            return data + data[:at]


def varint(number: int) -> bytes:
    """Unsigned, seven bits a byte."""
    number &= (1 << 70) - 1
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def zigzag(number: int) -> bytes:
    """Avro's int and long."""
    return varint((number << 1) ^ (number >> 63))


# -- Avro


def avro_of(schema: Any, known: dict[str, Any], chance: Random, depth: int = 0) -> bytes:
    """Bytes of a random value of a parsed schema, most of them right."""
    if depth > 40:
        return b""
    if chance.random() < WRONG:
        return chance.choice([b"", zigzag(chance.choice(NUMBERS)), chance.choice(BYTES)])
    if isinstance(schema, list):
        branch = chance.randrange(len(schema))
        if chance.random() < WRONG:
            return zigzag(chance.choice([-1, len(schema), 99]))
        return zigzag(branch) + avro_of(schema[branch], known, chance, depth + 1)
    if isinstance(schema, str):
        if schema in known:
            return avro_of(known[schema], known, chance, depth + 1)
        schema = {"type": schema}
    if isinstance(schema["type"], (dict, list)):
        return avro_of(schema["type"], known, chance, depth + 1)
    return _avro_value(schema, known, chance, depth)


def _avro_value(schema: dict[str, Any], known: dict[str, Any], chance: Random, depth: int) -> bytes:
    match schema["type"]:
        case "record":
            return b"".join(avro_of(field["type"], known, chance, depth + 1) for field in schema["fields"])
        case "array" | "map":
            return _avro_blocks(schema, known, chance, depth)
        case "string" | "bytes":
            return _avro_bytes(chance)
        case "fixed":
            return bytes(chance.randrange(256) for _ in range(min(schema["size"], 64)))
        case "int" | "long":
            return zigzag(chance.choice([*NUMBERS, *DAYS, chance.randrange(1 << 40)]))
        case "enum":
            return zigzag(chance.choice([0, len(schema["symbols"]) - 1, len(schema["symbols"]), -1]))
        case "boolean":
            return chance.choice([b"\x00", b"\x01", b"\x02"])
        case "float":
            return struct.pack("<f", chance.choice([0.1, -0.0, float("nan"), float("inf"), 1e38, chance.random()]))
        case "double":
            return struct.pack("<d", chance.choice([0.1, 1e308, float("nan"), -float("inf"), chance.random()]))
        case _:
            return b""


def _avro_bytes(chance: Random) -> bytes:
    held = chance.choice([*BYTES, b"2026-03-29T02:30:00Z", b"12.50", b'{"a":1}', *[b"c", b"u", b"d", b"r"] * 4])
    length = len(held) if chance.random() > WRONG else chance.choice(NUMBERS)
    return zigzag(length) + held


def _avro_blocks(schema: dict[str, Any], known: dict[str, Any], chance: Random, depth: int) -> bytes:
    count = chance.randrange(3)
    inner = schema.get("items", schema.get("values"))
    parts = [
        (_avro_bytes(chance) if schema["type"] == "map" else b"") + avro_of(inner, known, chance, depth + 1)
        for _ in range(count)
    ]
    if not count:
        return zigzag(0)
    if chance.random() < WRONG:
        return zigzag(chance.choice(NUMBERS)) + b"".join(parts)
    if chance.random() < 0.2:  # a negative count says the block's size, too
        return zigzag(-count) + zigzag(len(b"".join(parts))) + b"".join(parts) + zigzag(0)
    return zigzag(count) + b"".join(parts) + zigzag(0)


# -- Protobuf


def protobuf_of(kind: Descriptor, chance: Random, depth: int = 0) -> bytes:
    """Bytes of a random message, most of them right."""
    if depth > chance.choice([2, 4, 150]):
        return b""
    parts = []
    for field in kind.fields:
        for _ in range(chance.choice([0, 1, 1, 2]) if field.is_repeated else chance.choice([0, 1, 1, 1])):
            parts.append(_protobuf_field(field, chance, depth))
    if chance.random() < 0.1:
        parts.append(varint(chance.choice([0, 7, 8_000 << 3, (1 << 29) << 3 | 2, 3, 4])) + chance.choice(BYTES))
    return b"".join(parts)


def _protobuf_field(field: FieldDescriptor, chance: Random, depth: int) -> bytes:
    kind = chance.randrange(6) if chance.random() < WRONG else _wire_type(field)
    lead = varint(field.number << 3 | kind)
    if kind == 0:
        return lead + varint(chance.choice(NUMBERS))
    if kind in (1, 5):
        return lead + bytes(chance.randrange(256) for _ in range(8 if kind == 1 else 4))
    if kind != 2:
        return lead
    held = chance.choice([*BYTES, b"12.50", b"2026-03-29"])
    if field.message_type is not None:
        held = protobuf_of(field.message_type, chance, depth + 1)
    return lead + varint(len(held) if chance.random() > WRONG else chance.choice(NUMBERS)) + held


def _wire_type(field: FieldDescriptor) -> int:
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64):
        return 1
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_SFIXED32):
        return 5
    if field.message_type is not None or field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        return 2
    return 0
